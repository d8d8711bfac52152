"""Whether the logs that a lane goes on from are still those that its offset speaks of.

A log can become shorter than a committed offset says: a leader that lagged behind was elected uncleanly, a broker lost what was not
on its disk yet, a topic was deleted and made anew. What is written then takes offsets that were used before, and a lane would take
it for what it has read already. So a lane's mark names the logs by their ids, and nothing goes on where one of them is another, or
ends before what was read of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.errors import Fatal
from streams.lanes.buffer import Clock
from streams.lanes.exits import Exit
from streams.lanes.ports import Broker, TopicPartition

_ASK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a lane says of one partition that it goes on from."""

    at: TopicPartition
    end: int
    """Everything below this offset was there."""
    id: str
    """Id of the topic then; `""` where nobody noted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """What the brokers say of the same partitions."""

    ids: Mapping[str, str] = field(default_factory=dict)
    """By topic; without those that do not exist, and empty where brokers have none."""
    ends: Mapping[TopicPartition, int] = field(default_factory=dict)


async def logs_of(broker: Broker, claims: Sequence[Claim]) -> Logs:
    """Ask the brokers."""
    ids = await broker.topic_ids(sorted({claim.at.topic for claim in claims}))
    return Logs(ids=ids, ends=await broker.end_offsets([claim.at for claim in claims]))


def contradiction(claims: Sequence[Claim], logs: Logs) -> str:
    """In what the brokers contradict a lane; `""` where they do not."""
    for claim in claims:
        now, end = logs.ids.get(claim.at.topic, ""), logs.ends.get(claim.at, claim.end)
        if claim.id and now and now != claim.id:
            return f"{claim.at.topic} was deleted and made anew (topic id {claim.id} then, {now} now)"
        if end < claim.end:
            return (
                f"{claim.at.topic}-{claim.at.partition} ends at {end}, but was read up to {claim.end}: records were lost at its end"
            )
    return ""


def short_log(why: str, *, stage: str) -> Fatal:
    """The error to end a worker with."""
    return Fatal(
        f"{why}. What is written now would be taken for what was read before, so nothing goes on: stop all workers, look at "
        f"`yibao offsets recover --stage {stage} --dry-run` (docs/operations.md, exit code 79)",
        exit_code=Exit.SHORT_LOG,
    )


async def demand_logs(broker: Broker, claims: Sequence[Claim], *, stage: str, clock: Clock, within_s: float) -> Mapping[str, str]:
    """The ids of the topics, where nothing contradicts the claims. Raises Fatal where something does for `within_s`: a broker that
    just came back may speak of what was true before it went.
    """
    until: float | None = None
    while True:
        logs = await logs_of(broker, claims)
        why = contradiction(claims, logs)
        if not why:
            return logs.ids
        if until is None:
            until = clock() + within_s
        if clock() >= until:
            raise short_log(why, stage=stage)
        await asyncio.sleep(_ASK_AGAIN_S)
