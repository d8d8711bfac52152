"""Rows that came from another visit, until no lane has an older version of their record any more.

The lanes of two partitions do not wait for each other. So a row that arrives waits itself, until the join of the partition that it
left has folded its leave, and the deliver lane there has done with everything that this join had emitted by then. Where it leaves
again meanwhile, that leave stays open for whoever follows it: a join says in its mark which of its leaves is the first open one,
and counts for others as being no further than that.

Entry key of an open leave: nothing, `m`, series and number (13 digits), joined by the unit separator. Entry value: `w`, 13 digits
as of a row that waits for a lane, `-` and a JSON array: form, and the trail of the row that left.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from streams.domain.changes import Incoming
from streams.domain.join.entries import FORM, SEPARATOR, WITH_TRAIL
from streams.domain.join.parts import MOVED_FROM
from streams.domain.join.view import StateView
from streams.domain.series import number_of
from streams.domain.trail import Trail
from streams.errors import Newer

WAITS: Final = "moved_waiting"
"""Outcome: a row that came from another partition began to wait for the lane there."""
GOES_ON: Final = "moved_on"
"""Outcome: it waits no more."""
WENT: Final = "moved_gone"
"""Outcome: it went, and its record is open."""

_OPEN: Final = SEPARATOR + b"m" + SEPARATOR
"""What the state keys of open leaves have in common."""
_DIGITS: Final = 13


class Passed(NamedTuple):
    """How far other lanes are, joined and delivered."""

    upto: Mapping[int, Mapping[str, int]] = MappingProxyType({})
    """By partition and series: the number up to which, without it, no record is on its way. Missing: not known."""
    is_news: bool = True
    """Whether it differs from what this partition's last tick was told."""

    def has(self, trail: Trail) -> bool:
        """Whether the lanes have passed a leave."""
        return self.upto.get(trail.partition, _NOTHING).get(trail.series, 0) > trail.number


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
NOT_KNOWN: Final = Passed()


class Moving:
    """The trails that one fold meets. partition: its own."""

    __slots__ = ("_leaves", "_partition", "_passed", "_view")

    def __init__(self, view: StateView, passed: Passed, partition: int) -> None:
        self._view = view
        self._passed = passed
        self._partition = partition
        self._leaves: set[tuple[str, int]] | None = None

    @property
    def is_news(self) -> bool:
        """Whether a lane got further since the last tick."""
        return self._passed.is_news

    def is_open(self, trail: Trail | None) -> bool:
        """Whether an older version may still be on its way to the platform."""
        if trail is None:
            return False
        if trail.partition != self._partition:
            return not self._passed.has(trail)
        # What this lane emitted itself goes before what it emits now.
        return any(series == trail.series and number <= trail.number for series, number in self._open_leaves())

    def leaves(self, incoming: Incoming, trail: Trail) -> tuple[bytes, bytes]:
        """The state entry of a leave of a row whose own trail is open."""
        series, number = number_of(incoming)
        self._open_leaves().add((series, number))
        document = orjson.dumps([WITH_TRAIL, *trail])
        return _OPEN + b"%b%b%013d" % (series.encode(), SEPARATOR, number), b"w%013d-%b" % (MOVED_FROM + trail.partition, document)

    def close(self) -> Iterator[tuple[bytes, None]]:
        """The state entries of leaves that are not open any more. The earlier one goes first: a later one may follow it."""
        for key, value in sorted(self._view.entries_beside(_OPEN).items()):
            if not self.is_open(load_leave(value)):
                self._open_leaves().discard(_leave(key))
                yield key, None

    def _open_leaves(self) -> set[tuple[str, int]]:
        if self._leaves is None:
            self._leaves = set(map(_leave, self._view.entries_beside(_OPEN)))
        return self._leaves


def first_open(view: StateView) -> dict[str, int]:
    """By series: the number of the first leave that is open."""
    found: dict[str, int] = {}
    for key in view.entries_beside(_OPEN):
        series, number = _leave(key)
        found[series] = min(number, found.get(series, number))
    return found


def _leave(key: bytes) -> tuple[str, int]:
    series, _, number = key[len(_OPEN) :].rpartition(SEPARATOR)
    return series.decode(), int(number)


def load_leave(value: bytes) -> Trail:
    """The trail in the state entry of an open leave. Raises Newer where a later version wrote it."""
    form, *trail = orjson.loads(value[_DIGITS + 2 :])
    if form > FORM:
        raise Newer(f"an open leave in visit.state (form {form}; this version knows {FORM})")
    return Trail(*trail)
