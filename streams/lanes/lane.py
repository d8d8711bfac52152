"""One lane: one input partition, one transactional producer. Both stages share it.

A lane first becomes the partition's only owner (the fence), then reads what the last transaction committed (offset and mark),
restores its memory from that, and then works step by step for ever. Everything that a step leads to is one transaction together
with the consumed offset. Nothing is repaired here: any doubt ends the process, and the next owner's fence finishes or undoes what
was left open.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

import structlog

from streams.domain.changes import Incoming
from streams.errors import Fatal
from streams.lanes.absence import Deadline, in_time, late
from streams.lanes.buffer import Buffer, Flow, Item, Water
from streams.lanes.context import LaneContext
from streams.lanes.exits import Exit
from streams.lanes.faults import fatal_of
from streams.lanes.log_check import Claim, demand_logs
from streams.lanes.ports import Committed, Producer, Send, TopicPartition
from streams.lanes.steering import LOOK_S
from streams.lanes.transaction import transact

log = structlog.get_logger()
Result = TypeVar("Result")

_ASK_AGAIN_S = 0.2
_HUNG_S = 1.0
"""After an answer that took longer the waiting begins anew: the broker may have been away all the time before it."""


class Lane(ABC, Generic[Item]):
    """What both kinds of lane have in common.

    at: the input partition. generation: of the group when the partition was assigned, so that records from before a rebalance are
    recognised. transactional_id: of its producer; None: the group and the partition.
    """

    def __init__(
        self, at: TopicPartition, generation: int, *, context: LaneContext, flow: Flow, transactional_id: str | None = None
    ) -> None:
        self.at = at
        self.generation = generation
        self.buffer: Buffer[Item] | None = None
        self.closed = False
        self.fenced_at = 0.0
        self.ids: Mapping[str, str] = {}
        self._said: Committed | None = None
        self.context = context
        self._water = Water(flow, high=context.settings.high, low=context.settings.low)
        self._early: list[Incoming] = []
        self._producer: Producer = context.broker.producer(transactional_id or f"{context.group}-{at.partition}")
        self._inner: asyncio.Future[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self.log = log.bind(topic=at.topic, partition=at.partition, generation=generation)

    # What a kind of lane is ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def claims(self, committed: Committed) -> Sequence[Claim]:
        """What a committed offset and its mark say of the logs that the lane goes on from."""

    @abstractmethod
    async def restore(self, committed: Committed) -> Buffer[Item]:
        """Continue from what the last transaction committed, in topics with `self.ids`. The returned buffer wants the number of the
        record at the offset.
        """

    @abstractmethod
    def sort(self, records: Sequence[Incoming]) -> Sequence[Item]:
        """The numbered records among what was read."""

    @abstractmethod
    async def step(self) -> None:
        """Do the work of one transaction."""

    # Records in ------------------------------------------------------------------------------------------------------------------

    def put(self, records: Sequence[Incoming]) -> None:
        """Take what was fetched. Never waits."""
        if self.closed:
            return
        if self.buffer is None:
            self._early.extend(records)
        else:
            try:
                self._take(records)
            except Exception as exc:  # noqa: BLE001 - the stage's boundary: whatever it is, the process ends
                self.context.die(self._fatal(exc))
        self._water.level(self.in_hand)

    @property
    def claimed(self) -> Sequence[Claim]:
        """What the last commit says of the logs; nothing before the lane is open."""
        return () if self.buffer is None or self.closed or self._said is None else self.claims(self._said)

    @property
    def held(self) -> str:
        """Why the lane waits for somebody, `""` while it does not."""
        return ""

    @property
    def in_hand(self) -> int:
        """How many records were read whose outcome is not committed."""
        return len(self._early) + (0 if self.buffer is None else len(self.buffer))

    @property
    def oldest(self) -> Item | Incoming | None:
        """The oldest record in hand; None where there is none."""
        if self.buffer:
            return self.buffer.behind(0)
        return self._early[0] if self._early else None

    @property
    def full(self) -> bool:
        """Whether the partition is not fetched for now."""
        return self._water.full

    def _take(self, records: Sequence[Incoming]) -> None:
        assert self.buffer is not None
        before = self.buffer.repeated, self.buffer.hole_since
        self.buffer.put(self.sort(records))
        if self.buffer.repeated != before[0]:
            self.context.outcomes.count("repeated", self.buffer.repeated - before[0])
        if before[1] is None and self.buffer.hole_since is not None:
            self.log.warning("hole_seen", wanted=self.buffer.want)

    def done(self, count: int) -> None:
        """Forget records whose outcome is committed."""
        assert self.buffer is not None
        self.buffer.drop(count)
        self._water.level(self.in_hand)

    @property
    def _place(self) -> str:
        return f"{self.at.topic}-{self.at.partition}"

    # Life ------------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work in the background."""
        self._task = asyncio.ensure_future(self._guard())

    async def close(self) -> None:
        """Stop. A transaction that is under way is finished first; an error in it ends the process."""
        self.closed = True
        if self._task is None:
            return
        self._task.cancel()
        waited = [self._task, *([self._inner] if self._inner is not None else [])]
        if await late(waited, self.context.deadline(self.context.settings.close_within_s)):
            self.context.die(Fatal(f"the lane of {self._place} did not close in time", exit_code=Exit.LANE))
        elif self._inner is not None and self._inner.cancelled():  # not by us: what became of it is not known
            self.context.die(self._cancelled())
        elif self._inner is not None and (error := self._inner.exception()) is not None:
            self.context.die(self._fatal(error))
        await self._producer.stop()
        self.context.high_water.write()

    async def _guard(self) -> None:
        try:
            await self.run()
        except asyncio.CancelledError:
            if not self.closed:
                self.context.die(self._cancelled())
        except Exception as exc:  # noqa: BLE001 - the stage's boundary: whatever it is, the process ends
            self.context.die(self._fatal(exc))

    def _cancelled(self) -> Fatal:
        return Fatal(f"the lane of {self._place} was cancelled", exit_code=Exit.LANE)

    def _fatal(self, exc: BaseException) -> Fatal:
        return fatal_of(exc, place=self._place, servers=self.context.servers)

    async def run(self) -> None:
        """Make sure of the site and of what is paused, fence, restore, step for ever."""
        await self.context.demand_site()  # before the fence: another site's lane must not be stopped by us
        await self.context.demand_fellows(self.generation)
        await self.context.steering.open()
        started = self.fenced_at = self.context.clock()
        await self._uncancelled(self._producer.start())
        committed = await self._committed()
        self.context.high_water.demand(self.at, committed, stage=self.context.stage)
        self.ids = await demand_logs(
            self.context.broker,
            self.claims(committed),
            stage=self.context.stage,
            clock=self.context.clock,
            within_s=self.context.settings.log_within_s,
        )
        buffer = await self.restore(committed)
        self.buffer, early, self._early = buffer, self._early, []
        self._take(early)
        self._water.level(self.in_hand)
        took = round(self.context.clock() - started, 3)
        self.log.info("lane_opened", offset=committed.offset, wanted=buffer.want, took_s=took)
        while not self.closed:  # also where somebody swallowed the cancellation
            await self.step()

    async def _committed(self) -> Committed:
        """What the last transaction committed, read only after the fence: before it, an older owner could still commit.

        While the group's coordinator is loading, a group looks as if it had no offsets; so that answer is asked for again before it
        is believed.
        """
        async for said in self._answers(self.context.settings.offset_within_s):
            if said is not None and said.metadata:
                self._said = said
                return said
        raise Fatal(
            f"group {self.context.group} has no offset of ours at {self.at.topic}-{self.at.partition}: run `yibao topics "
            f"apply` on a new site; on a running one somebody reset the group, or the topic was deleted: stop all workers and run "
            f"`yibao offsets recover --stage {self.context.stage} --dry-run`",
            exit_code=Exit.FOREIGN_OFFSET,
        )

    async def _answers(self, within_s: float) -> AsyncIterator[Committed | None]:
        """The group's offset, asked for again and again during `within_s`. Time in which no broker answered, or one was away, does
        not count: one that comes back only then begins to load, and what a commit wrote is seen when its leader has the end of it.
        """
        clock = self.context.clock
        deadline: Deadline | None = None
        while deadline is None or deadline.left_s > 0:
            asked = clock()
            said = await self.context.broker.committed(self.context.group, self.at)
            if deadline is None or clock() - asked > _HUNG_S:
                deadline = self.context.deadline(within_s)
            yield said
            await asyncio.sleep(_ASK_AGAIN_S)

    @property
    def paused(self) -> bool:
        """Whether a person paused what the lane does. What is under way is finished nevertheless."""
        return self.context.steering.stage is not None

    async def until_resumed(self) -> None:
        """Wait while it is paused."""
        while self.paused:  # noqa: ASYNC110 - another process ends it, by what it writes into a topic, or its time is over
            await asyncio.sleep(LOOK_S)

    # Transactions ----------------------------------------------------------------------------------------------------------------

    def next_turn(self) -> float:
        """Until when to gather records for the next transaction: one linger after the last one began; after a quiet time
        `idle_linger_s` from now.
        """
        settings = self.context.settings
        return max(self.fenced_at + settings.linger_s, self.context.clock() + settings.idle_linger_s)

    async def commit(self, sends: Sequence[Send], committed: Committed) -> list[int]:
        """Write messages, offset and mark in one transaction; returns the messages' offsets. One that takes longer than `stuck_s`
        ends the process (without the time in which brokers were away); to read it back takes its own time.
        """
        return await self._uncancelled(self._commit(sends, committed))

    async def _commit(self, sends: Sequence[Send], committed: Committed) -> list[int]:
        started = self.context.clock()
        work = transact(self._producer, sends, committed, group=self.context.group, at=self.at)
        offsets = await in_time(work, self.context.deadline(self.context.settings.stuck_s))
        if self.context.clock() - started > self.context.settings.doubt_s:
            await self._see(committed)
        self._said = committed
        self.context.high_water.note(self.at, committed)
        self.fenced_at = started
        self.context.outcomes.count("transaction", 1)
        self.context.outcomes.observe("commit_s", self.context.clock() - started)
        return offsets

    async def _see(self, committed: Committed) -> None:
        """Read back a commit that was slow: a broker in trouble may acknowledge one and lose its markers (KAFKA-20734)."""
        self.context.outcomes.count("read_back", 1)
        async for said in self._answers(self.context.settings.visible_within_s):
            if said == committed:
                return
            if said not in (None, self._said):
                raise Fatal(f"{self.at.topic}-{self.at.partition} has another owner, which went on: this one was frozen")
        raise Fatal(
            f"a transaction of {self.at.topic}-{self.at.partition} was acknowledged and cannot be read back: "
            "compare the broker's version with KAFKA-20734 before this partition goes on",
            exit_code=Exit.NOT_VISIBLE,
        )

    async def _uncancelled(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` to its end even when the lane is closed meanwhile; `close` waits for it."""
        inner = asyncio.ensure_future(work)
        self._inner = inner
        return await asyncio.shield(inner)
