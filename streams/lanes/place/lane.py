"""The lane of the place stage: one source's rows, in the order of its log, to the partitions of their visits."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import cast

from connector.contract import Topics
from streams.domain.changes import SERVER, Incoming
from streams.domain.commit_time import commit_of
from streams.domain.place.entries import FORM, form_of
from streams.domain.place.fold import Placer
from streams.domain.place.going import Going
from streams.domain.place.heard import Heard
from streams.domain.place.placed import Placed
from streams.domain.place.resolving import EXCHANGED
from streams.domain.records import Header
from streams.domain.series import FROM, NUMBER
from streams.domain.trail import left_at
from streams.lanes.buffer import Buffer, Flow
from streams.lanes.context import LaneContext
from streams.lanes.lane import Lane
from streams.lanes.log_check import Claim, short_log
from streams.lanes.marks import PlaceMark, place_mark, tail_of
from streams.lanes.place.lookout import Lookout
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import Committed, Page, Send, TopicPartition
from streams.topics.control import Control

_YIELD_EVERY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceShared:
    """What the place lanes of a process share."""

    topics: Topics
    """Names of the topics."""
    fold: Placer
    """The pure function that decides."""
    max_chunk: int
    """Input messages of one transaction."""
    lookout: Lookout | None = None
    """Says which sources must stand; None in a test of something else."""
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """Milliseconds since the epoch."""
    heard: Mapping[str, Heard] = field(default_factory=dict)
    """Signs of life of the sources' captures, by source; none where nobody listens."""


