"""Which tables hold headers, which hang under them, and by what their rows are linked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from streams.domain.keys import VisitKey, named
from streams.domain.place.entries import Link
from streams.domain.records import Row

DEEPEST: Final = 4
"""How many headers there may be between a row and its visit."""

_BETWEEN: Final = "\x1e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long (ms) a row waits for its header, and how long a deleted row is remembered, so that what capture sends again does
    not bring it back.
    """

    wait_ms: int
    keep_ms: int = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTable:
    """A table whose rows hang under a header, or are headers themselves."""

    name: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    columns: frozenset[str]
    """Every column that is captured of it."""
    visit_key: VisitKey | None
    """Where the visit key stands, of rows under a header: where they name none; None: nowhere."""
    under: tuple[str, ...] = ()
    """Tables of its header."""
    header: tuple[str, ...] = ()
    """Columns that name its header."""
    named_by: tuple[str, ...] = ()
    """Columns by which rows under it name it; () where none hang under it."""
    carried: tuple[str, ...] = ()
    """Columns of its header that its records read."""
    forwarded: bool = True
    """Whether the join gets its rows."""
    beside: bool = False
    """Whether its header is a link: that says something of a row and not where it belongs, and none is waited for."""
    moved_ms: int = 0
    """So long its header may be on its way from one table to another (ms); 0: headers do not move."""

    @property
    def group(self) -> str:
        """The tables of its header as one text."""
        return group_of(self.under)

    def link(self, row: Row) -> Link:
        """Where a row of it belongs."""
        name = named(row, self.header) if self.header else None
        if name is not None and not self.beside:
            return Link(headers=self.group, name=name)
        visit = None if self.visit_key is None else self.visit_key.of(row)
        return Link(visit or "", *(("", "") if name is None else (self.group, name)))

    def name_of(self, row: Row) -> str:
        """By what rows under it name this row; `""` where nothing can."""
        return (named(row, self.named_by) or "") if self.named_by else ""


class LinkedTables:
    """The linked tables of one source."""

    def __init__(self, tables: Iterable[LinkedTable], patience: Patience) -> None:
        self.patience = patience
        self.by_name: Mapping[str, LinkedTable] = {table.name: table for table in tables}
        self.groups: Mapping[str, tuple[str, ...]] = {
            name: tuple(dict.fromkeys(one.group for one in self.by_name.values() if name in one.under)) for name in self.by_name
        }
        """By table, the groups of header tables that it belongs to."""
        self.read: Mapping[str, frozenset[str]] = {
            name: frozenset(column for one in self.by_name.values() if name in one.under for column in one.carried)
            for name in self.by_name
        }
        """By table, the columns that rows under it read."""


def group_of(tables: Iterable[str]) -> str:
    """Tables of one header as one text."""
    return _BETWEEN.join(tables)


def tables_of(group: str) -> list[str]:
    """The tables in such a text."""
    return group.split(_BETWEEN)
