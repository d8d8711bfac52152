"""Judge a MySQL against what is to be captured: its log by what is its own, tables as a MariaDB's. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from connector.contract import CaptureSource, DatabaseKind
from connector.findings import Finding, Severity
from connector.profiles.mariadb.catalogue import Catalogue, Server
from connector.profiles.mariadb.checks import check_account, check_kept, check_log, check_tables
from connector.profiles.mariadb.numbered import numbered

NEEDED: Final = ("RELOAD", "REPLICATION SLAVE", "REPLICATION CLIENT")
"""What the account needs on the whole server: a lock of a moment before the first snapshot, the log, and where the log ends."""
_OLDEST: Final = (8, 0)
_LOGS_CASCADES: Final = (9, 7)
"""From here on, what a foreign key deletes or changes stands in the log: seen on 9.7.4."""
_RUN: Final = (9, 7)
"""The only release on which capture was run."""


def check(source: CaptureSource, catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that prevents capture or needs attention."""
    server = catalogue.server
    if server.kind is not DatabaseKind.MYSQL or server.release < _OLDEST:
        return (
            Finding(
                where="server version",
                what=f"is {server.version}: captured is MySQL 8.0 or newer",
                mend="write `kind: mariadb` in site.yaml for a MariaDB; or capture from a MySQL 8.0 that replicates this server",
            ),
        )
    return (
        *check_log(server.settings, "[mysqld]"),
        *_log(server),
        *_never_run(server),
        *check_kept(server.settings),
        *check_account(source, server, NEEDED),
        *check_tables(source, _with_what_is_logged(catalogue)),
    )


def _with_what_is_logged(catalogue: Catalogue) -> Catalogue:
    """Without the foreign keys by which rows change that the log tells of all the same."""
    if catalogue.server.release < _LOGS_CASCADES:
        return catalogue
    return replace(catalogue, tables={name: replace(table, cascades=()) for name, table in catalogue.tables.items()})


def _log(server: Server) -> Iterator[Finding]:
    """Transactions are numbered, and rows are written whole."""
    settings = server.settings
    if (mode := settings.get("gtid_mode")) != "ON":
        yield Finding(
            where="gtid_mode",
            what=f"is {mode}: transactions have no numbers, and nothing tells a change that capture sends again from a new one",
            mend="SET GLOBAL enforce_gtid_consistency = ON; then gtid_mode step by step: OFF_PERMISSIVE, ON_PERMISSIVE (wait until "
            "Ongoing_anonymous_transaction_count is 0), ON;  -- and in my.cnf",
        )
    elif not numbered(settings):
        yield Finding(
            where="gtid_executed",
            what="is empty: nothing was written since the log was begun, and a capture that begins so was never run",
            mend="write something, such as the heartbeat: UPDATE cdc.heartbeat SET ts = now(6) WHERE id = 1;",
        )
    if settings.get("binlog_row_value_options"):
        yield Finding(
            where="binlog_row_value_options",
            what="is PARTIAL_JSON: of a changed document the log carries only the difference",
            mend="SET GLOBAL binlog_row_value_options = '';  -- and in my.cnf; sessions that stand keep theirs",
        )


def _never_run(server: Server) -> Iterator[Finding]:
    if server.release != _RUN:
        yield Finding(
            where="server version",
            what=f"is {server.version}: of MySQL, capture was run on a real server of 9.7 alone",
            mend="see docs/databases/mysql.md for what was run; try it beside the hospital's reports before it replaces them",
            severity=Severity.WARNS,
        )
    if server.settings.get("binlog_transaction_compression") == "ON":
        yield Finding(
            where="binlog_transaction_compression",
            what="is on: capture of a compressed log was never run",
            mend="SET GLOBAL binlog_transaction_compression = OFF;  -- and in my.cnf",
            severity=Severity.WARNS,
        )
