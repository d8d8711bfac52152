"""One exchange with Kafka Connect over HTTP: it logs in as the site says, is bounded in time and in size, and follows no redirect.

Whether what answers is Connect at all is judged in `answers`.
"""

import base64
import http.client
import io
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from connector.errors import CaptureError, Misconfigured, Unreachable
from connector.plan import redact_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_BYTES = 8 << 20
"""No answer is read further than this; the longest of Connect's own are some hundred kilobytes."""

PROXY_LOGIN = "the proxy wants a login; check connect.proxy_user and connect.proxy_password_file"

_LONGEST_TEXT = 600
_SHORTEST_SECRET = 4  # anything shorter stands in too many words
_TLS_RECORD = "\x15\x03"
_AT_PROXY = re.compile(r"Tunnel connection failed: (\d{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where Connect is and how to log in to it."""

    url: str
    """REST address, with the path under which a proxy in front has it."""
    timeout_s: float = 30.0
    """Longest wait for one whole answer. The check of a configuration may take three times as long."""
    busy_s: float = 60.0
    """How long a rebalancing cluster is waited for."""
    ca_file: str | None = None
    """Certificates that Connect's own is checked against, None for the system's."""
    user: str | None = None
    """User of basic authentication."""
    password: str | None = field(default=None, repr=False)
    """That user's password."""
    token: str | None = field(default=None, repr=False)
    """Bearer token, in place of user and password."""
    proxy: str | None = None
    """`http://host:port` on the way to Connect. Never taken from the environment."""
    proxy_user: str | None = None
    """User of basic authentication at the proxy."""
    proxy_password: str | None = field(default=None, repr=False)
    """That user's password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, whoever gave it."""

    status: int
    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    """At most one byte more than `MOST_BYTES`."""


class Link:
    """The way to one Connect cluster. `exchange` raises Unreachable, or Misconfigured where a file or a login is not right."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._parts = urlsplit(access.url)
        self._base = bare(access.url).rstrip("/")
        self._login = _login_of(access)
        self._proxy_login = None if access.proxy_user is None else _basic(access.proxy_user, access.proxy_password)
        sent = [login.partition(" ")[2] for login in (self._login, self._proxy_login) if login]
        secrets = {*sent, *filter(None, (access.password, access.token, access.proxy_password))}
        self._secrets = sorted((secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)

    def where(self, method: str, path: str) -> str:
        """Which request was sent where, fit to be shown."""
        through = "" if self._access.proxy is None else f" through {bare(self._access.proxy)}"
        return f"{method} {self._base}{path}{through}"

    def shown(self, text: str) -> str:
        """Words of whoever answers, fit to be shown: one line, printable, without our passwords and tokens."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        printable = "".join(each if each.isprintable() else " " for each in redact_text(text))
        return " ".join(printable.split())[:_LONGEST_TEXT]

    def exchange(self, method: str, path: str, *, body: bytes | None, timeout_s: float) -> Answer:
        """Ask once and take the whole answer, whatever it is."""
        connection = self._connection(timeout_s)
        try:
            connection.request(method, self._target(path), body=body, headers=self._headers())
            with connection.getresponse() as response:
                return _taken(response)
        except (OSError, http.client.HTTPException, UnicodeError) as exc:
            raise self._unanswered(exc, self.where(method, path), timeout_s=timeout_s) from exc
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        secure, to = self._parts.scheme == "https", self._parts if self._access.proxy is None else urlsplit(self._access.proxy)
        host, port = to.hostname or "", to.port
        connection = (
            http.client.HTTPSConnection(host, port or _usual_port(to), timeout=timeout_s, context=_trusting(self._access.ca_file))
            if secure
            else http.client.HTTPConnection(host, port, timeout=timeout_s)
        )
        connection.response_class = _TimedResponse
        if secure and self._access.proxy is not None:
            headers = {} if self._proxy_login is None else {"Proxy-Authorization": self._proxy_login}
            connection.set_tunnel(self._parts.hostname or "", self._parts.port or _usual_port(self._parts), headers)
        return connection

    def _target(self, path: str) -> str:
        under = quote(self._parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~") + path
        straight = self._access.proxy is None or self._parts.scheme == "https"
        return under if straight else f"http://{self._parts.netloc.rpartition('@')[2]}{under}"

    def _headers(self) -> dict[str, str]:
        to_proxy = self._proxy_login if self._parts.scheme == "http" else None
        logins = {"Authorization": self._login, "Proxy-Authorization": to_proxy}
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            **{name: value for name, value in logins.items() if value is not None},
        }

    def _unanswered(self, exc: Exception, where: str, *, timeout_s: float) -> CaptureError:
        """The error for a request that got no whole answer."""
        if refused := _AT_PROXY.search(f"{exc}"):
            if refused[1] == "407":
                return Misconfigured(f"{where}: {PROXY_LOGIN}")
            told = self.shown(f"{exc}")
            return Unreachable(f"{where}: the proxy lets nobody through ({told}); check connect.proxy and connect.url")
        cause, remedy = _cause(exc, timeout_s=timeout_s, secure=self._parts.scheme == "https")
        also = "" if self._access.proxy is None else " and connect.proxy"
        return Unreachable(f"{where}: Kafka Connect does not answer ({self.shown(cause)}); {remedy}{also}")


class _Timed(io.RawIOBase):
    """The bytes of a socket until its time is over. A socket's own time-out starts anew with each byte: a trickle never ends it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw, self._sock = raw, sock
        self._until = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """An answer that must be whole when the socket's time is over; a proxy's answer to CONNECT takes of the same time."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


def bare(url: str) -> str:
    """An address fit to be shown: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return "an address that is none"


def _taken(response: http.client.HTTPResponse) -> Answer:
    body = response.read(MOST_BYTES + 1)
    if response.length and len(body) <= MOST_BYTES:
        raise http.client.IncompleteRead(body, response.length)
    return Answer(status=response.status, headers={name.lower(): value for name, value in response.getheaders()}, body=body)


def _cause(exc: Exception, *, timeout_s: float, secure: bool) -> tuple[str, str]:
    """Why there is no answer, and what to mend."""
    why, mend = f"{exc}" or type(exc).__name__, "check connect.url and that it runs"
    match exc:
        case ssl.SSLCertVerificationError():
            why, mend = f"its certificate is not trusted: {exc.verify_message}", "check connect.ca_file and the host in connect.url"
        case ssl.SSLError():
            why, mend = f"TLS fails: {exc.reason}", "check connect.url: http:// where no TLS is spoken, and the port"
        case socket.gaierror() | UnicodeError():
            why, mend = f"the host is not known: {getattr(exc, 'strerror', None) or 'no name of one'}", "check connect.url"
        case TimeoutError():
            why, mend = f"no whole answer within {timeout_s:g} s", f"{mend}; connect.timeout_s is the wait"
        case http.client.IncompleteRead():
            why, mend = "its answer breaks off", "try again, and check connect.url"
        case ConnectionResetError() if not secure:  # also http.client.RemoteDisconnected
            why, mend = "the connection is closed", "check that it runs, and connect.url: https:// where TLS is spoken"
        case http.client.HTTPException() if why.startswith(_TLS_RECORD):
            why, mend = "TLS is spoken there", "write https:// in connect.url"
        case http.client.HTTPException():
            why, mend = f"what answers speaks no HTTP: {why}", "check host and port in connect.url"
        case _:
            pass
    return why, mend


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:  # also ssl.SSLError
        raise Misconfigured(f"connect.ca_file: {ca_file} holds no certificates ({exc.strerror})") from exc


def _usual_port(parts: SplitResult) -> int:
    return 443 if parts.scheme == "https" else 80


def _login_of(access: Access) -> str | None:
    if access.token is not None:
        return f"Bearer {access.token}"
    return None if access.user is None else _basic(access.user, access.password)


def _basic(user: str, password: str | None) -> str:
    pair = f"{user}:{password or ''}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
