"""What a mapping must get right about tables whose rows each name a line and its settlement (`settlement: {through: …}`)."""

from connector.contract import TableRole
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import Document
from streams.mapping.settled import Through
from streams.mapping.tables import Table
from streams.wording import nearest


def check_through(document: Document, written: MappingFile) -> None:
    """Note every link table that leads nowhere, or that nobody reads."""
    used = [table.through.table for table in written.tables if table.through is not None]
    for index, table in enumerate(written.tables):
        if table.through is not None:
            _link(document, index, table, table.through, written)
            if used.count(table.through.table) > 1:
                document.report(
                    ("tables", index, "settlement", "through", "table"),
                    f"`{table.through.table}` is the link of another fee table, too: a number of one would be taken for that"
                    " of the other",
                )
        if table.role is TableRole.LINK and table.table not in used:
            document.report(
                ("tables", index),
                "is a link table that no fee table reads (`settlement: {through: …}`); name it there, or leave it out",
            )


def _link(document: Document, index: int, table: Table, through: Through, written: MappingFile) -> None:
    place = ("tables", index, "settlement", "through")
    links = {one.table: one for one in written.tables if one.role is TableRole.LINK}
    if through.table not in links:
        there = any(one.table == through.table for one in written.tables)
        told = "has another role; give it `role: link`" if there else f"is no table of this file{nearest(through.table, links)}"
        document.report((*place, "table"), f"`{through.table}` {told}")
    if table.under is not None:
        document.report(place, "cannot stand beside `under`: a row hangs under a header or is linked, not both")
    if len(through.line_columns) != len(table.key):
        document.report(
            (*place, "line"), f"names {len(through.line_columns)} columns, the key of `{table.table}` has {len(table.key)}"
        )
    keys = {one.key: one.table for one in written.tables if one.role is TableRole.SETTLEMENT}
    if len(keys) > 1:
        named = " and ".join(f"{name} by {', '.join(key)}" for key, name in keys.items())
        document.report(place, f"needs settlement tables whose keys are the same columns; they are {named}")
    for key, name in keys.items():
        if len(through.settlement_columns) != len(key):
            document.report(
                (*place, "settlement"), f"names {len(through.settlement_columns)} columns, the key of `{name}` has {len(key)}"
            )
