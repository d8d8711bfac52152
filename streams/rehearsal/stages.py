"""Place and join of a site on the changes of a case: the product's own folds, with their state in memory and one partition."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final, NamedTuple

import orjson

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.closings import letter_id
from streams.domain.join.entries import is_row, load, waits
from streams.domain.join.fold import LEFT, Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.moving import Passed
from streams.domain.join.passing import Joined, Passing
from streams.domain.join.results import Folded
from streams.domain.place.entries import is_row as is_placed
from streams.domain.place.entries import load as load_placed
from streams.domain.place.entries import row_of
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.placed import Placed
from streams.domain.ready import Emission, closes
from streams.domain.records import DeadLetter, Row
from streams.domain.series import FROM, NUMBER
from streams.domain.ticks import END_OF_TIME, tick_value
from streams.domain.trail import left_at
from streams.errors import Misconfigured
from streams.lanes.join.lookups import LookupTable
from streams.lanes.join.overlay import Overlay as JoinOverlay
from streams.lanes.join.state import State
from streams.lanes.place.state import Overlay as PlaceOverlay
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import Site
from streams.rehearsal.case import Case, Event
from streams.rehearsal.database import Database, Told
from streams.rehearsal.lookups import LookupRows

HEADER: Final = "header"
"""What a row waits for in the place stage."""
PARTITIONS: Final = 1
"""Of `visit.changes` in a rehearsal: nothing waits for the lane of another partition."""
_PAUSE_MS: Final = 60_000
_GRACES: Final = 4
_TICKS: Final = 3
"""What one tick gives up may be what something else waits for."""
_MOST_TICKS: Final = 10_000
_END_MS: Final = 7_258_118_400_000
_ALL_PASSED: Final = 1 << 60


class Waiting(NamedTuple):
    """A row that waits."""

    table: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Values of its key columns."""
    part: str
    """What it waits for, as the join remembers it; `HEADER` in the place stage."""


@dataclass(slots=True)
class Outcome:
    """What came of a case."""

    ready: list[Emission] = field(default_factory=list)
    """Records that go to the platform, in their order."""
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    """By id: those that are open."""
    waiting: list[Waiting] = field(default_factory=list)
    """What waits at the end."""

    def take(self, folded: Folded) -> None:
        """Add what one message led to. The platform takes every record at once: a letter that it mends is closed then."""
        self.ready += folded.ready
        for letter in folded.dead:
            if letter.closed:
                self.letters.pop(letter_id(letter), None)
            else:
                self.letters[letter_id(letter)] = letter
        mended = (closes(emission.tail) for emission in folded.ready)
        for closed in (*(one.id for one in folded.closed), *filter(None, mended)):
            self.letters.pop(closed, None)


