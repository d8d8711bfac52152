"""What a row says of a settlement's sum (rule R2): of which settlement it is, and its amount.

It is read from the row's own columns alone, so that what a row said before can be told from what it was. Where a mapping reads an
amount elsewhere, or finds a line's settlement by a list or a third table, sums are not kept and R2 is not judged.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from connector.contract import TableRole
from streams.domain.keys import SEPARATOR
from streams.domain.normalise.fields import FieldStep, value_of
from streams.domain.normalise.settled_by import Match, SettledBy, as_matched
from streams.domain.normalise.sources import Reading, columns_of, lookups_of
from streams.domain.records import Row, SourceRows
from streams.domain.violations import Unfit

_FEE: Final = TableRole.FEE
_SETTLEMENT: Final = TableRole.SETTLEMENT
_PADDING: Final = " "
_OF_THE_VISIT: Final = ""

Name: TypeAlias = Callable[[tuple[str, ...], Row], str | None]
"""Of a row's key and columns: of which settlement it is; None: of none."""


class Share(NamedTuple):
    """What one row says."""

    settlement: str
    """By what lines and settlements are brought together; `""` where all of a visit are."""
    cents: int | None
    """Its amount; None where it cannot be read."""
    is_line: bool
    """Whether it is a line, and not the settlement."""

    def __repr__(self) -> str:
        """Without the amount."""
        return "Share()"


class Table(Protocol):
    """What decides of a table's rows."""

    @property
    def name(self) -> str:
        """`schema.table`."""

    @property
    def role(self) -> TableRole:
        """What its rows describe."""

    @property
    def settlement_link(self) -> str | None:
        """Column of a line that names its settlement."""

    @property
    def settled_by(self) -> SettledBy | None:
        """By what else it is found."""


class Said(Protocol):
    """A row."""

    @property
    def table(self) -> str:
        """`schema.table`."""

    @property
    def key(self) -> tuple[str, ...]:
        """Values of its key columns."""

    @property
    def columns(self) -> Row:
        """The captured columns."""


class Tallied:
    """names: by table. amounts: by table, how the amount is made, and whether its rows are lines."""

    def __init__(self, names: Mapping[str, Name], amounts: Mapping[str, tuple[FieldStep, bool]]) -> None:
        self._of = {table: (name, *amounts[table]) for table, name in names.items()}

    def share(self, row: Said) -> Share | None:
        """What a row says; None where it is of no settlement, as a line before it is settled."""
        of, columns = self._of.get(row.table), row.columns
        if of is None or (settlement := of[0](row.key, columns)) is None:
            return None
        _, step, is_line = of
        try:
            if step.read is None:  # as nearly all
                raw = columns.get(step.column)
                text = (step.convert(raw) if raw is not None else "") or step.default
            else:
                text = value_of(step, Reading(_alone(row, is_line=is_line), _NONE))
        except Unfit:
            text = None
        # Amounts have two decimals: as whole numbers they are added in a third of the time.
        return Share(settlement, int(text.replace(".", "")) if text else None, is_line)


def tallied(tables: Collection[Table], *, line: FieldStep | None, settlement: FieldStep | None) -> Tallied | None:
    """How the rows of these tables are read; None where their own columns do not say it. line, settlement: how their amounts are
    made.
    """
    lines = [table for table in tables if table.role is _FEE]
    ways = {_way(table) for table in lines}
    if len(ways) != 1 or None in ways or not (_is_own(line, _FEE) and _is_own(settlement, _SETTLEMENT)):
        return None
    (way,) = ways
    names = {table.name: _named_by(table) for table in lines}
    names |= {table.name: _names(way) for table in tables if table.role is _SETTLEMENT}
    assert line is not None
    assert settlement is not None
    amounts = {table.name: (line, True) if table.role is _FEE else (settlement, False) for table in tables if table.name in names}
    return Tallied(names, amounts)


def stated(tables: Collection[Table], *, settlement: FieldStep | None) -> Tallied | None:
    """How settlements alone are read; None where their own columns do not say it."""
    if not _is_own(settlement, _SETTLEMENT):
        return None
    assert settlement is not None
    names = {table.name: _names((_OF_THE_VISIT,)) for table in tables if table.role is _SETTLEMENT}
    return Tallied(names, dict.fromkeys(names, (settlement, False))) if names else None


def _way(table: Table) -> tuple[str, ...] | None:
    """By which columns of the settlement its lines find it: () by its key, `("",)` as the only one; None: by other rows."""
    if table.settlement_link is not None:
        return ()
    match table.settled_by:
        case None:
            return (_OF_THE_VISIT,)
        case Match(pairs=pairs):
            return tuple(other for _, other in pairs)
        case _:
            return None


def _is_own(step: FieldStep | None, role: TableRole) -> bool:
    """Whether a field is made of the columns of its own row, and of nothing else."""
    return step is not None and {of for of, _ in columns_of(step.source)} == {role} and not any(lookups_of(step.source))


def _named_by(table: Table) -> Name:
    """How a line's settlement is told."""
    if (link := table.settlement_link) is not None:
        return lambda _, columns: (columns.get(link) or "").strip(_PADDING) or None
    if isinstance(table.settled_by, Match):
        return _by([own for own, _ in table.settled_by.pairs])
    return lambda *_: _OF_THE_VISIT


def _names(way: tuple[str, ...] | None) -> Name:
    """As what a settlement is told by its lines."""
    if not way:
        return lambda key, _: key[0].strip(_PADDING) if len(key) == 1 else None
    return (lambda *_: _OF_THE_VISIT) if way == (_OF_THE_VISIT,) else _by(way)


def _by(columns: Iterable[str]) -> Name:
    names = tuple(columns)

    def name(_: tuple[str, ...], row: Row) -> str | None:
        said = [as_matched(row.get(one)) for one in names]
        return SEPARATOR.join(said) if all(said) else None

    return name


def _alone(row: Said, *, is_line: bool) -> SourceRows:
    """A row without those that belong to it."""
    if is_line:
        return SourceRows(fee=row.columns, tables=("", "", row.table))
    return SourceRows(settlement=row.columns, tables=("", row.table, ""))


class _NoLookups:
    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        raise AssertionError(name, len(key))


_NONE: Final = _NoLookups()