class PlaceLane(Lane[Incoming]):
    """A lane whose records are numbered by their offsets: only Connect and the ticks write to `rows.<source>`, without
    transactions, so it has no gaps.

    source: the name of the source whose rows it places. state: what it remembers of them.
    """

    def __init__(  # noqa: PLR0913 - what every lane has, and its two own
        self,
        at: TopicPartition,
        generation: int,
        *,
        context: LaneContext,
        flow: Flow,
        shared: PlaceShared,
        source: str,
        state: PlaceState | None = None,
    ) -> None:
        super().__init__(at, generation, context=context, flow=flow, transactional_id=f"{context.group}-{source}")
        self._shared = shared
        self._changes = shared.topics.changes
        self._source = source
        self._state = PlaceState(TopicPartition(shared.topics.place_state(source), 0)) if state is None else state
        self._mark = PlaceMark(out=())
        self._from: Header = (FROM, b"")
        self._server: tuple[Header, ...] = ()
        self._away_s: float | None = None
        """How long brokers were away in all, at the last transaction; None before the first one."""
        self.last_commit: tuple[int, int] | None = None
        """Of the row that was placed last, in milliseconds since the epoch: its commit, and when capture wrote it."""

    @property
    def next_deadline(self) -> int | None:
        """When a tick has something to do here for the first time (ms); None: never."""
        return None if self.buffer is None or self.closed else self._state.next_deadline

    def claims(self, committed: Committed) -> Sequence[Claim]:
        """Also of what it remembers: without it, what hangs under a header would be placed as if it had none."""
        mark = place_mark(committed.metadata)
        rows = Claim(at=self.at, end=committed.offset, id=mark.log)
        return rows, Claim(at=self._state.at, end=1 if mark.state else 0, id="")

    async def restore(self, committed: Committed) -> Buffer[Incoming]:
        mark = place_mark(committed.metadata)
        await self._demand_tail(committed.offset, mark.tail)
        entries = await self._state.catch_up(self.context.broker, identity=mark.series(self._source))
        self.log.info("state_restored", entries_read=entries)
        going = self._shared.fold.remembering(mark.going, self._state, begun=any(number > 1 for number in mark.out))
        self._mark = replace(mark, going=going, log=self.ids.get(self.at.topic, mark.log))
        if (lookout := self._shared.lookout) is not None:
            await lookout.open(self._source)
        self._from = (FROM, self._mark.series(self._source).encode())
        return Buffer(committed.offset, lambda incoming: incoming.offset, clock=self.context.clock)

    async def _demand_tail(self, offset: int, tail: str) -> None:
        """Raise Fatal where another row stands before the offset than the one that was placed: the log was cut and grew again. No
        number tells it, for Connect gives none. A row that has expired tells nothing.
        """
        if not tail or await self.context.broker.first_offset(self.at) >= offset:
            return
        async with aclosing(cast("AsyncGenerator[Page, None]", self.context.broker.read(self.at, offset - 1))) as pages:
            async for page in pages:
                if page.entries:
                    self._compare(page.entries[0][1], tail, offset - 1)
                    break

    def _compare(self, row: bytes | None, tail: str, offset: int) -> None:
        if tail_of(row) != tail:
            why = f"{self._place} holds another row at offset {offset} than the one that was placed: its end was lost"
            raise short_log(why, stage=self.context.stage)

    def sort(self, records: Sequence[Incoming]) -> Sequence[Incoming]:
        return records

    async def step(self) -> None:
        assert self.buffer is not None
        await self.buffer.have(1)
        await self._stand()
        await self.buffer.gather(self._shared.max_chunk, self.next_turn())
        if self.held or self.paused:  # since rows were gathered
            return
        records = self.buffer.first(self._shared.max_chunk)
        overlay, sends, counts, numbers = Overlay(self._state), list[Send](), Counter[str](), list(self._mark.out)
        server = "" if self._control is None else self._control.server
        self._server = ((SERVER, server.encode()),) if server else ()
        going, heard = self._going_on(), self._shared.heard.get(self._source)
        for place, incoming in enumerate(records):
            if place % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
            folded = self._shared.fold.fold(incoming, overlay, source=self._source, server=server, going=going, heard=heard)
            going = folded.going
            counts[folded.outcome] += 1
            if folded.state:
                overlay.apply(folded.state)
            if folded.gave_up:
                counts["gave_up"] += folded.gave_up
            for one in folded.placed:
                sends.append(self._numbered(one, numbers, incoming))
        changed = overlay.changed if going.ended is None else overlay.changed | going.ended.take_changes()
        entries = [Send(self._state.at.topic, key, value, (), 0) for key, value in changed.items()]
        mark = replace(
            self._mark,
            out=tuple(numbers),
            state=max(self._mark.state, _form_of(changed, counts)),
            going=going,
            tail=tail_of(records[-1].value),
        )
        offsets = await self.commit([*entries, *sends], Committed(offset=records[-1].offset + 1, metadata=mark.text()))
        if changed:
            self._state.apply(changed, position=offsets[len(entries) - 1] + 1)
        self._mark = mark
        self._note(records[-1], counts)
        self.done(len(records))

    def _going_on(self) -> Going:
        """The transaction of the last row. Where no lane was here meanwhile, or no broker, its next row could not come: how long it
        may be quiet counts from now.
        """
        away, before = self.context.absence.until(self.context.clock()), self._away_s
        self._away_s, going = away, self._mark.going
        return going if away == before or not going.transaction else going._replace(at=max(going.at, self._shared.wall_ms()))

    def _note(self, last: Incoming, counts: Mapping[str, int]) -> None:
        """Count what became of a transaction's rows, and note how late its last message is: one of them, for to open every row a
        second time would cost much.
        """
        for outcome, amount in counts.items():
            self.context.outcomes.count("placed", amount, label=outcome)
        if (committed_ms := commit_of(last.value)) is not None:
            self.last_commit = committed_ms, last.timestamp_ms

    @property
    def held(self) -> str:
        return "; ".join(self._control.reasons) if self._control is not None else ""

    @property
    def _control(self) -> Control | None:
        return None if self._shared.lookout is None else self._shared.lookout.gate.of(self._source)

    @property
    def paused(self) -> bool:
        return super().paused or self.context.steering.source(self._source) is not None

    async def _stand(self) -> None:
        """Wait while the source is stopped, or paused: each for itself."""
        lookout = self._shared.lookout
        while self.paused or (lookout is not None and self.held):
            await self.until_resumed()
            if lookout is not None and self.held:
                await asyncio.sleep(lookout.settings.stopped_s)

    def _numbered(self, placed: Placed, numbers: list[int], incoming: Incoming) -> Send:
        """The message with its number. It keeps the time at which it was captured."""
        partition, key, value, more = placed
        number = numbers[partition]
        numbers[partition] = number + 1
        if more:
            more = left_at(more, numbers)
        headers = (self._from, (NUMBER, b"%d" % number), *self._server, *more)
        return Send(self._changes, key, value, headers, partition, incoming.timestamp_ms)


def _form_of(changed: Iterable[bytes], counts: Counter[str]) -> int:
    """The latest form of the entries of a transaction; 0 where it has none."""
    return max((*map(form_of, changed), FORM if counts[EXCHANGED] else 0))
