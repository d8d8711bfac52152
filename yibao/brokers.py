"""How a site's brokers are reached by a reading client."""

from collections.abc import Mapping
from typing import Any

from streams.errors import Misconfigured
from streams.mapping import Site

_REACH_MS = 10_000


def client_options(site: Site) -> Mapping[str, Any]:
    """What kafka-python's clients take, secrets read from their files. Raises Misconfigured for a file that cannot be read."""
    security = site.kafka.security
    options: dict[str, Any] = {
        "bootstrap_servers": site.kafka.bootstrap_servers.split(","),
        "client_id": f"yibao-{site.site}",
        "security_protocol": security.protocol,
        "bootstrap_timeout_ms": _REACH_MS,
        "ssl_cafile": security.ssl_cafile and str(security.ssl_cafile),
        "ssl_certfile": security.ssl_certfile and str(security.ssl_certfile),
        "ssl_keyfile": security.ssl_keyfile and str(security.ssl_keyfile),
        "sasl_mechanism": security.sasl_mechanism,
        "sasl_plain_username": security.sasl_username,
    }
    if security.sasl_password_file is not None:
        try:
            options["sasl_plain_password"] = security.sasl_password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise Misconfigured(
                f"{security.sasl_password_file} cannot be read ({error.strerror}): kafka.security.sasl_password_file in {site.file}"
            ) from error
    return {name: value for name, value in options.items() if value is not None}
