"""Which rows of a table count. The others are for the product as if the database did not have them: a row that stops counting is
deleted, one that begins to is inserted.

What stands in the row itself decides where rows are placed, before anything else looks at them. What stands in a lookup is known to
the join alone, and decides there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from connector.contract import UNAVAILABLE
from streams.domain.images import text_of
from streams.domain.normalise.unseen import is_blank
from streams.domain.records import UNDECIDED, Lookups, MissingLookup, Row

_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must stand in a column."""

    column: str
    """The column."""
    values: frozenset[str]
    """As `as_compared` writes them; `""` stands for NULL."""
    negated: bool = False
    """Whether none of them may stand there."""

    def holds(self, value: str | None) -> bool:
        """Whether it does with this value, as text."""
        return (as_compared(value) in self.values) is not self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What must stand in a column of a lookup row."""

    condition: Condition
    """The column is one of the lookup."""
    lookup: str
    """Its name."""
    by: tuple[str, ...]
    """Columns of the row itself that make the lookup's key."""
    absent: Literal["wait", "empty"] = "wait"
    """Where there is no such row: nobody knows yet, or it is as if NULL stood there."""
    role: str = ""
    """Of the row itself, to say where its columns stand."""

    def holds(self, row: Row, lookups: Lookups) -> bool | MissingLookup:
        """Whether it does for this row, or which lookup row is missing to know it."""
        key: list[str] = []
        for name in self.by:
            part = row.get(name)
            if part is None or is_blank(part):
                return self.condition.holds(None)
            key.append(part)
        found = lookups.find(self.lookup, tuple(key))
        if found is UNDECIDED or (found is None and self.absent == "wait"):
            places = frozenset((self.role, name) for name in self.by)
            return MissingLookup(lookup=self.lookup, key=tuple(key), places=places)
        return self.condition.holds(None if found is None else found.get(self.condition.column))


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """All that must hold of a row that counts."""

    own: tuple[Condition, ...] = ()
    """Of its own columns."""
    looked_up: tuple[LookedUp, ...] = ()
    """Of lookups."""

    def image_counts(self, image: Mapping[str, object]) -> bool | None:
        """Whether a row image is of one that counts, by its own columns; None where it does not hold them all."""
        known = True
        for one in self.own:
            value = image.get(one.column, UNAVAILABLE)
            if value == UNAVAILABLE:
                known = False
            elif not one.holds(value if value is None or type(value) is str else text_of(value)):
                return False
        return True if known else None

    def counts(self, row: Row, lookups: Lookups) -> bool | MissingLookup:
        """Whether a row counts by the lookups, or the first lookup row that is missing to know it, where nothing that is known says
        that it does not.
        """
        missing: MissingLookup | None = None
        for one in self.looked_up:
            found = one.holds(row, lookups)
            if found is False:
                return False
            if isinstance(found, MissingLookup):
                missing = missing or found
        return True if missing is None else missing


def as_compared(value: str | None) -> str:
    """A value as it is compared: without blanks at its ends, without zeros behind a decimal point, `""` for NULL and blank ones."""
    if value is None or is_blank(value):
        return ""
    said = value.strip()
    return said.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(said) else said
