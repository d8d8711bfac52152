"""What the types of columns decide about lines that name their settlement or header: whether two texts can be the same. Pure."""

from collections.abc import Iterator

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.findings import Finding
from connector.profiles.postgresql.catalogue import Catalogue, Column
from connector.profiles.postgresql.column_types import alike_without_blanks, form_of


def check_settlement_links(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that a line's link can be the key of some settlement. Both are compared as the text that is captured: `5` is never
    `5.00`. Where either is a text itself, or numbers have as many decimals as they like, anything may stand in it.
    """
    keys = [
        (f"{table.name}.{table.key[0]} is {column.shown}", form_of(column))
        for table in source.tables
        if TableRole.SETTLEMENT in (table.role, *table.further)
        and len(table.key) == 1
        and (column := _column(catalogue, table, table.key[0])) is not None
    ]
    for table in source.tables:
        link = None if table.settlement is None else _column(catalogue, table, table.settlement)
        if link is None or not keys or (form := form_of(link)) is None:
            continue
        if not any(other is None or alike_without_blanks(form, other) for _, other in keys):
            yield Finding(
                where=f"{table.name}.{link.name}",
                what=f"is {link.shown} and names the line's settlement, but {' and '.join(said for said, _ in keys)}: captured as"
                " text, the two are never the same, and its lines would wait in vain",
                mend="name the column that holds the settlement's key as `settlement` in the mapping, or give both the same type",
            )


def _column(catalogue: Catalogue, table: CapturedTable, name: str) -> Column | None:
    found = catalogue.tables.get(table.name)
    return None if found is None else found.columns.get(name)


def check_headers(source: CaptureSource, catalogue: Catalogue) -> Iterator[Finding]:
    """Check that what a row names its header by can be what that is named by, column by column."""
    tables = {table.name: table for table in source.tables}
    for table in source.tables:
        for upper in (tables[name] for name in table.under if name in tables):
            for name, other in zip(table.header, upper.named_by, strict=False):
                mine, theirs = _column(catalogue, table, name), _column(catalogue, upper, other)
                if mine is None or theirs is None:
                    continue
                one, two = form_of(mine), form_of(theirs)
                if one is not None and two is not None and not alike_without_blanks(one, two):
                    yield Finding(
                        where=f"{table.name}.{name}",
                        what=f"is {mine.shown} and names a row's header, but {upper.name}.{other} is {theirs.shown}: captured as"
                        " text, the two are never the same, and its rows would wait in vain",
                        mend="name the columns that hold the same as `header` (or, of the header, as `named_by`) in the mapping",
                    )
