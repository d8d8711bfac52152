"""What a mapping must get right about which rows count, beyond its form."""

from collections.abc import Mapping

from connector.contract import TableRole
from streams.mapping.mapping_file import MappingFile
from streams.mapping.names import columns_in
from streams.mapping.reading import Document, Place
from streams.mapping.tables import Table, Which
from streams.wording import nearest


def check_which(document: Document, written: MappingFile) -> None:
    """Note every condition of `where` that cannot be asked."""
    lookups = written.lookups
    for index, table in enumerate(written.tables):
        for column, which in table.which.items():
            if which.lookup is not None:
                _looked_up(document, table, which, lookups, place=("tables", index, "where", column))


def _looked_up(document: Document, table: Table, which: Which, lookups: Mapping[str, Table], *, place: Place) -> None:
    lookup, by = lookups.get(which.lookup or ""), columns_in(which.by)
    if table.role in (TableRole.HEADER, TableRole.LINK, TableRole.LOOKUP):
        document.report(
            (*place, "lookup"),
            f"cannot be asked of a {table.role.value}: these are looked at before lookups are known; name a column",
        )
    if lookup is None:
        hint = nearest(which.lookup or "", lookups) or (f"; known: {', '.join(sorted(lookups))}" if lookups else "; there is none")
        document.report((*place, "lookup"), f"`{which.lookup}` is no lookup table of this file{hint}")
    elif len(by) != len(asked := lookup.asked_columns):
        word = "key" if lookup.named_by is None else "`named_by`"
        document.report((*place, "by"), f"names {len(by)} columns, the {word} of `{lookup.table}` has {len(asked)}")
