"""Where the numbers of records stand in a database: what a check needs to find two tables that give one number to two things."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from connector.contract import CaptureSource

VISIT_KEY: Final = "visit key"

MOST: Final = 1_000
"""Where so many numbers are found that stand in two tables, no more are looked for."""
NEWEST: Final = 5_000
"""Of each of two databases: so many of the highest numbers are looked up in the other one. Two series that overlap meet there."""

Known: TypeAlias = frozenset[tuple[str, str]]
"""Numbers, each with the code of the institution that gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One column whose values name the records of a table."""

    source: CaptureSource
    """Database of the table."""
    table: str
    """`schema.table`."""
    column: str
    """The column."""
    names: str
    """What its values are: a field of the interface, or `VISIT_KEY`."""
    institution: str | None
    """Column that tells a row's institution; None where all rows belong to one."""
    prefix: str = ""
    """Stands before each of them where they are compared."""
    institutions: Mapping[str, str]
    """By what stands there, the institution's code; where all rows belong to one, that code alone, under itself."""

    @property
    def place(self) -> tuple[str, str, int, str, str]:
        """Where it stands: two columns of one place are compared by the database itself."""
        source = self.source
        return source.kind, source.host, source.port, source.database, source.user

    def without_prefix(self, numbers: Iterable[str]) -> list[str]:
        """Those of these numbers that may be its own, as they stand in the column."""
        return [one.removeprefix(self.prefix) for one in numbers if one.startswith(self.prefix)]

    def known(self, rows: Iterable[tuple[Any, ...]]) -> Known:
        """Of rows (number, name of the institution) those that name an institution of the site, each with its prefix."""
        named = ((f"{self.prefix}{number}", f"{name}") for number, name in rows if number)
        return frozenset((number, self.institutions[name]) for number, name in named if name in self.institutions)
