"""Whether the topics of a site are what its stages need, before a worker reads the first record."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from aiokafka.errors import KafkaError

from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import partition_counts
from streams.lanes.kafka_roll import KafkaRoll
from streams.lanes.roll_call import RollCall
from streams.lanes.settings import BrokerSettings
from streams.topics.access import knock, not_let_in

log = structlog.get_logger()
Result = TypeVar("Result")

_PATIENCE_S = 2.0
_FIRST_TOLD_S = 10.0
_TOLD_AGAIN_S = 60.0


async def topics_there(
    broker: BrokerSettings, *, partitioned: Sequence[str], also: Sequence[str], partitions: int, patient: bool
) -> None:
    """Return when all topics are there with the right number of partitions.

    partitioned: topics that must have `partitions` of them. also: topics that may have any number. patient: wait for brokers that
    do not answer. Raises Fatal for a topic that is missing or wrong, Unreachable when no broker answers and `patient` is not set.
    """
    counts = await _counts(broker, (*partitioned, *also), patient=patient)
    if missing := [topic for topic in (*partitioned, *also) if topic not in counts]:
        raise Fatal(f"topics are missing: {', '.join(missing)}; run `yibao topics apply`", exit_code=Exit.METADATA)
    if wrong := [f"{topic} has {counts[topic]}" for topic in partitioned if counts[topic] != partitions]:
        raise Fatal(
            f"kafka.partitions is {partitions}, but {', '.join(wrong)}: the number is fixed for the life of a site, because a "
            "visit must stay in its partition; put the setting back",
            exit_code=Exit.METADATA,
        )


async def told(work: Coroutine[Any, Any, Result], servers: str) -> Result:
    """The work's result. Where it does not come, say so again and again: a worker that waits for brokers must not be silent."""
    task = asyncio.ensure_future(work)
    began, pause_s = time.monotonic(), _FIRST_TOLD_S
    try:
        while not (await asyncio.wait([task], timeout=pause_s))[0]:
            log.warning("brokers_awaited", servers=servers.split(","), waited_s=round(time.monotonic() - began))
            pause_s = _TOLD_AGAIN_S
    except BaseException:
        task.cancel()
        raise
    return task.result()


async def _counts(broker: BrokerSettings, topics: Sequence[str], *, patient: bool) -> Mapping[str, int]:
    try:
        return await partition_counts(broker, topics)
    except (KafkaError, OSError, AssertionError, LookupError) as exc:
        if not patient:
            servers = broker.bootstrap_servers.split(",")
            await asyncio.to_thread(knock, servers)
            raise not_let_in(servers, exc) from exc
    return await _waited_for(broker, topics)


async def _waited_for(broker: BrokerSettings, topics: Sequence[str]) -> Mapping[str, int]:
    roll_call = RollCall(KafkaRoll(broker), clock=time.monotonic)
    try:
        while True:
            await roll_call.call()
            try:
                counts = await partition_counts(broker, topics)
            except (KafkaError, OSError, AssertionError, LookupError):
                await asyncio.sleep(_PATIENCE_S)
            else:
                await roll_call.call()
                return counts
    finally:
        await roll_call.stop()
