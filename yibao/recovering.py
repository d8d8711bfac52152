"""What `yibao offsets recover` asks of the brokers, and what it writes there."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from streams.broker_wiring import client_options
from streams.errors import Fatal, Misconfigured, Refused
from streams.fold_wiring import placer_of
from streams.lane_wiring import broker_settings
from streams.lanes.deliver.recovery import deliver_recovery
from streams.lanes.evidence import Stand, deliver_evidence, join_evidence, place_evidence
from streams.lanes.join.recovery import join_recovery
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.marks import seq_of
from streams.lanes.place.recovery import place_recovery
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.recovered import Place, Recovery
from streams.lanes.topic_ids import id_text
from streams.mapping import Site
from streams.topics.broker import Broker, CommittedOffset
from streams.topics.offsets import Reach
from streams.topics.stages import Stage, stages
from streams.topics.whole import read_whole

_WRITTEN_WITHIN_S: Final = 30.0
_ASK_AGAIN_S: Final = 0.1
_GONE: Final = Reach(begin=0, end=0)


class Recovering:
    """One stage of a site. partition: only this one; None: all of them. repeat_settled: see `deliver_recovery`."""

    def __init__(self, site: Site, broker: Broker, stage: str, *, partition: int | None, repeat_settled: bool = False) -> None:
        self._site = site
        self._broker = broker
        self._stage = stage
        self._table = stages(site.topics, site.sources)
        self._mine = [one for one in self._table if one.name == stage]
        self._partition = partition
        self._repeat_settled = repeat_settled

    def demand_standstill(self) -> None:
        """Raises Refused while a worker of any stage is a member of its group."""
        if members := self._broker.members(list(dict.fromkeys(one.group for one in self._table))):
            raise Refused(f"workers run: {'; '.join(members)}. Stop all of them; one that died counts for 10 s more")

    def fence(self) -> None:
        """Take the partitions: what a worker left open is ended, and one that was frozen can write nothing any more."""
        asyncio.run(self._fence())

    def recoveries(self, *, born: str) -> Sequence[Recovery]:
        """What is to be done about each partition."""
        read, topics = self._reading(), self._site.topics
        found: list[Recovery] = []
        if self._stage == "place":
            for one in self._mine:
                source = next(name for name in self._site.sources if topics.rows(name) == one.reads)
                for rows in self._stand(one).places.values():
                    evidence = place_evidence(
                        rows,
                        source=source,
                        fold=placer_of(self._site),
                        partitions=self._site.kafka.partitions,
                        topics=topics,
                        read=read,
                    )
                    found.append(place_recovery(evidence, source=source, born=born))
        elif self._stage == "join":
            found += map(join_recovery, join_evidence(self._stand(self._mine[0]), topics=topics, read=read).values())
        else:
            every = deliver_evidence(self._stand(self._mine[0]), topics=topics, read=read).values()
            found += [deliver_recovery(one, repeat_settled=self._repeat_settled) for one in every]
        return found

    def write(self, recoveries: Sequence[Recovery]) -> None:
        """Write what is to be written, each in a transaction of the partition's owner, and read it back. Raises Refused where
        something else stands there then.
        """
        asyncio.run(self._write([one for one in recoveries if one.to is not None]))

    def document(self, recoveries: Sequence[Recovery]) -> dict[str, Any]:
        """As `-o json` has it."""
        return {"stage": self._stage, "group": self._mine[0].group, "partitions": [_document(one) for one in recoveries]}

    # The brokers -----------------------------------------------------------------------------------------------------------------

    def _reading(self) -> Callable[[str], Iterator[Any]]:
        client = client_options(self._site)

        def read(topic: str) -> Iterator[Any]:
            try:
                yield from read_whole(client, topic)
            except Misconfigured as error:
                raise Refused(f"{topic} does not exist: nothing can be computed without it. {error}") from error

        return read

    def _stand(self, stage: Stage) -> Stand:
        numbers = self._numbers(stage)
        said = self._broker.committed(stage.group, stage.reads, numbers)
        reach, topic_id = self._broker.reach(stage.reads), self._id(stage.reads)
        state, state_id = {}, ""
        if stage.name == "join":
            state, state_id = self._broker.ends(self._site.topics.state), self._id(self._site.topics.state)
        return Stand(
            places={
                number: Place(
                    at=TopicPartition(stage.reads, number),
                    said=_committed(said.get(number)),
                    begin=reach.get(number, _GONE).begin,
                    end=reach.get(number, _GONE).end,
                    id=topic_id,
                )
                for number in numbers
            },
            state=state,
            state_id=state_id,
            next_of=self._next_of(stage, numbers),
        )

    def _numbers(self, stage: Stage) -> Sequence[int]:
        every = stage.numbers(self._site.kafka.partitions)
        if self._partition is not None and self._partition not in every:
            raise Misconfigured(f"{stage.reads} has no partition {self._partition}: it has {len(every)}, from 0 on")
        return [number for number in every if self._partition in (None, number)]

    def _id(self, topic: str) -> str:
        raw = self._broker.topic_id(topic)
        return id_text(raw) if raw else ""

    def _next_of(self, stage: Stage, numbers: Sequence[int]) -> Mapping[int, int]:
        """The number that the stage behind, or before, goes on with, as far as its mark says."""
        beside = {"join": "deliver", "deliver": "join"}.get(stage.name)
        found: dict[int, int] = {}
        for other in [one for one in self._table if one.name == beside]:
            for number, said in self._broker.committed(other.group, other.reads, numbers).items():
                try:
                    found[number] = seq_of(said.metadata)
                except Fatal:
                    continue
        return found

    async def _fence(self) -> None:
        broker = KafkaBroker(broker_settings(self._site))
        try:
            for transactional_id in self._ids():
                producer = broker.producer(transactional_id)
                await producer.start()
                await producer.stop()
        finally:
            await broker.stop()

    async def _write(self, recoveries: Sequence[Recovery]) -> None:
        broker, group = KafkaBroker(broker_settings(self._site)), self._mine[0].group
        try:
            for one in recoveries:
                assert one.to is not None
                producer = broker.producer(self._id_of(one.at))
                await producer.start()
                await producer.begin()
                await producer.send_offset(group, one.at, one.to)
                await producer.commit()
                await producer.stop()
                await _demand_written(broker, group, one)
        finally:
            await broker.stop()

    def _ids(self) -> Sequence[str]:
        return [self._id_of(TopicPartition(one.reads, number)) for one in self._mine for number in self._numbers(one)]

    def _id_of(self, at: TopicPartition) -> str:
        """The transactional id of the lane there."""
        group = self._mine[0].group
        source = next((name for name in self._site.sources if self._site.topics.rows(name) == at.topic), None)
        return f"{group}-{at.partition}" if source is None else f"{group}-{source}"


async def _demand_written(broker: KafkaBroker, group: str, one: Recovery) -> None:
    """Raises Refused where what was written does not come to stand there: a commit is seen moments after its acknowledgement."""
    until = time.monotonic() + _WRITTEN_WITHIN_S
    while (said := await broker.committed(group, one.at)) != one.to:
        if time.monotonic() > until:
            offset = "nothing" if said is None else said.offset
            raise Refused(f"{one.at.topic}-{one.at.partition}: {offset} stands there, not what was written: does a worker run?")
        await asyncio.sleep(_ASK_AGAIN_S)


def _committed(said: CommittedOffset | None) -> Committed | None:
    return None if said is None or said.offset < 0 else Committed(offset=said.offset, metadata=said.metadata)


def _document(one: Recovery) -> dict[str, Any]:
    return {
        "topic": one.at.topic,
        "partition": one.at.partition,
        "action": one.action.value,
        "why": one.why,
        "was": None if one.was is None else {"offset": one.was.offset, "metadata": one.was.metadata},
        "to": None if one.to is None else {"offset": one.to.offset, "metadata": one.to.metadata},
    }
