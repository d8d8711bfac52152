"""Where the numbers of records stand in a database: what a check needs to find two tables that give one number to two things."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.contract import CaptureSource

VISIT_KEY: Final = "visit key"


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
    institutions: Mapping[str, str]
    """By what stands there, the institution's code; where all rows belong to one, that code alone, under itself."""
