"""How brokers are reached: what a site says of them, and as options of the clients that read and administer them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from streams.errors import Misconfigured

_REACH_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccess:
    """Where the brokers are and how to be let in. Protocol and mechanism as Kafka names them; files are paths on this machine."""

    bootstrap_servers: str
    protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    mechanism: str | None = None
    user: str | None = None
    password_file: str | None = None


def client_options(access: BrokerAccess, *, client_id: str) -> Mapping[str, object]:
    """What kafka-python's clients take; the password is read from its file. Raises Misconfigured when that cannot be done."""
    options: dict[str, object] = {
        "bootstrap_servers": access.bootstrap_servers.split(","),
        "client_id": client_id,
        "security_protocol": access.protocol,
        "bootstrap_timeout_ms": _REACH_MS,
        "ssl_cafile": access.ca_file,
        "ssl_certfile": access.certificate_file,
        "ssl_keyfile": access.key_file,
        "sasl_mechanism": access.mechanism,
        "sasl_plain_username": access.user,
    }
    if access.password_file is not None:
        options["sasl_plain_password"] = read_secret(access.password_file, setting="kafka.security.sasl_password_file")
    return {name: value for name, value in options.items() if value is not None}


def read_secret(path: Path | str, *, setting: str) -> str:
    """The content of a file without the line end that editors add. Raises Misconfigured, naming the setting that names the file."""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise Misconfigured(f"{path} cannot be read ({reason}); {setting} in site.yaml names it") from exc
