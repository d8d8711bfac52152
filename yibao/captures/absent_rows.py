"""After a table was read again: which rows that the stages remember are not there any more, told in the order of their source.

Nothing is told before it is proved that every row of the database was read, or changed meanwhile: the keys that the database has
now are among those that came into the topic since the reading began. What was not among them and is remembered is gone. Whoever
places and joins what is told looks again: where something was done to the row since it was compared, that counts.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import orjson

from connector.contract import CaptureSource, Op, TableRole
from connector.profiles import profile_of
from streams.broker_wiring import broker_access, client_options
from streams.domain.absent import Absent, Comparison
from streams.errors import Unreachable
from streams.lanes.marks import join_mark, place_mark
from streams.lanes.numbers import FIRST
from streams.mapping import Site
from streams.mapping.linking import further_roles, linked_tables
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from streams.topics.writing import write_all
from yibao.captures.arrivals import Rows, columns_of
from yibao.captures.facts import controls_of
from yibao.captures.from_site import database_password

_POLL_S: Final = 0.5
_MOST_UNREAD: Final = 10_000
_UNKNOWN: Final = "it is not known which rows were told as gone; read the table again, what is told twice does no harm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What came of it."""

    gone: int = 0
    """Rows that are not there any more; of a lookup, those that stay known."""
    moved: int = 0
    """Rows that stand in another visit than the one that remembered them."""
    why_not: str = ""
    """Why nothing was compared; `""` where it was."""

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        return {"not_compared": self.why_not} if self.why_not else {"gone": self.gone, "moved": self.moved}


