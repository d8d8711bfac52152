"""How a Faust app joins its group, and the credentials it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.types.auth import CredentialsT

from streams.errors import Misconfigured
from streams.lanes.settings import BrokerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """How a worker takes part in its consumer group."""

    group: str
    """The consumer group."""
    client_id: str
    """Name of this process to the brokers."""
    broker: BrokerSettings
    """Where Kafka is and how to talk to it."""
    home: Path
    """Folder of this process."""
    session_timeout_s: float = 10.0
    """After so long without a sign of life the group goes on without this process."""
    heartbeat_s: float = 2.0
    """How often it gives a sign of life."""
    max_poll_interval_s: float = 86_400.0
    """Likewise, after so long in which nobody asked for records or had room for them."""
    rebalance_timeout_s: float = 30.0
    """How long members have to join again after a change of the group."""
    buffered_lists: int = 4096
    """Most fetched lists on their way to the lanes. The number of records is bounded by the lanes' water marks."""


def credentials(security: Mapping[str, object]) -> CredentialsT | None:
    """Faust's form of aiokafka's connection arguments."""
    protocol: Any = security.get("security_protocol", "PLAINTEXT")
    context: Any = security.get("ssl_context")
    if protocol in ("SSL", "SASL_SSL") and context is None:
        # Faust would fall back to plain text and send the password in clear.
        raise Misconfigured(f"{protocol} needs a TLS context; kafka.security in site.yaml gives none")
    if protocol == "SSL":
        return faust.SSLCredentials(context=context)
    if protocol in ("SASL_SSL", "SASL_PLAINTEXT"):
        username: Any = security["sasl_plain_username"]
        password: Any = security["sasl_plain_password"]
        mechanism: Any = security["sasl_mechanism"]
        return faust.SASLCredentials(username=username, password=password, ssl_context=context, mechanism=mechanism)
    return None
