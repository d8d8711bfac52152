"""Read from MariaDB or MySQL what capture relies on and names do not tell. A few rows, no lock on a hospital's table."""

from typing import Final

from connector.contract import CaptureSource
from connector.facts import Facts, ServerFacts, TableFacts
from connector.profiles.mariadb.login import Session, logged_in
from connector.profiles.mariadb.names import split_table
from connector.profiles.mariadb.numbered import SETTINGS, numbered

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
    named = session.settings("server_uid", "server_uuid", "server_id", *SETTINGS)
    own = named.get("server_uid") or named.get("server_uuid", "")
    return ServerFacts(system=f"{own} {named.get('server_id', '')}".strip(), timeline=0, log=numbered(named), slot=False)


def _tables(session: Session, source: CaptureSource) -> dict[str, TableFacts]:
    wanted = {table.name: frozenset(table.columns) for table in source.tables}
    databases = sorted({split_table(name)[0] for name in wanted})
    marks = ", ".join(["%s"] * len(databases))
    columns: dict[str, dict[str, tuple[int, str]]] = {}
    for table, column, kind in session.rows(f"{_COLUMNS} WHERE table_schema IN ({marks})", databases):
        if column in wanted.get(table, ()):
            columns.setdefault(table, {})[column] = (0, f"{kind}")
    return {name: TableFacts(oid=0, published=0, identity="", columns=found) for name, found in columns.items()}
