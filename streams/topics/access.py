"""How brokers are reached: what a site says of them, and as options of the clients that read and administer them."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

_REACH_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccess:
    """Where the brokers are and how to log in to them."""

    bootstrap_servers: str
    """`host:port,host:port`."""
    protocol: str = "PLAINTEXT"
    """As Kafka names it: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    tls: ssl.SSLContext | None = None
    """Certificates and keys, of a protocol with TLS; None of another."""
    mechanism: str | None = None
    """As Kafka names it: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; None without SASL."""
    user: str | None = None
    """User for SASL."""
    password: str | None = field(default=None, repr=False)
    """That user's password."""


def client_options(access: BrokerAccess, *, client_id: str) -> Mapping[str, object]:
    """What kafka-python's clients take."""
    options: dict[str, object] = {
        "bootstrap_servers": access.bootstrap_servers.split(","),
        "client_id": client_id,
        "security_protocol": access.protocol,
        "bootstrap_timeout_ms": _REACH_MS,
        "ssl_context": access.tls,
        "sasl_mechanism": access.mechanism,
        "sasl_plain_username": access.user,
        "sasl_plain_password": access.password,
    }
    return {name: value for name, value in options.items() if value is not None}
