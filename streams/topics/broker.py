"""The brokers, as far as topics and first offsets need them. Synchronous; never call it from an event loop."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupIdNotFoundError,
    KafkaError,
    NotCoordinatorError,
    TopicAlreadyExistsError,
)
from kafka.structs import OffsetAndMetadata

from streams.errors import Refused, Unreachable
from streams.topics.access import BrokerAccess, away, client_options, is_inside_a_client, let_in
from streams.topics.internal import INTERNAL, InternalTopic, may_be_connects
from streams.topics.offsets import FirstOffset, OffsetPlan, Reach, plan_first_offsets
from streams.topics.shapes import LiveTopic, TopicSpec
from streams.topics.stages import Stage

_COORDINATOR_S = 30.0
_ASK_AGAIN_S = 0.5


class CommittedOffset(NamedTuple):
    """How far a group is in one partition, and what it wrote beside that."""

    offset: int
    metadata: str


class Member(NamedTuple):
    """Whoever takes part in a group now."""

    name: str
    """Client and host."""
    parts: frozenset[tuple[str, int]]
    """Topics and partitions that it was given; none while they are shared out."""


class Broker:
    """An open admin connection. Raises Unreachable when no broker answers, Refused when one says no."""

    def __init__(self, access: BrokerAccess) -> None:
        self._servers = access.bootstrap_servers
        self._where = f"Kafka at {self._servers}"
        with let_in(access.bootstrap_servers, tls=access.tls):
            self._admin = KafkaAdminClient(**client_options(access, client_id="yibao-topics"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._admin.close()

    def topics(self, names: Sequence[str]) -> dict[str, LiveTopic]:
        """Those of the named topics that exist."""
        with self._answers("read the topics"):
            wanted = sorted(set(names) & set(self._admin.list_topics()))
            if not wanted:
                return {}
            described: list[Mapping[str, Any]] = self._admin.describe_topics(wanted)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
            configs: Mapping[str, Mapping[str, Mapping[str, Any]]] = self._admin.describe_configs(resources)["topic"]
        return {topic["name"]: _live(topic, configs[topic["name"]]) for topic in described}

    def ending_with(self, suffix: str) -> list[str]:
        """The topics whose name ends so, of those that this account may see."""
        with self._answers("read the topics"):
            return sorted(name for name in self._admin.list_topics() if name.endswith(suffix))

    def internal(self, *, prefix: str) -> tuple[Sequence[int], list[InternalTopic]]:
        """The ids of the brokers that answer, and the topics in which they and Connect keep their state. prefix: of our own."""
        with self._answers("read the brokers' own topics"):
            brokers = [int(broker["broker_id"]) for broker in self._admin.describe_cluster()["brokers"]]
            there = self._admin.list_topics()
            wanted = [*(name for name in INTERNAL if name in there), *may_be_connects(there, prefix=prefix)]
            if not wanted:
                return brokers, []
            described: list[Mapping[str, Any]] = self._admin.describe_topics(wanted)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
            configs: Mapping[str, Any] = self._admin.describe_configs(resources, config_filter="all")["topic"]
        return brokers, [found for topic in described if (found := _internal(topic, configs[topic["name"]]))]

    def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create topics and wait until each partition has a leader. One that appeared meanwhile is left as it is."""
        for spec in specs:
            wanted = {
                "num_partitions": spec.partitions,
                "replication_factor": spec.replication_factor,
                "configs": dict(spec.configs),
            }
            with self._answers(f"create topic {spec.name}"):
                try:
                    self._admin.create_topics({spec.name: wanted}, wait_for_metadata=True)
                except TopicAlreadyExistsError:
                    continue

    def reshape(self, specs: Sequence[TopicSpec]) -> None:
        """Give topics the settings of their specs and wait until the brokers tell them: a controller answers before they know."""
        for spec in specs:
            with self._answers(f"change the settings of topic {spec.name}"):
                self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name, dict(spec.configs))])
        until = time.monotonic() + _COORDINATOR_S
        while late := [spec.name for spec in specs if not self._tells(spec)]:
            if time.monotonic() > until:
                raise Unreachable(f"{self._where} took the new settings of {', '.join(late)} and does not tell them; try again")
            time.sleep(_ASK_AGAIN_S)

    def _tells(self, spec: TopicSpec) -> bool:
        live = self.topics([spec.name]).get(spec.name)
        return live is not None and spec.configs.items() <= live.configs.items()

    def plan_first_offsets(self, table: Sequence[Stage], *, partitions: int, marks: Mapping[str, str]) -> OffsetPlan:
        """What the stages' groups lack, judged by what the topics hold. marks: by stage, the metadata of a first offset."""
        with self._answers("read the committed offsets"):
            stored = self._committed(_inputs(table, partitions))
        return plan_first_offsets(
            table,
            partitions=partitions,
            committed={
                (group, (place.topic, place.partition))
                for group, offsets in stored.items()
                for place, offset in offsets.items()
                if offset.offset >= 0
            },
            reach=self._reach([name for stage in table for name in (stage.reads, *stage.writes)]),
            marks=marks,
        )

    def _committed(self, groups: Mapping[str, list[TopicPartition]]) -> Mapping[str, Mapping[TopicPartition, Any]]:
        """What the groups committed. On a new broker the first such question creates the topic for the answers and fails, and where
        a broker was lost the next one must be found: so it is asked again.
        """
        until = time.monotonic() + _COORDINATOR_S
        while True:
            try:
                found: Mapping[str, Mapping[TopicPartition, Any]] = self._admin.list_group_offsets(groups)
            except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
                if time.monotonic() > until:
                    raise
                time.sleep(_ASK_AGAIN_S)
            else:
                return found

    def _reach(self, names: Sequence[str]) -> dict[tuple[str, int], Reach]:
        there = self.topics(names)
        places = [TopicPartition(topic.name, number) for topic in there.values() for number in range(topic.partitions)]
        if not places:
            return {}
        with self._answers("read the ends of the topics"):
            begins = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
            ends = self._admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
        return {(place.topic, place.partition): Reach(begin=begins[place].offset, end=ends[place].offset) for place in places}

    def commit(self, offsets: Sequence[FirstOffset]) -> None:
        """Write first offsets. The broker refuses while a member of the group runs."""
        for group in dict.fromkeys(offset.group for offset in offsets):
            mine = {
                TopicPartition(offset.topic, offset.partition): OffsetAndMetadata(offset.offset, offset.metadata, -1)
                for offset in offsets
                if offset.group == group
            }
            with self._answers(f"commit the first offsets of {group}"):
                results = self._admin.alter_group_offsets(group, mine)
            if errors := sorted({error.__name__ for error in results.values() if getattr(error, "errno", 0)}):
                raise Refused(
                    f"{self._where} refuses the first offsets of {group}: {', '.join(errors)}; stop the workers and try again",
                )

    def reach(self, topic: str) -> dict[int, Reach]:
        """What each partition of `topic` holds; empty where it does not exist."""
        return {number: reach for (_, number), reach in self._reach([topic]).items()}

    def holds_before(self, topic: str, moment_ms: int) -> bool:
        """Whether a topic that exists holds a message from before a moment (ms since the epoch)."""
        reach = self.reach(topic)
        places = {TopicPartition(topic, number): moment_ms for number in reach}
        with self._answers(f"tell how old the messages of {topic} are"):
            since = self._admin.list_partition_offsets(places)
        behind = {place.partition: one.offset for place, one in since.items()}  # of the first message since; -1 where there is none
        return any(one.begin < (one.end if behind[number] < 0 else behind[number]) for number, one in reach.items())

    def since(self, topic: str, moment_ms: int) -> int | None:
        """The offset of a one-partition topic's first message of a moment (ms since the epoch) or later; None: none."""
        place = TopicPartition(topic, 0)
        with self._answers(f"find a moment in {topic}"):
            found = self._admin.list_partition_offsets({place: moment_ms})[place]
        return int(found.offset) if found.offset >= 0 else None

    def topic_id(self, topic: str) -> bytes:
        """The id of a topic that exists; a topic that is made anew gets another one. Empty where brokers are too old for ids."""
        with self._answers(f"tell the id of {topic}"):
            (described,) = self._admin.describe_topics([topic])
        found = described.get("topic_id")
        return b"" if found is None else UUID(f"{found}").bytes

    def ends(self, topic: str) -> dict[int, int]:
        """Where the next message of each partition of `topic` will stand; empty where it does not exist."""
        return {number: reach.end for (_, number), reach in self._reach([topic]).items()}

    def committed(self, group: str, topic: str, partitions: Iterable[int]) -> dict[int, CommittedOffset]:
        """What a group committed for partitions of `topic`, with the text beside it; offset -1 where it committed nothing."""
        places = [TopicPartition(topic, number) for number in partitions]
        with self._answers(f"read the committed offsets of {group}"):
            found = self._committed({group: places})[group]
        return {place.partition: CommittedOffset(offset=one.offset, metadata=one.metadata) for place, one in found.items()}

    def has_worked(self, table: Sequence[Stage], *, partitions: int) -> bool:
        """Whether a stage has a committed offset, or one of its topics has ever held a record."""
        with self._answers("read the committed offsets"):
            stored = self._committed(_inputs(table, partitions))
        if any(one.offset >= 0 for offsets in stored.values() for one in offsets.values()):
            return True
        return any(
            reach.end > 0
            for reach in self._reach(
                [name for stage in table for name in (stage.reads, *stage.writes, *stage.partitioned)]
            ).values()
        )

    def members(self, groups: Sequence[str]) -> list[str]:
        """Whoever takes part in one of the groups now, as `group: client at host`."""
        return [f"{group}: {one.name}" for group, found in sorted(self.taking_part(groups).items()) for one in found]

    def taking_part(self, groups: Sequence[str]) -> dict[str, list[Member]]:
        """By group, whoever takes part in it now; one that was killed does for as long as its session lasts."""
        with self._answers("read the members of the groups"):
            described: Mapping[str, Mapping[str, Any]] = self._admin.describe_groups(list(groups))
        told = {group: f"{one['error']}" for group, one in described.items() if one["error"]}
        if errors := [f"{group}: {error}" for group, error in told.items() if GroupIdNotFoundError.__name__ not in error]:
            raise Unreachable(f"{self._where} does not say who works ({'; '.join(errors)}); try again")
        return {group: [_member(one) for one in described[group]["members"]] if group in described else [] for group in groups}

    def newest_ms(self, topic: str) -> int | None:
        """Time of a one-partition topic's newest record in milliseconds since the epoch; None while it holds none or is missing."""
        place = TopicPartition(topic, 0)
        with self._answers(f"read the newest record of {topic}"):
            if topic not in self._admin.list_topics():
                return None
            newest = self._admin.list_partition_offsets({place: OffsetSpec.MAX_TIMESTAMP})[place]
        return int(newest.timestamp) if newest.timestamp >= 0 else None

    @contextmanager
    def _answers(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (KafkaError, AssertionError, LookupError) as exc:
            if not isinstance(exc, KafkaError) and not is_inside_a_client(exc):
                raise
            if getattr(exc, "errno", 0) > 0 and not getattr(exc, "retriable", False):
                raise Refused(f"{self._where} refuses to {doing}: {exc}{away(self._servers)}") from exc
            told = f"{self._where} does not answer when asked to {doing} ({type(exc).__name__}); try again{away(self._servers)}"
            raise Unreachable(told) from exc


def _member(described: Mapping[str, Any]) -> Member:
    given = described["member_assignment"]
    topics = given["assigned_partitions"] if isinstance(given, Mapping) else ()
    parts = frozenset((f"{one['topic']}", int(number)) for one in topics for number in one["partitions"])
    return Member(f"{described['client_id']} at {described['client_host'].lstrip('/')}", parts)


def _inputs(table: Sequence[Stage], partitions: int) -> Mapping[str, list[TopicPartition]]:
    """What each group reads."""
    found: dict[str, list[TopicPartition]] = {}
    for stage in table:
        found.setdefault(stage.group, []).extend(TopicPartition(stage.reads, number) for number in stage.numbers(partitions))
    return found


def _internal(topic: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> InternalTopic | None:
    """None: whoever made it, it keeps no state."""
    if "compact" not in f"{configs['cleanup.policy']['value']}":
        return None
    by_number = sorted(topic["partitions"], key=lambda partition: int(partition["partition_index"]))
    return InternalTopic(
        name=topic["name"],
        copies=[list(map(int, partition["replica_nodes"])) for partition in by_number],
        in_sync=int(configs["min.insync.replicas"]["value"]),
    )


def _live(topic: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]]) -> LiveTopic:
    partitions = topic["partitions"]
    return LiveTopic(
        name=topic["name"],
        partitions=len(partitions),
        replication_factor=min((len(partition["replica_nodes"]) for partition in partitions), default=0),
        configs={key: f"{entry['value']}" for key, entry in configs.items()},
    )
