"""What a mapping must get right about headers and visit keys, so that each row can reach its visit."""

from collections import Counter
from collections.abc import Mapping

from connector.contract import TableRole
from streams.domain.place.headers import DEEPEST
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import Document
from streams.mapping.tables import Table
from streams.wording import nearest


def check_links(document: Document, written: MappingFile) -> None:
    """Note every link of a table that leads nowhere, or in a circle, and visit keys that can never be the same."""
    tables = {table.table: table for table in written.tables}
    headers = {name for table in written.tables for name in table.headers}
    for index, table in enumerate(written.tables):
        for name in table.headers:
            _header(document, index, table, name, tables)
        if table.role is TableRole.HEADER and table.table not in headers:
            document.report(
                ("tables", index), "is a header that no table hangs under (`under`); leave it out, its rows are not reported"
            )
        if table.named_by is not None and table.table not in headers and table.role is not TableRole.LOOKUP:
            document.report(("tables", index, "named_by"), "means nothing: no table hangs under this one")
    _depth(document, written, tables)
    _widths(document, written)


def _header(document: Document, index: int, table: Table, name: str, tables: Mapping[str, Table]) -> None:
    upper = tables.get(name)
    if upper is None:
        document.report(("tables", index, "under"), f"`{name}` is no table of this file{nearest(name, tables)}")
        return
    if upper.role is TableRole.LOOKUP:
        document.report(("tables", index, "under"), f"`{name}` is a lookup: its rows belong to no visit; give it `role: header`")
        return
    named_by = upper.named_columns or upper.key
    if len(table.header_columns) != len(named_by):
        document.report(
            ("tables", index, "header"),
            f"names {len(table.header_columns)} columns ({', '.join(table.header_columns)}), and rows of `{name}` are named by"
            f" {len(named_by)} ({', '.join(named_by)}); write one for each, in their order",
        )


def _depth(document: Document, written: MappingFile, tables: Mapping[str, Table]) -> None:
    """Headers in a circle, or further away than links are followed."""
    for index, table in enumerate(written.tables):
        chain = _longest(table, tables, ())
        if len(chain) > 1 and chain[-1] in chain[:-1]:
            if chain[-1] == table.table:
                document.report(("tables", index, "under"), f"leads back to itself: {' → '.join(chain)}")
        elif len(chain) - 1 > DEEPEST:
            document.report(
                ("tables", index, "under"),
                f"is {len(chain) - 1} headers away from its visit ({' → '.join(chain)}); links are followed through {DEEPEST}",
            )


def _longest(table: Table, tables: Mapping[str, Table], above: tuple[str, ...]) -> tuple[str, ...]:
    """The longest way up from a table; one that ends in a table which it has passed is a circle."""
    way = (*above, table.table)
    if table.table in above:
        return way
    ways = [_longest(tables[name], tables, way) for name in table.headers if name in tables]
    circles = [one for one in ways if one[-1] in one[:-1]]
    return max(circles or ways or [way], key=len)


def _widths(document: Document, written: MappingFile) -> None:
    """A key of two columns is never one of three: rows of one visit would part ways."""
    keys = [(index, table.visit_columns or table.else_columns) for index, table in enumerate(written.tables)]
    widths = Counter(len(columns) for _, columns in keys if columns)
    if len(widths) < 2:
        return
    usual = widths.most_common(1)[0][0]
    for index, columns in keys:
        if columns and len(columns) != usual:
            place = "visit_key" if written.tables[index].visit_key is not None else "else"
            document.report(
                ("tables", index, place),
                f"is of {len(columns)} columns, and of {usual} in other tables: rows of one visit would never meet",
            )