@dataclass(slots=True, kw_only=True)
class Standstill:
    """For how long stages have not moved, and for how long nobody was there to move them. Times are seconds of one clock."""

    stalled_s: float
    """So long they may stand."""
    absent_s: float
    """So long of that nobody may be there."""
    began: float
    """When it was first looked."""
    _place: tuple[int, int] = (-1, -1)
    """How far they were at the last look."""
    _moved_at: float = 0.0
    """When they were seen to be further than before."""
    _seen_at: float = 0.0
    """When somebody was there last."""

    def is_final(self, place: tuple[int, int], *, at_work: bool, at: float) -> bool:
        """Whether nothing is to be waited for any more. place: how far they are at this moment."""
        if place != self._place:
            self._place, self._moved_at = place, at
        if at_work:
            self._seen_at = at
        moved, seen = max(self._moved_at, self.began), max(self._seen_at, self._moved_at, self.began)
        return at - moved > self.stalled_s or at - seen > self.absent_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """One comparison, after all rows that Debezium read have arrived."""

    site: Site
    """Whose table it is."""
    source: CaptureSource
    """And of which of its sources."""
    rows: Rows
    """What came of it since the reading began."""
    only: frozenset[tuple[str, ...]] | None
    """The keys that were asked for; None: all of the table."""
    where: str | None
    """The condition by which they were."""
    poll: Callable[[], object]
    """Takes what has come into the topics meanwhile."""
    say: Callable[[str], None]
    """Told how far it is."""
    settled_s: float
    """So long is waited for rows that the database has and that did not come yet."""
    stalled_s: float
    """And for the stages, while they do not move."""
    absent_s: float
    """And for a worker, while a stage has none: one that was killed is started again, and takes part again a while later."""

    def run(self) -> Compared:
        """Compare, and tell. Raises Unreachable, Refused."""
        if unread := self._unread():
            number = f"{unread} of the rows that the database has" if unread < _MOST_UNREAD else "many rows that the database has"
            return Compared(why_not=f"{number} were neither read nor changed meanwhile; run it again")
        if self.rows.table.role is TableRole.LOOKUP:
            return Compared(gone=len(self._gone_of_lookup()))
        if why_not := self._untaken():
            return Compared(why_not=why_not)
        further = further_roles(self.site).get((self.source.name, self.rows.table.name), ())
        compared = [self._comparison(name) for name in (self.rows.table.name, *further)]
        told = [(one, list(self._absent(one))) for one in compared]
        found = told[0][1]
        at = time.time_ns() // 1_000_000
        values = (one.message(row, at=at) for one, rows in told for row in rows)
        write_all(client_options(self.site), self.site.topics.rows(self.source.name), values, otherwise=_UNKNOWN)
        left = [one for one in found if one.arrives is None]
        moved = sum(one.moved for one in left)
        return Compared(gone=len(left) - moved, moved=moved)

    def _comparison(self, name: str) -> Comparison:
        """For one of the table's roles, by what it is called for that."""
        return Comparison(
            source=self.source.name,
            kind=self.source.kind,
            table=name,
            columns=self.rows.table.key,
            seen=self.rows.seen,
            only=self.only,
        )

    def _unread(self) -> int:
        """How many rows of the database did not come. A row that was written just now is still on its way."""
        profile, seen = profile_of(self.source.kind), self.rows.seen
        unread: set[tuple[str, ...]] = set()
        password = database_password(self.source)
        for key in profile.read_keys(self.source, self.rows.table, where=self.where, password=password):
            if key not in seen:
                unread.add(key)
                if len(unread) == _MOST_UNREAD:
                    break
        until = time.monotonic() + self.settled_s
        while unread and time.monotonic() < until:
            self.poll()
            unread = {key for key in unread if key not in seen}
        return len(unread)

    def _gone_of_lookup(self) -> set[tuple[str, ...]]:
        """The rows of a lookup that stand in its topic, and not in the database."""
        table, gone = self.rows.table, set[tuple[str, ...]]()
        for message in read_whole(client_options(self.site), self.site.topics.lookup(f"{table.lookup}")):
            envelope = orjson.loads(message.value or b"null")
            row = columns_of(envelope, table.key) if isinstance(envelope, dict) else None
            if row is None:
                continue
            key = tuple(f"{row[name]}" for name in table.key)
            if envelope.get("op") == Op.DELETE or key in self.rows.seen or not (self.only is None or key in self.only):
                gone.discard(key)
            else:
                gone.add(key)
        return gone

    # What the stages know -------------------------------------------------------------------------------------------------------

    def _untaken(self) -> str:
        """Wait until place and join have taken every row that came; why they do not, `""` when they have."""
        control = controls_of(self.site).by_source.get(self.source.name)
        if control is not None and control.stopped:
            return f"the rows of {self.source.name} are not placed: yibao resume {self.source.name}, and run it again"
        topics = self.site.topics
        with Broker(broker_access(self.site)) as broker:
            end = broker.ends(topics.rows(self.source.name))[0]
            standstill = Standstill(stalled_s=self.stalled_s, absent_s=self.absent_s, began=time.monotonic())
            self.say("waiting until the stages have taken what was read")
            while True:
                now, taken = self._taken(broker, end)
                if taken:
                    return ""
                if standstill.is_final(now, at_work=self._is_at_work(broker), at=time.monotonic()):
                    return "the stages place and join have not taken what was read: see that their workers run, and run it again"
                self.poll()

    def _is_at_work(self, broker: Broker) -> bool:
        """Whether there is a worker of both stages. A broker that is away says nothing."""
        topics = self.site.topics
        with suppress(Unreachable):
            return all(broker.members([topics.group(stage)]) for stage in ("place", "join"))
        return True

    def _taken(self, broker: Broker, end: int) -> tuple[tuple[int, int], bool]:
        """How far the stages are, and whether they have taken what stands before this place in the source's rows."""
        topics = self.site.topics
        placed = broker.committed(topics.group("place"), topics.rows(self.source.name), [0])[0]
        mark = place_mark(placed.metadata)
        series = mark.series(self.source.name)
        joins = broker.committed(topics.group("join"), topics.changes, range(self.site.kafka.partitions))
        taken = {number: join_mark(one.metadata).taken.get(series, FIRST) for number, one in joins.items()}
        behind = any(taken[number] < out for number, out in enumerate(mark.out))
        return (placed.offset, sum(taken.values())), placed.offset >= end and not behind

    def _absent(self, comparison: Comparison) -> Iterator[Absent]:
        """The rows that are remembered and not there, and those that stand elsewhere."""
        self.say("comparing with what the stages remember")
        linked = linked_tables(self.site).get(self.source.name)
        if linked is not None and comparison.table in linked.by_name:
            yield from self._found(self.site.topics.place_state(self.source.name), comparison.of_place)
            return
        found = list(self._found(self.site.topics.state, comparison.of_join))
        yield from found
        if moved := {one.key: one.visit for one in found if one.moved}:
            yield from self._found(self.site.topics.state, lambda key, value: comparison.arrived(key, value, moved))

    def _found(self, topic: str, judge: Callable[[bytes, bytes], Absent | None]) -> Iterator[Absent]:
        """What is said of the entries that stand in a state's topic."""
        found: dict[bytes, Absent] = {}
        table = self.rows.table.name.encode()  # its names for further roles begin with it
        for message in read_whole(client_options(self.site), topic):
            if message.key is None or table not in message.key:
                continue
            absent = None if message.value is None else judge(message.key, message.value)
            if absent is None:
                found.pop(message.key, None)
            else:
                found[message.key] = absent
        yield from found.values()
