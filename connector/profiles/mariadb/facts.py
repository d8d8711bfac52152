"""Read from MariaDB what capture relies on and names do not tell. A few rows, no lock on a hospital's table."""

from typing import Final

from connector.contract import CaptureSource
from connector.facts import Facts, ServerFacts, TableFacts
from connector.profiles.mariadb.login import Session, logged_in
from connector.profiles.mariadb.names import split_table

_COLUMNS: Final = """
SELECT concat(table_schema, '.', table_name), column_name,
       if(data_type IN ('varchar', 'text', 'tinytext', 'mediumtext', 'longtext', 'char'), 'text', column_type)
FROM information_schema.columns
"""


def read_facts(source: CaptureSource, *, password: str) -> Facts:
    """What stands in the database now. Raises Unreachable, Misconfigured, Refused.

    A table has no number of its own here, and needs none: whatever is exchanged, dropped or made again stands in the log, by name.
    A text stays a text whatever its longest length is; of other types length and scale count, for values are written by them.
    """
    with logged_in(source, password=password) as session:
        return Facts(server=_server(session), publication=None, tables=_tables(session, source))


def _server(session: Session) -> ServerFacts:
    """The server by what it calls itself, and how many transactions its log numbers. It keeps no place for capture: whether the log
    still has it is told by the connector.
    """
    named = session.settings("server_uid", "server_id", "gtid_binlog_pos")
    numbers = [one.rpartition("-")[2] for one in named.get("gtid_binlog_pos", "").split(",")]
    log = max((int(number) for number in numbers if number.isdecimal()), default=0)
    system = f"{named.get('server_uid', '')} {named.get('server_id', '')}".strip()
    return ServerFacts(system=system, timeline=0, log=log, slot=False)


def _tables(session: Session, source: CaptureSource) -> dict[str, TableFacts]:
    wanted = {table.name: frozenset(table.columns) for table in source.tables}
    databases = sorted({split_table(name)[0] for name in wanted})
    marks = ", ".join(["%s"] * len(databases))
    columns: dict[str, dict[str, tuple[int, str]]] = {}
    for table, column, kind in session.rows(f"{_COLUMNS} WHERE table_schema IN ({marks})", databases):
        if column in wanted.get(table, ()):
            columns.setdefault(table, {})[column] = (0, f"{kind}")
    return {name: TableFacts(oid=0, published=0, identity="", columns=found) for name, found in columns.items()}
