"""Log in to MariaDB or MySQL as Connect will, and tell a refused login from a server that is away, by the error's number."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import pymysql

from connector.contract import CaptureSource, DatabaseKind
from connector.errors import Misconfigured, Refused, Unreachable

Row: TypeAlias = tuple[Any, ...]

_TIMEOUT_S: Final = 10
_LONGEST_S: Final = 30
_NO_LOGIN: Final = frozenset({1044, 1045, 1049, 1130, 1131, 1698, 1862, 4151})
"""Access denied, to the server or to the database; no such database; a host that may not connect; an expired password."""
_AWAY: Final = frozenset({2002, 2003, 2006, 2013, 1040, 1053, 1129, 1203, 3159})
"""No answer, or none any more; too many connections; a server that goes down."""


_BOUNDED: Final[Mapping[DatabaseKind, str]] = {
    DatabaseKind.MARIADB: "SET SESSION max_statement_time = {s}",
    DatabaseKind.MYSQL: "SET SESSION max_execution_time = {ms}",
}
"""How a statement is bounded."""


class Session:
    """A connection that only reads."""

    def __init__(self, connection: "pymysql.connections.Connection[Any]") -> None:
        self._connection = connection

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of an answer."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, tuple(values) or None)
            return [tuple(row) for row in cursor.fetchall()]

    def each(self, query: str) -> Iterator[Row]:
        """The rows of an answer, one after the other as the server sends them."""
        with self._connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(query)
            for row in cursor:
                yield tuple(row)

    def settings(self, *names: str) -> dict[str, str]:
        """The server's settings of these names; one that it does not know is left out."""
        marks = ", ".join(["%s"] * len(names))
        found = self.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({marks})", names)
        return {f"{name}".lower(): f"{value}" for name, value in found}


@contextmanager
def logged_in(source: CaptureSource, *, password: str, longest_s: int = _LONGEST_S) -> Iterator[Session]:
    """A session that only reads. longest_s: of one statement. Raises Unreachable when nothing answers, Misconfigured when the login
    is refused, Refused for what the role may not read.
    """
    where = f"source {source.name}: database {source.database} at {source.host}:{source.port}"
    try:
        connection = _connected(source, password, longest_s)
    except pymysql.Error as exc:
        number, told = _told(exc)
        if number in _NO_LOGIN:
            raise Misconfigured(
                f"{where} refuses the login of {source.user}: {told}; check user and database in site.yaml, the password in "
                f"{source.password_file}, and for which hosts the account was made"
            ) from exc
        raise Unreachable(f"{where} cannot be reached: {told}; check host, port, sslmode, ca_file and the network") from exc
    except RuntimeError as exc:  # MySQL wants the password in a form that this machine can give inside of TLS alone
        raise Misconfigured(
            f"{where} takes no password of {source.user} without TLS: {exc}; set another sslmode than disable"
        ) from exc
    except (OSError, ssl.SSLError) as exc:
        raise Unreachable(f"{where} cannot be reached: {exc}; check host, port, sslmode, ca_file and the network") from exc
    try:
        session = Session(connection)
        if source.sslmode != "disable" and not session.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]:
            raise Misconfigured(f"{where} speaks no TLS, and sslmode is {source.sslmode}: have TLS set up in the server")
        session.rows(_BOUNDED[source.kind].format(s=longest_s, ms=1000 * longest_s))
        session.rows("SET SESSION TRANSACTION READ ONLY")
        yield session
    except pymysql.Error as exc:
        number, told = _told(exc)
        if number in _AWAY:
            raise Unreachable(f"{where} stopped answering: {told}; try again, and see its log") from exc
        raise Refused(f"{where} does not let itself be read: {number}: {told}; ask the database's administrator") from exc
    finally:
        connection.close()


def _connected(source: CaptureSource, password: str, longest_s: int) -> "pymysql.connections.Connection[Any]":
    if not password:
        raise pymysql.OperationalError(1045, "the password is empty")
    return pymysql.connect(
        host=source.host,
        port=source.port,
        user=source.user,
        password=password,
        database=source.database,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=_TIMEOUT_S,
        read_timeout=longest_s + _TIMEOUT_S,
        program_name="yibao-preflight",
        **_tls(source),
    )


def _tls(source: CaptureSource) -> dict[str, Any]:
    """What `sslmode` means: `require` trusts whoever answers, `verify-ca` who has the authority's word."""
    if source.sslmode == "disable":
        return {"ssl_disabled": True}
    context = ssl.create_default_context(cafile=source.ca_file)
    context.check_hostname = source.sslmode == "verify-full"
    if source.sslmode == "require":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def _told(error: Exception) -> tuple[int, str]:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = f"{error.args[1]}" if len(error.args) > 1 else f"{error}"
    return number, text.strip().partition("\n")[0] or "no reason given"
