"""What a look at a live system found: what is wrong, where, and what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """BLOCKS: capture would fail or lose rows. WARNS: it runs, but a person should know."""

    BLOCKS = "blocks"
    WARNS = "warns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that stands against capture.

    where: the table, column, role or setting. mend: the SQL or the step that mends it, ready to paste.
    """

    where: str
    what: str
    mend: str
    severity: Severity = Severity.BLOCKS
