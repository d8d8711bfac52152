"""What the administrator of a MariaDB prepares for a capture, and nothing that it does not need. Pure."""

from collections.abc import Iterator

from connector.contract import CaptureSource
from connector.preparation import Step
from connector.profiles.mariadb.account import Account
from connector.profiles.mariadb.catalogue import NEEDED
from connector.profiles.mariadb.names import quoted, quoted_table, split_table

_SETTINGS = {
    "binlog_format": "'ROW'",
    "binlog_row_image": "'FULL'",
    "gtid_strict_mode": "ON",
    "binlog_expire_logs_seconds": "604800",
}


def preparation(source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
    """In their order. connect_host: from where Kafka Connect and this machine log in, as MariaDB writes it."""
    account = Account(user=source.user, host=connect_host)
    return (
        _logging(),
        *([] if source.heartbeat_table is None else [heartbeat(source.heartbeat_table)]),
        _account(source, account),
        rights(source, f"{account}"),
    )


def _logging() -> Step:
    return Step(
        title="Logging",
        why="in my.cnf under [mariadb], then restart the server: log_bin=binlog, server_id=<a number of its own>, and for good:\n"
        + ", ".join(f"{name}={value}".replace("'", "") for name, value in _SETTINGS.items())
        + "\nSessions that stand keep their form of the log until they log in again. Seven days: so long capture may be down.",
        statements=tuple(f"SET GLOBAL {name} = {value};" for name, value in _SETTINGS.items()),
        kept="the server's settings stay: replicas may rely on them by now.",
    )


def heartbeat(name: str) -> Step:
    """The table that capture touches: the same for MariaDB and MySQL."""
    table = quoted_table(name)
    return Step(
        title=f"Heartbeat table {name}",
        why="one row that capture touches, so that everybody sees whether the log is still read while the server is quiet.",
        statements=(
            f"CREATE DATABASE IF NOT EXISTS {quoted(split_table(name)[0])};",
            f"CREATE TABLE IF NOT EXISTS {table} (id int PRIMARY KEY, ts datetime(6) NOT NULL) ENGINE = InnoDB;",
            f"INSERT IGNORE INTO {table} (id, ts) VALUES (1, now(6));",  # noqa: S608 - for a person to read, with quoted names
            f"UPDATE {table} SET ts = now(6) WHERE id = 1;",  # noqa: S608 - the same; the log must hold something to begin at
        ),
        kept=f"the table stays: another source may touch it. Where none does: DROP TABLE {table};",
    )


def _account(source: CaptureSource, account: Account) -> Step:
    return Step(
        title=f"Account {account}",
        why="it is locked until it has a password. Give it one in a session that keeps no history, and never in a file:\n"
        f"ALTER USER {account} IDENTIFIED BY '…' ACCOUNT UNLOCK;\n"
        "The role without rights is how the way back knows it from an account that was there before: all in one session.",
        statements=(*account.made(), f"GRANT {', '.join(NEEDED)} ON *.* TO {account};"),
        undo=account.unmade(tuple(name for _, name in granted(source)), tuple(_revoked(source, account))),
        kept="an account that was there before prepare, or has rights on other tables, stays as it is; the last statement says so.",
    )


def granted(source: CaptureSource) -> tuple[tuple[str, str], ...]:
    """What the account may do, and on what table."""
    beat = () if source.heartbeat_table is None else (("SELECT, UPDATE", source.heartbeat_table),)
    return (*(("SELECT", table.name) for table in source.tables), *beat)


def _revoked(source: CaptureSource, account: Account) -> Iterator[str]:
    for right, name in reversed(granted(source)):
        yield f"REVOKE {right} ON {quoted_table(name)} FROM {account};"
    yield f"REVOKE {', '.join(NEEDED)} ON *.* FROM {account};"


def rights(source: CaptureSource, account: str) -> Step:
    """On its tables: the same for MariaDB and MySQL."""
    return Step(
        title="Rights",
        why="it reads the mapped tables and touches the heartbeat; it changes nothing else.",
        statements=tuple(f"GRANT {right} ON {quoted_table(name)} TO {account};" for right, name in granted(source)),
        kept="they go with the account.",
    )
