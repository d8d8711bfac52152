"""What the administrator of a MySQL prepares for a capture, and nothing that it does not need. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from connector.contract import CaptureSource
from connector.preparation import MADE, Step
from connector.profiles.mariadb.names import literal, quoted_table, split_table
from connector.profiles.mariadb.preparation import granted, heartbeat, rights
from connector.profiles.mysql.checks import NEEDED

_SETTINGS: Final = {"binlog_format": "'ROW'", "binlog_row_image": "'FULL'", "binlog_expire_logs_seconds": "604800"}
_NOTHING: Final = "DO 0"


def preparation(source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
    """In their order. connect_host: from where Kafka Connect and this machine log in, as MySQL writes it."""
    account = f"{literal(source.user)}@{literal(connect_host)}"
    return (
        _logging(),
        *([] if source.heartbeat_table is None else [heartbeat(source.heartbeat_table)]),
        _account(source, account, connect_host),
        rights(source, account),
    )


def _logging() -> Step:
    return Step(
        title="Logging",
        why="in my.cnf under [mysqld], then restart the server: log_bin=binlog, server_id=<a number of its own>, gtid_mode=ON, "
        "enforce_gtid_consistency=ON, and for good:\n"
        + ", ".join(f"{name}={value}".replace("'", "") for name, value in _SETTINGS.items())
        + "\nSessions that stand keep their form of the log until they log in again. Seven days: so long capture may be down.",
        statements=tuple(f"SET GLOBAL {name} = {value};" for name, value in _SETTINGS.items()),
        kept="the server's settings stay: replicas may rely on them by now.",
    )


def _account(source: CaptureSource, account: str, host: str) -> Step:
    return Step(
        title=f"Account {account}",
        why="it is locked until it has a password. Give it one in a session that keeps no history, and never in a file:\n"
        f"ALTER USER {account} IDENTIFIED BY '…' ACCOUNT UNLOCK;\n"
        "The comment is how the way back knows it from an account that was there before.",
        statements=(
            f"CREATE USER IF NOT EXISTS {account} ACCOUNT LOCK COMMENT {literal(MADE)};",
            f"GRANT {', '.join(NEEDED)} ON *.* TO {account};",
        ),
        undo=tuple(_unmade(source, account, host)),
        kept="an account that was there before prepare, or has rights on other tables, stays as it is; the last statement says"
        " so. All in one session.",
    )


def _unmade(source: CaptureSource, account: str, host: str) -> Iterator[str]:
    """It is dropped where it bears the comment and has rights on no other tables; else a row says why not."""
    tables = granted(source)
    is_it = f"User = {literal(source.user)} AND Host = lower({literal(host)})"
    mine = ", ".join(f"({literal(database)}, {literal(table)})" for database, table in (split_table(name) for _, name in tables))
    by_table = f"FROM mysql.tables_priv WHERE {is_it} AND (Db, Table_name) NOT IN ({mine})"
    others = f"SELECT concat(Db, '.', Table_name) AS name {by_table} UNION SELECT concat(Db, '.*') FROM mysql.db WHERE {is_it}"  # noqa: S608
    marked = f"{is_it} AND User_attributes->>'$.metadata.comment' = {literal(MADE)}"
    by_hand = f"What it has for capture alone, by hand: {' '.join(_revoked(tables, account))}"
    why = "IF(@made, concat('has rights on ', @others), 'was there before prepare')"
    left = f"{literal(f'{account} ')}, {why}, {literal(f': it is left as it is. {by_hand}')}"
    yield f"SET @made = (SELECT count(*) FROM mysql.user WHERE {marked});"  # noqa: S608 - for a person to read, with quoted names
    yield f"SET @others = (SELECT group_concat(DISTINCT name) FROM ({others}) AS granted);"  # noqa: S608 - the same
    yield f"SET @yibao = IF(@made AND @others IS NULL, {literal(f'DROP USER {account}')}, {literal(_NOTHING)});"
    yield "PREPARE yibao FROM @yibao;"
    yield "EXECUTE yibao;"
    yield "DEALLOCATE PREPARE yibao;"
    yield f"SELECT concat({left}) AS left_alone FROM mysql.user WHERE {is_it};"  # noqa: S608 - the same


def _revoked(tables: Sequence[tuple[str, str]], account: str) -> Iterator[str]:
    for right, name in reversed(tables):
        yield f"REVOKE {right} ON {quoted_table(name)} FROM {account};"
    yield f"REVOKE {', '.join(NEEDED)} ON *.* FROM {account};"
