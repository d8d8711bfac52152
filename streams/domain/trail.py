"""The trail of a row that came from another visit: whose lane may still have an older version of its record.

The place stage writes it behind the header `arrived`: the partition that the row left, and the number of the last message there,
which is that of its leave or a later one. In partitions that have numbers of several sources it is of the message's own series.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.domain.changes import ARRIVED, Incoming
from streams.domain.records import Header
from streams.domain.series import number_of

UNKNOWN: Final[Header] = (ARRIVED, b"")
"""Of a row that arrives where there is no other lane, and as earlier versions wrote it."""


class Trail(NamedTuple):
    """Where a row was before."""

    series: str
    """Of the number."""
    partition: int
    """Of `visit.changes`."""
    number: int
    """What the row led to there came of messages up to this one."""
    institution: str = ""
    """Whose record the row is here, and was there; `""`: not known, so the records of all institutions are waited for."""

    def members(self) -> tuple[object, ...]:
        """As it stands in a state entry."""
        return tuple(self) if self.institution else tuple(self[:-1])


def leaving(partition: int) -> Header:
    """The header of a row that arrives, before the partition that it left is numbered."""
    return ARRIVED, b"%d" % partition


def left_at(headers: tuple[Header, ...], numbers: Sequence[int]) -> tuple[Header, ...]:
    """The headers of a placed row, its trail with the number of its leave. numbers: by partition, of the next message: the leave
    is written before the row arrives.
    """
    name, partition = headers[-1]
    if name != ARRIVED or not partition:
        return headers
    return (*headers[:-1], (ARRIVED, b"%b:%d" % (partition, numbers[int(partition)] - 1)))


def trail_of(incoming: Incoming, institution: str | None) -> Trail | None:
    """The trail of a row that arrives; None where none is known. institution: whose record it is here. (Where it was another one's
    there, the lane there says so, see `streams.domain.join.moving`.)
    """
    if not incoming.arrived:
        return None
    partition, found, number = (incoming.headers[-1][1] or b"").partition(b":")
    if not found or not partition.isdigit() or not number.isdigit():
        return None
    return Trail(number_of(incoming)[0], int(partition), int(number), institution or "")
