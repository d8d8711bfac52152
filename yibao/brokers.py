"""How a site's brokers are reached."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector.access import BrokerAccess
from connector.access import client_options as options_of
from streams.mapping import Site


def broker_access(site: Site) -> BrokerAccess:
    """How to reach the brokers."""
    security = site.kafka.security
    return BrokerAccess(
        bootstrap_servers=site.kafka.bootstrap_servers,
        protocol=security.protocol,
        ca_file=text_of(security.ssl_cafile),
        certificate_file=text_of(security.ssl_certfile),
        key_file=text_of(security.ssl_keyfile),
        mechanism=security.sasl_mechanism,
        user=security.sasl_username,
        password_file=text_of(security.sasl_password_file),
    )


def client_options(site: Site) -> Mapping[str, Any]:
    """What kafka-python's clients take. Raises connector's Misconfigured when a password file cannot be read."""
    return options_of(broker_access(site), client_id=f"yibao-{site.site}")


def text_of(path: Path | None) -> str | None:
    """A path as other programs' settings take it."""
    return None if path is None else f"{path}"
