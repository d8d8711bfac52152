"""Rows that came from another visit, until no lane has an older version of their record any more.

The lanes of two partitions do not wait for each other. So a row that arrives waits itself, until the join of the partition that it
left has folded its leave, and the deliver lane there has done with everything of its institution that this join had emitted by
then. Where it leaves again meanwhile, that leave stays open for whoever follows it: a join says in its mark which of its leaves is
the first open one, of each institution, and counts for rows of that one as being no further.

A row that becomes another institution's record, where it is or as it leaves, may become the former one's again anywhere. So that,
too, is an open leave, for rows of the institution that it becomes, until the lane has done with what it emitted of the former one.

Entry key of an open leave: nothing, `m`, series and number (13 digits), joined by the unit separator. Entry value: `w`, 13 digits
as of a row that waits for a lane, `-` and a JSON array: form, and the trail of the row that left; of one that became another
institution's record, the leave's own place with the former institution; and whose rows wait for it.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import orjson

from streams.domain.changes import Incoming
from streams.domain.join.entries import FORM, SEPARATOR, WITH_INSTITUTION, WITH_TRAIL, is_moved
from streams.domain.join.parts import MOVED_FROM
from streams.domain.join.passing import Passing
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
BECAME: Final = "institution_changed"
"""Outcome: a row became another institution's record, and whoever follows it waits."""

_OPEN: Final = SEPARATOR + b"m" + SEPARATOR
"""What the state keys of open leaves have in common."""
_DIGITS: Final = 13


class Passed(NamedTuple):
    """How far other lanes are, joined and delivered."""

    upto: Mapping[int, Passing] = MappingProxyType({})
    """By partition. Missing: not known."""
    is_news: bool = True
    """Whether it differs from what this partition's last tick was told."""

    def has(self, trail: Trail) -> bool:
        """Whether the lanes have passed a leave."""
        passing = self.upto.get(trail.partition)
        return passing is not None and passing.upto(trail.series, trail.institution) > trail.number

    def has_delivered(self, trail: Trail) -> bool:
        """Whether nothing of an institution is on its way that was emitted up to a number, whatever left."""
        passing = self.upto.get(trail.partition)
        return passing is not None and passing.known(trail.institution).joined.get(trail.series, 0) > trail.number


NOT_KNOWN: Final = Passed()


class Leave(NamedTuple):
    """One that is open."""

    trail: Trail
    """What it waits for."""
    holds: str
    """The institution whose rows must not pass it; `""`: all."""


class Moving:
    """The trails that one fold meets. partition: its own."""

    __slots__ = ("_leaves", "_partition", "_passed", "_view")

    def __init__(self, view: StateView, passed: Passed, partition: int) -> None:
        self._view = view
        self._passed = passed
        self._partition = partition
        self._leaves: dict[tuple[str, int], Leave] | None = None

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
        return any(not self._is_of_itself(where, leave) for where, leave in self._before(trail))

    def leaves(self, incoming: Incoming, trail: Trail, holds: str) -> tuple[bytes, bytes]:
        """The state entry of a leave of a row whose own trail is open. holds: the institution whose record it is from now on."""
        return self._put(number_of(incoming), Leave(trail, holds if trail.institution else ""))

    def becomes(self, incoming: Incoming, was: str, now: str) -> Iterator[tuple[bytes, bytes]]:
        """The state entry of a row that becomes another institution's record; none where its messages have no numbers: then there
        is no other lane. was, now: the institutions; `""` where one is not known.
        """
        series, number = number_of(incoming)
        if series:
            trail = Trail(series, self._partition, number, was)
            known = was if not any(self._before(trail)) else ""  # else it may have been a third one's before
            yield self._put((series, number), Leave(trail._replace(institution=known), now))

    def close(self) -> Iterator[tuple[bytes, None]]:
        """The state entries of leaves that are not open any more. The earlier one goes first: a later one may follow it."""
        for where, leave in sorted(self._open_leaves().items()):
            done = self._passed.has_delivered if self._is_of_itself(where, leave) else self._passes
            if done(leave.trail):
                del self._open_leaves()[where]
                yield _key(where), None

    def _passes(self, trail: Trail) -> bool:
        return not self.is_open(trail)

    def _before(self, trail: Trail) -> Iterator[tuple[tuple[str, int], Leave]]:
        """The open leaves that rows of the trail's institution must not pass, up to its number."""
        for (series, number), leave in self._open_leaves().items():
            held = not trail.institution or leave.holds in ("", trail.institution)
            if held and series == trail.series and number <= trail.number:
                yield (series, number), leave

    def _is_of_itself(self, where: tuple[str, int], leave: Leave) -> bool:
        """Whether an open leave is one of a row that became another institution's record. In its own lane nobody passes that."""
        return leave.trail[:3] == (where[0], self._partition, where[1])

    def _put(self, where: tuple[str, int], leave: Leave) -> tuple[bytes, bytes]:
        self._open_leaves()[where] = leave
        return _key(where), b"w%013d-%b" % (MOVED_FROM + leave.trail.partition, self._document(where, leave))

    def _document(self, where: tuple[str, int], leave: Leave) -> bytes:
        if leave.trail.institution or leave.holds or self._is_of_itself(where, leave):
            return orjson.dumps([WITH_INSTITUTION, *leave.trail, leave.holds])
        return orjson.dumps([WITH_TRAIL, *leave.trail.members()])

    def _open_leaves(self) -> dict[tuple[str, int], Leave]:
        if self._leaves is None:
            self._leaves = {_where(key): load_leave(value) for key, value in self._view.entries_beside(_OPEN).items()}
        return self._leaves


def first_open(view: StateView) -> dict[str, dict[str, int]]:
    """By series and institution, `""` for all: the number of the first leave that is open."""
    found: dict[str, dict[str, int]] = {}
    for key, value in view.entries_beside(_OPEN).items():
        (series, number), holds = _where(key), load_leave(value).holds
        of_series = found.setdefault(series, {})
        of_series[holds] = min(number, of_series.get(holds, number))
    return found


def _key(where: tuple[str, int]) -> bytes:
    series, number = where
    return _OPEN + b"%b%b%013d" % (series.encode(), SEPARATOR, number)


def _where(key: bytes) -> tuple[str, int]:
    series, _, number = key[len(_OPEN) :].rpartition(SEPARATOR)
    return series.decode(), int(number)


def moved_in(view: StateView, visit_key: bytes) -> list[bytes]:
    """The keys of a visit's rows that wait for a lane of another partition."""
    return [key for key, value in view.visit(visit_key).items() if is_moved(value)]


def load_leave(value: bytes) -> Leave:
    """An open leave in its state entry. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[_DIGITS + 2 :])
    if form > FORM:
        raise Newer(f"an open leave in visit.state (form {form}; this version knows {FORM})")
    trail = Trail(*members[:4])
    return Leave(trail, members[4] if form >= WITH_INSTITUTION else "")
