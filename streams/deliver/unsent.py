"""What it means that no answer came, told apart by what the network, the name service and TLS say."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import http_exceptions

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.certificate import distrusted
from streams.deliver.verdict import Held, Retry

_LOOKING_S: Final = 3.0
_TLS_RECORD: Final = r"b'\x15\x03"
"""How aiohttp tells of an alert of TLS where it wanted a line of HTTP."""
_NOT_SPOKEN: Final = (
    "WRONG_VERSION_NUMBER",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
)
_TOO_OLD: Final = ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW")
_BROKEN: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (http_exceptions.ContentEncodingError, "a Content-Encoding that cannot be undone, though none was asked for"),
    (http_exceptions.PayloadEncodingError, "an answer that is cut off"),
    (http_exceptions.LineTooLong, "headers that are too large"),
    (http_exceptions.BadStatusLine, "something that is not HTTP"),
    (http_exceptions.BadHttpMessage, "HTTP that breaks its rules, or too many headers"),
    (aiohttp.ClientPayloadError, "an answer that is cut off"),
    (aiohttp.ServerDisconnectedError, "nothing: the connection was closed"),
    (ConnectionError, "nothing: the connection was closed"),
)
"""What came instead of a whole answer, by the client's error or the parser's below it; the first that fits counts."""
_CLOSED: Final = ("UNEXPECTED_EOF", "EOF_OCCURRED")


def unsent(error: Exception, *, secure: bool) -> Held | Retry:  # noqa: PLR0911 - one return per fault is what this is
    """What an error of the client means. secure: https. Faults of TLS do not pass by themselves: nothing
    was sent, and a person must act.
    """
    named = type(error).__name__
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return distrusted(error)
        case aiohttp.ClientConnectorSSLError():
            return _tls(error.os_error)
        case ssl.SSLError():
            return _tls(error)
        case aiohttp.ClientConnectorDNSError():
            return Retry(cause=RetryCause.UNKNOWN_HOST, error=named)
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, socket.gaierror):
            return Retry(cause=RetryCause.UNKNOWN_HOST, error=named)
        case aiohttp.ClientConnectorError() if secure and isinstance(error.os_error, ConnectionResetError):
            return Retry(cause=RetryCause.HANDSHAKE, error=named)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Retry(cause=RetryCause.UNREACHABLE, error=named)
        case TimeoutError():
            return Retry(cause=RetryCause.TIMEOUT, error=named)
        case aiohttp.ClientResponseError() if _TLS_RECORD in error.message:
            return Held(cause=HoldCause.TLS_WANTED, message="http:// is spoken to a port that answers in TLS")
        case _:
            return Retry(cause=RetryCause.CONNECTION, error=named, words=_broken(error))


def _broken(error: Exception) -> str:
    """What came instead of a whole answer, in a word; nothing of what was sent."""
    why = _origin(error)
    return next((words for kind, words in _BROKEN if isinstance(why, kind)), "")


def _origin(error: BaseException) -> BaseException:
    """The parser's own error below the client's."""
    while error.__cause__ is not None and not isinstance(error, http_exceptions.BadHttpMessage):
        error = error.__cause__
    return error


def _tls(error: object) -> Held | Retry:
    """What OpenSSL's reason means. It is one of OpenSSL's own words, and may be told."""
    reason = f"{getattr(error, 'reason', None) or 'no reason'}"
    if any(word in reason for word in _CLOSED):
        return Retry(cause=RetryCause.HANDSHAKE, error=reason)
    if any(word in reason for word in _NOT_SPOKEN):
        return Held(cause=HoldCause.TLS_NOT_SPOKEN, message=f"https:// is spoken to a port that does not answer in TLS ({reason})")
    if any(word in reason for word in _TOO_OLD):
        return Held(cause=HoldCause.TLS_TOO_OLD, message=f"the platform speaks no TLS from 1.2 on ({reason})")
    return Held(cause=HoldCause.TLS_FAILED, message=f"TLS cannot be agreed on ({reason})")


class Tls:
    """Looks whether TLS is what is wrong, where a server just closes the connection: without sending anything of a record.

    proxied: requests go through a proxy, so that this host's own look would tell nothing.
    """

    def __init__(self, url: str, *, proxied: bool) -> None:
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        """Whether requests go out over TLS."""
        self._host = "" if proxied else parts.hostname or ""
        self._port = parts.port if _sound(lambda: parts.port) and parts.port else 443 if self.secure else 80
        self._found: Held | None = None

    def answered(self) -> None:
        """HTTP was spoken: TLS is in order."""
        self._found = None

    async def judged(self, found: Held | Retry, *, look: bool) -> Held | Retry:
        """What no answer means, once it has been looked at. look: the breaker is about to open; now it is worth a look."""
        silent = RetryCause.HANDSHAKE if self.secure else RetryCause.CONNECTION
        if isinstance(found, Held) or found.cause is not silent or not self._host:
            return found
        if self._found is None and look and await _shakes_hands(self._host, self._port, old=self.secure):
            self._found = (
                Held(cause=HoldCause.TLS_TOO_OLD, message="the platform speaks TLS 1.1 or older, and nothing newer")
                if self.secure
                else Held(cause=HoldCause.TLS_WANTED, message="http:// is spoken to a port that wants TLS")
            )
        return self._found or found


async def _shakes_hands(host: str, port: int, *, old: bool) -> bool:
    """Whether TLS can be agreed on there. Nobody's certificate is checked, because nothing is sent: the connection is closed at
    once. old: offer only what is too old to be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # that it is out of date is the point
            context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
    try:
        async with asyncio.timeout(_LOOKING_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=None if old else host)
    except (OSError, TimeoutError):  # OSError: also ssl.SSLError
        return False
    writer.transport.abort()
    return True


def _sound(port: Callable[[], object]) -> bool:
    try:
        port()
    except ValueError:
        return False
    return True
