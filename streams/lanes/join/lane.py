"""The join's lane: fold a chunk of changes, commit state, ready records, dead letters and offset as one."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from connector.contract import Topics
from streams.deadletter.closing import encode_closed
from streams.deadletter.owners import owner_of
from streams.deadletter.record import encode_dead_letter
from streams.domain.changes import Incoming
from streams.domain.closings import Closed
from streams.domain.join import letters
from streams.domain.join.fold import LEFT
from streams.domain.join.moving import NOT_KNOWN, Passed, first_open
from streams.domain.join.rebuilding import LATER
from streams.domain.join.recalls import RECALLED
from streams.domain.join.renewing import IN_FORCE
from streams.domain.join.results import Folded
from streams.domain.join.view import StateView
from streams.domain.ready import Emission, encode
from streams.domain.records import DeadLetter, Lookups
from streams.domain.violations import OF_FIELD
from streams.errors import Fatal
from streams.lanes.buffer import Buffer, Flow
from streams.lanes.context import LaneContext
from streams.lanes.join.chunk import Chunk
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.passage import Passage
from streams.lanes.join.state import State
from streams.lanes.lane import Lane
from streams.lanes.log_check import Claim
from streams.lanes.marks import JoinMark, join_mark, seq_of
from streams.lanes.numbers import FIRST, STRANGER, SeriesBuffer, taken
from streams.lanes.passed_marks import left_of
from streams.lanes.ports import Committed, Send, TopicPartition
from streams.lanes.settings import JoinSettings

_YIELD_EVERY = 64
"""Messages, and entries that they change."""
_MOST_CHANGES = 4_000
"""Entries that a transaction holds, and what one more message changes."""
_REPORTED = b"d"
_NOT_OURS = "the message has no number: another program than the place stage wrote it"


class Fold(Protocol):
    """The pure function of the stage (`streams.domain.join.fold.Joiner`)."""

    def fold(self, incoming: Incoming, view: StateView, lookups: Lookups, passed: Passed) -> Folded:
        """Fold one message."""


class LookupRows(Lookups, Protocol):
    """All lookup rows, kept up to date by the process (`streams.lanes.join.lookups`)."""

    faults: dict[bytes, DeadLetter]

    async def caught_up(self) -> None:
        """Return when every lookup row that was there at the time of the call is known."""

    async def stop(self) -> None:
        """Close the connection."""


def _no_hurry() -> None:
    """The next tick comes when it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinShared:
    """What the join's lanes of a process share."""

    topics: Topics
    """Names of the topics."""
    fold: Fold
    """The pure function that decides."""
    lookups: LookupRows
    """The rows of lookups."""
    settings: JoinSettings
    """What the lanes keep to."""
    hurry: Callable[[], None] = _no_hurry
    """Asks for a tick at once: the last one left something to do."""
    passage: Passage | None = None
    """How far the lanes of other partitions are; None in a test of something else."""


