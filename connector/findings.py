"""The result of a check on a live system: what is wrong, where, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """BLOCKS: capture would fail or lose rows. WARNS: it runs, but a person should know."""

    BLOCKS = "blocks"
    WARNS = "warns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that stands in the way of capture."""

    where: str
    """The table, column, role or setting."""
    what: str
    """What is wrong with it; continues a sentence that begins with `where`."""
    mend: str
    """The SQL or the step that mends it, ready to paste."""
    severity: Severity = Severity.BLOCKS
    """Whether it prevents capture."""
