"""Tables whose rows are several things at once: a bill that is a visit and its settlement.

In the product such a table is several tables, one for each of its roles: the first has the table's own name, each other one the
role behind it (`his.bill.settlement`). No table of a mapping has such a name: `schema.table` has one point. A change of its row
is placed once for each of them, in the order of reporting; from there on each is a row of a table of its own, with its own place
in the state, its own record and its own letters.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.contract import TableRole

_POINT: Final = "."


def table_of_role(table: str, role: TableRole) -> str:
    """What a table is called for one of its further roles."""
    return f"{table}{_POINT}{role.value}"


def in_database(name: str) -> str:
    """The table of the database that a name means."""
    schema, _, rest = name.partition(_POINT)
    return f"{schema}{_POINT}{rest.partition(_POINT)[0]}"


def roles_apart(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """By table of the database, what it is called for its further roles; without tables that have none."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        if (table := in_database(name)) != name:
            found[table] = (*found.get(table, ()), name)
    return found


def for_role(envelope: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The envelope of a change as one of the table with this name. It has a source block."""
    return {**envelope, "source": {**envelope["source"], "table": name.partition(_POINT)[2]}}