class JoinLane(Lane[Incoming]):
    """A lane whose records are numbered by the place stage, in headers (`streams.lanes.numbers`)."""

    def __init__(  # noqa: PLR0913 - what every lane has, and its two own
        self, at: TopicPartition, generation: int, *, context: LaneContext, flow: Flow, shared: JoinShared, state: State
    ) -> None:
        super().__init__(at, generation, context=context, flow=flow)
        self.state = state
        self._shared = shared
        self._mark = JoinMark(seq=0)
        self._ticks = 0
        self._told: Passed | None = None

    @property
    def waits(self) -> bool:
        """Whether something of this partition waits, so that it needs ticks: a row for another, or a stranger's message for any."""
        if self.buffer is None or self.closed:
            return False
        return self.state.waits or (isinstance(self.buffer, SeriesBuffer) and bool(self.buffer.strangers))

    @property
    def ticks(self) -> int:
        """How many ticks this lane has folded and committed."""
        return self._ticks

    def claims(self, committed: Committed) -> Sequence[Claim]:
        """Also of `visit.state`: without it everything would be reported again. Whoever reported something has written there."""
        mark = join_mark(committed.metadata)
        state, kept = mark.kept
        return (
            Claim(at=self.at, end=committed.offset, id=mark.log),
            Claim(at=self.state.at, end=max(kept, 1 if mark.seq > FIRST else 0), id=state),
        )

    async def restore(self, committed: Committed) -> Buffer[Incoming]:
        mark = join_mark(committed.metadata)
        anew = mark.anew if await self._waits_below(mark.anew) else 0
        self._mark = replace(mark, log=self.ids.get(self.at.topic, mark.log), anew=anew)
        entries = await self.state.catch_up(self.context.broker, identity=self._mark.born)
        self.log.info("state_restored", entries_read=entries)
        return SeriesBuffer(self._mark.taken, offset=committed.offset, clock=self.context.clock)

    async def _waits_below(self, number: int) -> bool:
        """Whether the deliver stage may have records below a number before it. Asked once a lane: where nothing waits that was made
        anew, the mark is such as earlier versions read.
        """
        ready = TopicPartition(self._shared.topics.ready, self.at.partition)
        said = await self.context.broker.committed(self._shared.topics.group("deliver"), ready) if number else None
        return number > 0 and (said is None or not said.metadata or seq_of(said.metadata) < number)

    def sort(self, records: Sequence[Incoming]) -> Sequence[Incoming]:
        return records

    async def step(self) -> None:
        assert self.buffer is not None
        size = self._shared.settings.max_chunk
        await self.buffer.have(1)
        await self.until_resumed()
        await self.buffer.gather(size, self.next_turn())
        if self.paused:
            return
        # Asked for after the records were read: a lookup row that was captured before them is known when they are folded.
        await self._shared.lookups.caught_up()
        records = self.buffer.first(size)
        chunk = await self._fold(records)
        await self._write(records[: chunk.folded], chunk)

    async def _fold(self, records: Sequence[Incoming]) -> Chunk:
        """Fold records, fewer where they change much: others come to their turn after a portion of work, and no transaction grows
        with what one change leads to.
        """
        chunk, work = Chunk(Overlay(self.state), self._passed), 0
        passed = chunk.passed._replace(is_news=chunk.passed is not self._told)
        overlay, fold, lookups = chunk.overlay, self._shared.fold.fold, self._shared.lookups
        for incoming in records:
            if len(overlay.changed) >= _MOST_CHANGES:
                break
            if work >= _YIELD_EVERY or not chunk.folded:
                work = 0
                await asyncio.sleep(0)
            chunk.folded += 1
            work += 1
            if incoming.headers and incoming.headers[0][0] == STRANGER:
                chunk.dead.append(letters.undecodable(incoming, _NOT_OURS))
                continue
            try:
                folded = fold(incoming, overlay, lookups, passed)
            except Fatal:
                raise  # raised by the state, whose text says more
            except Exception as exc:
                raise Fatal(
                    f"the fold of {incoming.topic}-{incoming.partition} offset {incoming.offset} met {type(exc).__name__}: "
                    "an error of this program; nothing of the record is committed"
                ) from exc
            work += len(folded.state)
            chunk.take(folded)
        return chunk

    @property
    def _passed(self) -> Passed:
        return NOT_KNOWN if self._shared.passage is None else self._shared.passage.passed

    async def _write(self, records: Sequence[Incoming], chunk: Chunk) -> None:
        if self.at.partition == 0:
            self._report_lookups(chunk)
        changed = chunk.overlay.changed
        topics = self._shared.topics
        sends = [Send(topics.state, key, value) for key, value in changed.items()]
        sends += self._ready(chunk.ready)
        for letter in chunk.dead:
            key, value, headers = encode_closed(letter, letters.STAGE) if isinstance(letter, Closed) else encode_dead_letter(letter)
            sends.append(Send(topics.dead, key, value, headers))
        seq = self._mark.seq + len(chunk.ready)
        mark = replace(
            self._mark,
            seq=seq,
            anew=seq if chunk.counts[IN_FORCE] else self._mark.anew,
            state=max(self._mark.state, chunk.form),
            taken=taken(self._mark.taken, records),
            **left_of(first_open(chunk.overlay)),
            kept=(self.ids.get(self.state.at.topic, ""), self.state.position),
        )
        offset = records[-1].offset + 1
        offsets = await self.commit(sends, Committed(offset=offset, metadata=mark.text()))
        self.state.apply(changed, position=offsets[len(changed) - 1] + 1 if changed else None)
        self.state.note(chunk.overlay.missing)
        self._mark = mark
        if chunk.counts["tick"]:
            self._ticks += chunk.counts["tick"]
            if not chunk.counts[LEFT]:
                self._told = chunk.passed
        if chunk.counts[LEFT] or chunk.counts[LATER]:
            self._shared.hurry()
        self._count(len(records), chunk)
        self.done(len(records))

    def _ready(self, emissions: Sequence[Emission]) -> Iterator[Send]:
        topic = self._shared.topics.ready
        for number, emission in enumerate(emissions, start=self._mark.seq):
            key, value, headers = encode(emission, number)
            yield Send(topic, key, value, headers)

    def _report_lookups(self, chunk: Chunk) -> None:
        """Add dead letters for lookup records that cannot be read. Every worker reads all of them, so only the lane of partition 0
        writes their letters; its state remembers which it has written.
        """
        for identity, letter in self._shared.lookups.faults.items():
            key = b"\x1f!lookup\x1f" + identity
            if key not in chunk.overlay.entries_beside(key):
                chunk.dead.append(letter)
                chunk.overlay.apply({key: _REPORTED})

    def _count(self, records: int, chunk: Chunk) -> None:
        outcomes = self.context.outcomes
        outcomes.count("folded", records)
        outcomes.count("emitted", len(chunk.ready) - chunk.counts[RECALLED])
        for outcome, amount in chunk.counts.items():
            if outcome.startswith(OF_FIELD):
                rule, _, field = outcome.removeprefix(OF_FIELD).partition(" ")
                outcomes.count("warned", amount, label=rule, detail=field)
            else:
                outcomes.count("fold", amount, label=outcome)
        for letter in chunk.dead:
            if isinstance(letter, Closed):
                outcomes.count("letter_closed", label=letter.by.value)
            else:
                outcomes.count("dead_letter", label=letter.dead_class.value, detail=owner_of(letter).value)
