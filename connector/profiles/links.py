"""What the types of columns decide about rows that name a settlement, a header or a row of a lookup: whether two texts can be the
same. Pure, and the same for each kind of database.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from connector.contract import CaptureSource, TableRole
from connector.findings import Finding
from connector.profiles.seen import ColumnOf

Meet: TypeAlias = Callable[[str, str], bool]
"""Whether values of two forms can have the same text, but for blanks at the ends."""


def check_links(source: CaptureSource, column: ColumnOf, meet: Meet) -> Iterator[Finding]:
    """Check all links of a source. Both sides are compared as the text that is captured: `5` is never `5.00`. Where either is a
    text itself, or numbers have as many decimals as they like, anything may stand in it.
    """
    yield from _settlements(source, column, meet)
    yield from _headers(source, column, meet)
    yield from _lookups(source, column, meet)


def _settlements(source: CaptureSource, column: ColumnOf, meet: Meet) -> Iterator[Finding]:
    """A line's link can be the key of some settlement."""
    keys = [
        (f"{table.name}.{table.key[0]} is {seen.shown}", seen.form)
        for table in source.tables
        if TableRole.SETTLEMENT in (table.role, *table.further)
        and len(table.key) == 1
        and (seen := column(table.name, table.key[0])) is not None
    ]
    for table in source.tables:
        link = None if table.settlement is None else column(table.name, table.settlement)
        if link is None or not keys or (form := link.form) is None:
            continue
        if not any(other is None or meet(form, other) for _, other in keys):
            yield Finding(
                where=f"{table.name}.{table.settlement}",
                what=f"is {link.shown} and names the line's settlement, but {' and '.join(said for said, _ in keys)}: captured as"
                " text, the two are never the same, and its lines would wait in vain",
                mend="name the column that holds the settlement's key as `settlement` in the mapping, or give both the same type",
            )


def _headers(source: CaptureSource, column: ColumnOf, meet: Meet) -> Iterator[Finding]:
    """What a row names its header by can be what that is named by, column by column."""
    tables = {table.name: table for table in source.tables}
    for table in source.tables:
        for upper in (tables[name] for name in table.under if name in tables):
            for name, other in zip(table.header, upper.named_by, strict=False):
                yield from _never(
                    (table.name, name),
                    (upper.name, other),
                    column,
                    meet,
                    names="a row's header",
                    harm="its rows would wait in vain",
                    mend="name the columns that hold the same as `header` (or, of the header, as `named_by`) in the mapping",
                )


def _lookups(source: CaptureSource, column: ColumnOf, meet: Meet) -> Iterator[Finding]:
    """What a lookup is asked by can stand in it."""
    for table in source.tables:
        for asked in table.lookups:
            yield from _never(
                (table.name, asked.column),
                (asked.table, asked.named_by),
                column,
                meet,
                names=f"a row of {asked.table}",
                harm="its records would wait in vain",
                mend="name the columns that hold the same in `by` (or, of the lookup, in `key` or `named_by`) in the mapping",
            )


def _never(  # noqa: PLR0913 - two columns, and what is told of them
    one: tuple[str, str], other: tuple[str, str], column: ColumnOf, meet: Meet, *, names: str, harm: str, mend: str
) -> Iterator[Finding]:
    mine, theirs = column(*one), column(*other)
    if mine is None or theirs is None or mine.form is None or theirs.form is None or meet(mine.form, theirs.form):
        return
    yield Finding(
        where=".".join(one),
        what=f"is {mine.shown} and names {names}, but {'.'.join(other)} is {theirs.shown}: captured as text, the two are never the"
        f" same, and {harm}",
        mend=mend,
    )
