"""From a site's file to its brokers. Without the stages: a command that only asks starts in two thirds of the time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.mapping import Site
from streams.mapping.secret_files import read_secret
from streams.mapping.tls import tls_context
from streams.topics.access import BrokerAccess
from streams.topics.access import client_options as options_of


def broker_access(site: Site) -> BrokerAccess:
    """How to reach the brokers. Raises Misconfigured for a file that cannot be used."""
    security = site.kafka.security
    file = security.sasl_password_file
    return BrokerAccess(
        bootstrap_servers=site.kafka.bootstrap_servers,
        protocol=security.protocol,
        tls=tls_context(security),
        mechanism=security.sasl_mechanism,
        user=security.sasl_username,
        password=None if file is None else read_secret(file, setting="kafka.security.sasl_password_file"),
    )


def client_options(site: Site) -> Mapping[str, Any]:
    """What kafka-python's clients take. Raises Misconfigured for a file that cannot be used."""
    return options_of(broker_access(site), client_id=f"yibao-{site.site}")


def text_of(path: Path | None) -> str | None:
    """A path as other programs' settings take it."""
    return None if path is None else f"{path}"
