"""Log in to PostgreSQL as Connect will, and tell a login that is refused from a server that is away.

A server words its refusal in its own language and, before the login, in the bytes of its own machine. So only the SQLSTATE decides.
"""

import ctypes
import importlib
import re
import select
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow

from connector.contract import CaptureSource
from connector.errors import CaptureError, Misconfigured, Refused, Unreachable

_TIMEOUT_S = 10
_STATE = re.compile(r":  ([0-9A-Z]{5}): ")
"""Where libpq puts the SQLSTATE between severity and message when it is asked to be verbose."""
_USUAL, _VERBOSE = 1, 2
_NO_LOGIN = "28"
_NO_DATABASE, _NO_RIGHT = "3D000", "42501"
_OTHER_BYTES = ("22021", "22P05")


class _Failed(Exception):
    """One attempt failed. state: the server's SQLSTATE, None where no server said anything."""

    def __init__(self, reason: str, *, state: str | None = None) -> None:
        super().__init__(reason)
        self.state = state


def login_options(source: CaptureSource, *, password: str) -> Mapping[str, str | int | None]:
    """Host, port, database, user, password, sslmode and authority: those that the connector is given, by libpq's names."""
    return {
        "host": source.host,
        "port": source.port,
        "dbname": source.database,
        "user": source.user,
        "password": password,
        "sslmode": source.sslmode,
        "sslrootcert": source.ca_file,
        "gssencmode": "disable",
        "client_encoding": "UTF8",  # as Connect's driver asks, whatever the database is encoded in
        "application_name": "yibao-preflight",
        "options": "-c default_transaction_read_only=on -c statement_timeout=30s",
    }


@contextmanager
def logged_in(source: CaptureSource, *, password: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """A connection that only reads. Raises Unreachable when nothing answers, Misconfigured when the login is refused."""
    where = f"source {source.name}: database {source.database} at {source.host}:{source.port}"
    try:
        connection = _connection(source, password)
    except _Failed as failed:
        raise _told(failed, source, where) from failed
    with connection:
        try:
            yield connection
        except psycopg.OperationalError as exc:
            raise Unreachable(f"{where} stopped answering: {_first_line(f'{exc}')}; try again, and see its log") from exc
        except psycopg.Error as exc:
            what = f"{where} does not let its catalogue be read: {exc.sqlstate}: {_first_line(f'{exc}')}"
            if exc.sqlstate in _OTHER_BYTES:
                raise Misconfigured(
                    f"{what}; a name in the mapping or in the catalogue does not exist in the database's encoding"
                ) from exc
            raise Refused(f"{what}; ask the database's administrator") from exc


def _told(failed: _Failed, source: CaptureSource, where: str) -> CaptureError:
    state = failed.state or ""
    if state.startswith(_NO_LOGIN) or state in (_NO_DATABASE, _NO_RIGHT):
        return Misconfigured(
            f"{where} refuses the login of {source.user}: {failed}; check user and database in site.yaml, the password in "
            f"{source.password_file}, and pg_hba.conf",
        )
    if state:
        return Unreachable(f"{where} takes no login now: {failed}; try again, and see its log")
    return Unreachable(f"{where} cannot be reached: {failed}; check host, port, sslmode, ca_file and the network")


def _connection(source: CaptureSource, password: str) -> psycopg.Connection[TupleRow]:
    """The first address of the host that lets us in; a server that answers is the last that is asked."""
    if not password:
        raise _Failed("the password is empty", state=_NO_LOGIN)
    options, failed = login_options(source, password=password), _Failed("the host has no address")
    for address in _addresses(source.host, source.port):
        try:
            return psycopg.Connection(_attempt(make_conninfo("", **options, hostaddr=address)))
        except _Failed as exc:
            if exc.state is not None:
                raise
            failed = exc
    raise failed


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise _Failed(f"the host is not known ({getattr(exc, 'strerror', None) or 'no name of one'})") from exc
    return list(dict.fromkeys(f"{address[0]}" for *_, address in found))


def _attempt(conninfo: str) -> PGconn:
    link, until = pq.PGconn.connect_start(conninfo.encode()), time.monotonic() + _TIMEOUT_S
    try:
        _set_verbosity(link, _VERBOSE)
        while (polled := link.connect_poll()) != pq.PollingStatus.OK:
            if polled == pq.PollingStatus.FAILED:
                raise _failed(link)  # noqa: TRY301 - the connection is ended in one place
            _wait(link.socket, select.POLLIN if polled == pq.PollingStatus.READING else select.POLLOUT, until=until)
        _set_verbosity(link, _USUAL)
    except BaseException:
        link.finish()
        raise
    link.nonblocking = 1
    return link


def _failed(link: PGconn) -> _Failed:
    reason = _readable(link.error_message)
    state = _STATE.search(reason)
    return _Failed(_first_line(reason), state=state[1] if state else _NO_LOGIN if link.needs_password else None)


def _wait(file: int, event: int, *, until: float) -> None:
    watch = select.poll()
    watch.register(file, event)
    if not watch.poll(max(0.0, until - time.monotonic()) * 1000):
        raise _Failed(f"no answer within {_TIMEOUT_S} s")


def _set_verbosity(link: PGconn, verbosity: int) -> None:
    """Without it libpq keeps the SQLSTATE of a refused login to itself, and psycopg has no call for it."""
    if pq.__impl__ == "python":
        libpq = importlib.import_module("psycopg.pq._pq_ctypes").pq
    else:
        libpq = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
    libpq.PQsetErrorVerbosity(ctypes.c_void_p(link.pgconn_ptr), verbosity)  # type: ignore[attr-defined]  # every implementation has it


def _readable(words: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return words.decode(encoding)
    return words.decode("utf-8", "replace")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no reason given"
