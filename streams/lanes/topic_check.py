"""Whether the topics of a site are what its stages need, before a worker reads the first record."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka.errors import KafkaError

from streams.errors import Fatal, Unreachable
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import partition_counts
from streams.lanes.settings import BrokerSettings

_PATIENCE_S = 2.0


async def topics_there(
    broker: BrokerSettings, *, partitioned: Sequence[str], also: Sequence[str], partitions: int, patient: bool
) -> None:
    """Return when all topics are there with the right number of partitions.

    partitioned: those that must have `partitions`; also: those that may have any number. Raises Fatal for what is missing or wrong,
    Unreachable when no broker answers, unless patient: then it waits.
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


async def _counts(broker: BrokerSettings, topics: Sequence[str], *, patient: bool) -> Mapping[str, int]:
    while True:
        try:
            return await partition_counts(broker, topics)
        except (KafkaError, OSError) as exc:
            if not patient:
                raise Unreachable(
                    f"no broker answers at {broker.bootstrap_servers}: start Kafka, or correct kafka.bootstrap_servers or "
                    "kafka.security in site.yaml"
                ) from exc
            await asyncio.sleep(_PATIENCE_S)
