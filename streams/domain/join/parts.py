"""What a row can wait for, and what stands in the place of what another visit did."""

from enum import StrEnum
from typing import Final

ELSEWHERE: Final = "elsewhere"
"""In the place of the content hash of what was emitted last, where another visit emitted it."""

MOVED_FROM: Final = 9 * 10**12
"""Deadline, but for the partition, of what waits for a lane of another partition: a moment of the year 2255, which never comes."""


class Part(StrEnum):
    """What a row can wait for.

    UNREPORTED, UNREPORTED_LINE: the visit, the settlement or the line that a refund takes back is there, but its own record still
    waits. PARENT_REFUSED: the visit or the settlement was refused, or waited in vain, and never went out. POSITIVE_LINE: a refund
    line has no line to take back. MOVED: the lane of the partition that the row left may still have an older version of its
    record. AMBIGUOUS_VISIT, AMBIGUOUS_SETTLEMENT: there are several, and it is not known which is meant. COLLISION, with the
    transaction behind it: another row backs the record, and says something else.
    """

    VISIT = "visit"
    SETTLEMENT = "settlement"
    UNSETTLED = "unsettled"
    UNREPORTED = "unreported"
    PARENT_REFUSED = "parent_refused"
    LOOKUP = "lookup"
    POSITIVE_LINE = "positive_line"
    UNREPORTED_LINE = "positive_line_unreported"
    MOVED = "moved"
    AMBIGUOUS_VISIT = "ambiguous_visit"
    AMBIGUOUS_SETTLEMENT = "ambiguous_settlement"
    COLLISION = "collision"