class Rehearsal:
    """The stages of a site up to what goes to the platform. placer: of `PARTITIONS` partitions. lookups: the tables by topic."""

    def __init__(self, site: Site, placer: Placer, joiner: Joiner, lookups: Mapping[str, LookupTable]) -> None:
        self._site = site
        self._placer = placer
        self._joiner = joiner
        self._lanes = {source: _PlaceLane(source, placer) for source in site.sources}
        self._database = Database(site)
        self.lookups = LookupRows(lookups)
        """What the lookup tables hold."""
        self._state = State(TopicPartition("visit.state", 0), index=Index(joiner.mappings))
        self._entries: dict[bytes, bytes] = {}
        self._folded = 0
        numbers = Joined(dict.fromkeys([lane.series for lane in self._lanes.values()], _ALL_PASSED))
        self._passed = Passed({0: Passing(all=numbers, others=numbers)})
        self._outcome = Outcome()
        self._left = False

    def run(self, case: Case, zone: tzinfo) -> Outcome:
        """Let it happen. Raises Misconfigured where a step is none that a database could do."""
        return self.play(case.happens, at=_ms(case.at, zone))

    def play(self, events: Iterable[Event], *, at: int) -> Outcome:
        """The same of steps alone. at: when the first one is (ms)."""
        now = at
        for number, event in enumerate(events, 1):
            for change in event.changes:
                self._take(self._database.change(change, at=now, transaction=number), now)
            now += event.seconds * 1000 + self._pause_ms
            if now >= _END_MS:
                raise Misconfigured("more time passes than a case may take: it ends before the year 2200")
            self._tell_time(now)
        self._outcome.waiting = sorted(self._waiting())
        return self._outcome

    @property
    def _pause_ms(self) -> int:
        return max(_PAUSE_MS, round(_GRACES * self._site.join.withdrawal_grace_s * 1000))

    def _take(self, told: Told, now: int) -> None:
        if told.table.role is TableRole.LOOKUP:
            self.lookups.take(self._site.topics.lookup(told.table.lookup_name), told.key, told.value, now)
            return
        self._place(told.source, told.key, told.value, now)

    def _tell_time(self, now: int) -> None:
        for after_ms in range(_TICKS):
            for _ in range(_MOST_TICKS):
                self._left = False
                for source in self._lanes:
                    self._place(source, None, tick_value(now + after_ms), now + after_ms)
                if not self._left:
                    break

    def _place(self, source: str, key: bytes | None, value: bytes, now: int) -> None:
        lane = self._lanes[source]
        for placed in lane.fold(Incoming(f"rows.{source}", 0, lane.taken, key, value, (), now)):
            self._join(placed, now)

    def _join(self, placed: Placed, now: int) -> None:
        incoming = Incoming("visit.changes", 0, self._folded, placed.key, placed.value, placed.headers, now)
        self._folded += 1
        overlay = JoinOverlay(self._state)
        folded = self._joiner.fold(incoming, overlay, self.lookups, self._passed)
        overlay.apply(folded.state)
        self._state.apply(overlay.changed, position=self._folded)
        self._state.note(folded.missing)
        for key, entry in overlay.changed.items():
            self._entries.pop(key, None)
            if entry is not None:
                self._entries[key] = entry
        self._left = self._left or bool(folded.counts.get(LEFT))
        self._outcome.take(folded)

    def _waiting(self) -> Iterator[Waiting]:
        for key, entry in self._entries.items():
            if is_row(key) and waits(entry):
                row = load(key, entry)
                if row.waits_for and not row.deleted:
                    yield Waiting(row.table, row.key, row.waits_for)
        for source, lane in self._lanes.items():
            keys = {table.table: table.key for table in self._site.mappings[source].tables}
            for table, columns in lane.without_header():
                yield Waiting(table, tuple(columns.get(column) or "" for column in keys[table]), HEADER)


class _PlaceLane:
    """The place stage of one source."""

    def __init__(self, source: str, placer: Placer) -> None:
        self.source = source
        self.series = f"{source}/rehearsal"
        self.taken = 0
        self._placer = placer
        self._state = PlaceState(TopicPartition("place.state", 0))
        self._numbers = [1] * PARTITIONS
        self._going = placer.remembering(NOTHING, self._state, begun=False)

    def fold(self, incoming: Incoming) -> Iterator[Placed]:
        """What one message leads to, with the headers of a lane."""
        overlay = PlaceOverlay(self._state)
        folded = self._placer.fold(incoming, overlay, source=self.source, going=self._going)
        overlay.apply(folded.state)
        self._going = folded.going
        ended = {} if self._going.ended is None else self._going.ended.take_changes()
        self.taken += 1
        self._state.apply(overlay.changed | ended, position=self.taken)
        for one in folded.placed:
            number = self._numbers[one.partition]
            self._numbers[one.partition] += 1
            more = left_at(one.headers, self._numbers) if one.headers else ()
            yield one._replace(headers=((FROM, self.series.encode()), (NUMBER, b"%d" % number), *more))

    def without_header(self) -> Iterator[tuple[str, Row]]:
        """Table and columns of the rows that wait for their header."""
        for key in self._state.due(END_OF_TIME):
            value = self._state.get(key)
            if is_placed(key) and value is not None:
                entry = load_placed(key, value)
                if not entry.deleted and entry.sent is None and not entry.told:
                    yield row_of(key)[0], entry.columns


def _ms(at: datetime, zone: tzinfo) -> int:
    return round(at.replace(tzinfo=zone).timestamp() * 1000)


def values_of(emission: Emission) -> Mapping[str, str]:
    """The fields of a record."""
    found: dict[str, str] = orjson.loads(emission.record.value)
    return found
