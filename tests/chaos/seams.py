"""Places at which a worker of the chaos suite ends itself, and its clock that can jump. Wrapped around the ports, so that the
product itself has no hooks for chaos.

post-before     a plan is committed, its batch is about to be posted
post-after      the platform accepted a batch, nothing of that is committed
refused         the platform refused a batch of several records, nothing of that is committed
half-before     a refusal is committed, one of the halves is about to be posted
dead-letter     a dead letter is handed over, its transaction is open
commit-before   everything of a transaction is handed over
commit-after    a transaction is committed, and nobody was told
part            the same, and of a plan the first batches are settled, the others are not
"""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streams.deliver.verdict import Accepted, Refused, Verdict
from streams.domain.batch.cut import Batch
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import Committed, Send, TopicPartition

POINTS = ("post-before", "post-after", "refused", "half-before", "dead-letter", "commit-before", "commit-after", "part")
_NODE_CHARS = 3


class Passages:
    """Ends the process with SIGKILL at the `passage`-th passage of `point`."""

    def __init__(self, point: str, passage: int) -> None:
        self._point = point
        self._left = passage

    def at(self, point: str) -> None:
        """The process passes a point."""
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.write(2, f"chaos: killed at {point}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)


class SeamBroker:
    """The broker with producers that pass points. Everything else is the broker's."""

    def __init__(self, broker: Any, passages: Passages, *, dead: str) -> None:
        self._broker = broker
        self._passages = passages
        self._dead = dead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def producer(self, transactional_id: str) -> "SeamProducer":
        return SeamProducer(self._broker.producer(transactional_id), self._passages, dead=self._dead)


class SeamProducer:
    """A transactional producer that passes points."""

    def __init__(self, producer: Any, passages: Passages, *, dead: str) -> None:
        self._producer = producer
        self._passages = passages
        self._dead = dead
        self._in_a_plan = False

    async def start(self) -> None:
        await self._producer.start()

    async def begin(self) -> None:
        await self._producer.begin()

    async def write(self, messages: Sequence[Send], partition: int) -> list[int]:
        offsets: list[int] = await self._producer.write(messages, partition)
        for message in messages:
            if message.topic == self._dead:
                self._passages.at("dead-letter")
        return offsets

    async def send_offset(self, group: str, at: TopicPartition, committed: Committed) -> None:
        # The join's mark has no plan, and its other members are none of a deliver mark's.
        plan = deliver_mark(committed.metadata).plan if '"plan"' in committed.metadata else None
        self._in_a_plan = plan is not None and plan.settled > 0
        await self._producer.send_offset(group, at, committed)

    async def commit(self) -> None:
        self._passages.at("commit-before")
        await self._producer.commit()
        self._passages.at("commit-after")
        if self._in_a_plan:
            self._passages.at("part")

    async def stop(self) -> None:
        await self._producer.stop()


class SeamPlatform:
    """The gateway with points around a POST."""

    def __init__(self, gateway: Any, passages: Passages) -> None:
        self._gateway = gateway
        self._passages = passages
        self._bisected: set[str] = set()

    def prepare(self, batch: Batch, msgid: str) -> None:
        self._gateway.prepare(batch, msgid)

    async def post(self, batch: Batch, msgid: str, *, refused_before: bool = False) -> Verdict:
        plan = msgid[:-_NODE_CHARS]
        self._passages.at("post-before")
        if plan in self._bisected:
            self._passages.at("half-before")
        verdict: Verdict = await self._gateway.post(batch, msgid, refused_before=refused_before)
        if isinstance(verdict, Accepted):
            self._passages.at("post-after")
        elif isinstance(verdict, Refused) and len(batch.records) > 1:
            self._passages.at("refused")
            self._bisected.add(plan)
        return verdict


class ShiftedClock:
    """Milliseconds since the epoch, moved by the number that stands in a file (none: not at all)."""

    def __init__(self, file: Path, wall_ms: Callable[[], int]) -> None:
        self._file = file
        self._wall_ms = wall_ms

    def __call__(self) -> int:
        return self._wall_ms() + shift_ms(self._file)


def shift_ms(file: Path) -> int:
    """What a clock is moved by."""
    try:
        return int(file.read_text("ascii"))
    except FileNotFoundError:
        return 0


def set_shift(file: Path, shift_s: float) -> None:
    """Move the clock of who reads this file."""
    fresh = file.with_suffix(".new")
    fresh.write_text(str(int(shift_s * 1000)), "ascii")
    fresh.replace(file)
