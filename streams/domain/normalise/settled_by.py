"""By what a line finds its settlement in its visit, where no column of it names that settlement's key."""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from streams.domain.keys import ONE_OF
from streams.domain.normalise.which import as_compared
from streams.domain.records import Row

_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(Z?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The same values in columns of both."""

    pairs: tuple[tuple[str, str], ...]
    """Column of the line, column of the settlement."""

    def fits(self, line: Row, settlement: Row) -> bool:
        """Whether a line is of a settlement. Where one of the columns is empty, it is of none."""
        return all((said := as_matched(line.get(own))) and said == as_matched(settlement.get(other)) for own, other in self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The settlement lists its lines."""

    line: str
    """Column of the line that stands in the list."""
    column: str
    """Column of the settlement with the list."""
    by: str
    """What stands between two lines there."""

    def fits(self, line: Row, settlement: Row) -> bool:
        """Whether a line is of a settlement."""
        said, listed = as_compared(line.get(self.line)), settlement.get(self.column) or ""
        return bool(said) and said in map(as_compared, listed.split(self.by))


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Rows of a third table say which settlement a line is of; the place stage puts what they say beside the line's own columns."""

    pairs: tuple[tuple[str, str], ...]
    """As what a column of the link stands with the line, and the column of the settlement's key."""

    def fits(self, line: Row, settlement: Row) -> bool:
        """Whether a line is of a settlement, by one of its links at least."""
        said = [(line.get(own) or "").split(ONE_OF) for own, _ in self.pairs]
        key = [as_matched(settlement.get(other)) for _, other in self.pairs]
        return all(key) and any([*map(as_matched, one)] == key for one in zip(*said, strict=True))


SettledBy: TypeAlias = Match | Listed | Linked


def as_matched(value: str | None) -> str:
    """A value as it is compared with one of another table: a time without the zeros that its column's precision adds."""
    said = as_compared(value)
    found = _TIME.fullmatch(said)
    if found is None:
        return said
    fraction = (found[3] or "").rstrip("0")
    return f"{found[1]}T{found[2]}{'.' if fraction else ''}{fraction}"
