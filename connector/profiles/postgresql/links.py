"""What the types of columns decide about lines that name their settlement: whether the two texts can be the same. Pure."""

from collections.abc import Iterator
from typing import Final

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.findings import Finding
from connector.profiles.postgresql.catalogue import Catalogue, Column

_WHOLE: Final = ("int2", "int4", "int8")
_TIMES: Final = ("date", "timestamp", "timestamptz", "time", "timetz")


def check_settlement_links(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that a line's link can be the key of some settlement. Both are compared as the text that is captured: `5` is never
    `5.00`. Where either is a text itself, or numbers have as many decimals as they like, anything may stand in it.
    """
    keys = [
        (f"{table.name}.{table.key[0]} is {column.shown}", _form(column))
        for table in source.tables
        if table.role is TableRole.SETTLEMENT
        and len(table.key) == 1
        and (column := _column(catalogue, table, table.key[0])) is not None
    ]
    for table in source.tables:
        link = None if table.settlement is None else _column(catalogue, table, table.settlement)
        if link is None or not keys or (form := _form(link)) is None:
            continue
        if all(other not in (None, form) for _, other in keys):
            yield Finding(
                where=f"{table.name}.{link.name}",
                what=f"is {link.shown} and names the line's settlement, but {' and '.join(said for said, _ in keys)}: captured as"
                " text, the two are never the same, and its lines would wait in vain",
                mend="name the column that holds the settlement's key as `settlement` in the mapping, or give both the same type",
            )


def _column(catalogue: Catalogue, table: CapturedTable, name: str) -> Column | None:
    found = catalogue.tables.get(table.name)
    return None if found is None else found.columns.get(name)


def _form(column: Column) -> str | None:
    """A name that types share when equal values have the same text; None where the type does not tell."""
    if column.type in _WHOLE:
        return "0 decimals"
    if column.type == "numeric" and "(" in column.shown:
        _, _, scale = column.shown.rstrip(")").partition(",")
        return f"{scale.strip() or 0} decimals"
    return column.type if column.type in (*_TIMES, "uuid", "bool") else None
