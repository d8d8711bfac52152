"""`kafka.security` as the TLS context of every client of the brokers. A key's password is never asked for on a terminal: nobody
sits there at night.
"""

import ssl

from streams.errors import Misconfigured
from streams.mapping.connections import KafkaSecurity
from streams.mapping.secret_files import read_secret

_KEY = "kafka.security.ssl_keyfile"
_PASSWORD = "kafka.security.ssl_password_file"  # noqa: S105  a setting's name


def tls_context(security: KafkaSecurity) -> ssl.SSLContext | None:
    """The TLS context that `kafka.security` asks for; None where its protocol has no TLS. Raises Misconfigured for a file that
    cannot be used and for a key that is encrypted without its password.
    """
    if not security.protocol.endswith("SSL"):
        return None
    files = [file for file in (security.ssl_cafile, security.ssl_certfile, security.ssl_keyfile) if file is not None]
    try:
        context = ssl.create_default_context(cafile=security.ssl_cafile)
        if security.ssl_certfile is not None:
            # With a callable in its place OpenSSL's own question, on the terminal, is never asked.
            context.load_cert_chain(security.ssl_certfile, security.ssl_keyfile, lambda: _password(security))
    except (OSError, ValueError) as error:  # also ssl.SSLError; a password that is too long for OpenSSL
        named = ", ".join(map(str, files))
        reason = error.strerror if isinstance(error, OSError) and error.strerror else f"{error}"
        also = f", or {_PASSWORD} does not open {_KEY}" if security.ssl_password_file is not None else ""
        raise Misconfigured(f"kafka.security: {named} cannot be used for TLS ({reason}){also}") from error
    return context


def _password(security: KafkaSecurity) -> str:
    key = security.ssl_keyfile or security.ssl_certfile
    if security.ssl_password_file is None:
        raise Misconfigured(f"{key} is encrypted: name the file with its password in {_PASSWORD}, beside {_KEY} in site.yaml")
    return read_secret(security.ssl_password_file, setting=_PASSWORD)
