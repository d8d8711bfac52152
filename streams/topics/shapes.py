"""The topics of a site: what they must be, and how the live ones differ. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connector.contract import CaptureSource, Topics
from streams.wording import count_of

_DAY_MS = 86_400_000
_LARGEST_MESSAGE = str(8 * 1024 * 1024)

_COMPACT = {
    "cleanup.policy": "compact",
    "segment.bytes": str(64 * 1024 * 1024),
    "segment.ms": "3600000",
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": "3600000",
    "max.message.bytes": _LARGEST_MESSAGE,
}

_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """How wide, how safe and how long the topics are."""

    partitions: int
    """Of every stage's topic; fixed for the life of a site."""
    replication_factor: int
    """Copies of every record."""
    changes_days: int
    """How long `rows.<source>` and `visit.changes` keep records."""
    ready_days: int
    """How long `visit.ready` keeps records."""
    receipts_days: int
    """How long `visit.receipts` keeps records."""
    dead_days: int
    """How long `visit.dead` keeps records."""
    control_days: int
    """How long `visit.control` keeps what is no longer in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic as it must be."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]
    reshaped: bool = False
    """Whether an earlier version made it with another cleanup policy and wrote nothing into it: it is given this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTopic:
    """One topic as the broker has it."""

    name: str
    partitions: int
    replication_factor: int
    configs: Mapping[str, str]
    """Settings that differ from the broker's defaults."""


class TopicAction(StrEnum):
    """What has to be done to a topic. CREATE: it is missing. RESHAPE: an earlier version made it otherwise, and its settings are
    changed. UNCHANGED: nothing. DRIFTED: it works, with other settings. CONFLICT: it must not be used as it is.
    """

    CREATE = "create"
    RESHAPE = "reshape"
    UNCHANGED = "unchanged"
    DRIFTED = "drifted"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """What has to be done to one topic."""

    spec: TopicSpec
    action: TopicAction
    differences: tuple[str, ...] = field(default=())
    """Each says what is, what should be, and for a conflict how to mend it."""


def plan_topics(topics: Topics, sources: Iterable[CaptureSource], settings: TopicSettings) -> tuple[TopicSpec, ...]:
    """Every topic that capture and the stages write: all must exist before the first record, for capture hangs on a missing one."""
    sources = tuple(sources)
    wide, days = settings.partitions, _days
    shapes: list[tuple[str, int, Mapping[str, str]]] = [
        (topics.changes, wide, days(settings.changes_days)),
        (topics.state, wide, _COMPACT),
        (topics.ready, wide, days(settings.ready_days)),
        (topics.receipts, wide, days(settings.receipts_days)),
        (topics.orphans, wide, _COMPACT),
        (topics.dead, wide, days(settings.dead_days)),
        (topics.control, 1, _compact_after(settings.control_days)),
        (topics.binding, 1, _KEPT),
        (topics.audit, 1, _KEPT),
        (topics.signals, 1, days(7)),
        (topics.notifications, 1, days(30)),
        *((topics.rows(source.name), 1, days(settings.changes_days)) for source in sources),
        *((topics.place_state(source.name), 1, _COMPACT) for source in sources),
        *((topics.heartbeat(source.name), 1, days(1)) for source in sources),
        *((topics.schema_history(source.name), 1, _KEPT) for source in sources if source.kind.keeps_history),
        *((topics.lookup(name), 1, _COMPACT) for name in _lookups(sources)),
    ]
    return tuple(
        TopicSpec(
            name=name,
            partitions=partitions,
            replication_factor=settings.replication_factor,
            configs={**configs, "min.insync.replicas": "2" if settings.replication_factor > 2 else "1"},
            reshaped=name == topics.control,
        )
        for name, partitions, configs in shapes
    )


def compare(specs: Sequence[TopicSpec], live: Mapping[str, LiveTopic]) -> tuple[TopicPlan, ...]:
    """Each topic's plan, in the order of the specs."""
    return tuple(_compare_one(spec, live.get(spec.name)) for spec in specs)


def _compact_after(days: int) -> dict[str, str]:
    """What is in force stays; what was replaced stays so many days, for whoever asks who did what."""
    longest = max(days * _DAY_MS, 3_600_000)
    return {**_COMPACT, "min.compaction.lag.ms": str(days * _DAY_MS), "max.compaction.lag.ms": str(longest + 3_600_000)}


def _days(days: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "retention.bytes": "-1",
        "max.message.bytes": _LARGEST_MESSAGE,
    }


def _lookups(sources: Sequence[CaptureSource]) -> list[str]:
    return sorted({table.lookup for source in sources for table in source.tables if table.lookup is not None})


def _compare_one(spec: TopicSpec, live: LiveTopic | None) -> TopicPlan:
    if live is None:
        return TopicPlan(spec=spec, action=TopicAction.CREATE)
    if conflicts := tuple(_conflicts(spec, live)):
        return TopicPlan(spec=spec, action=TopicAction.CONFLICT, differences=conflicts)
    drifts = tuple(_drifts(spec, live))
    if _policy(live) != spec.configs["cleanup.policy"]:
        return TopicPlan(spec=spec, action=TopicAction.RESHAPE, differences=drifts)
    return TopicPlan(spec=spec, action=TopicAction.DRIFTED if drifts else TopicAction.UNCHANGED, differences=drifts)


def _conflicts(spec: TopicSpec, live: LiveTopic) -> Iterator[str]:
    if live.partitions != spec.partitions:
        yield (
            f"has {count_of(live.partitions, 'partition')} and must have "
            f"{spec.partitions}: a visit would part ways. Set kafka.partitions to "
            "what is there, or start with a new kafka.topic_prefix; a topic that holds nothing yet may be deleted"
        )
    policy = _policy(live)
    if policy != spec.configs["cleanup.policy"] and not spec.reshaped:
        wanted = spec.configs["cleanup.policy"]
        harm = "compaction would drop records that were never read" if wanted == "delete" else "what it must remember would expire"
        yield (
            f"has cleanup.policy {policy} and must have {wanted}: {harm}. "
            f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} --add-config cleanup.policy={wanted}"
        )

    if _KEPT.items() <= spec.configs.items():
        kept = {name: live.configs.get(name, "-1") for name in ("retention.ms", "retention.bytes")}
        bounds = [f"{name} {value}" for name, value in kept.items() if value != "-1"]
        if bounds:
            yield (
                f"has {' and '.join(bounds)} and must keep everything: who ordered what would be forgotten. "
                "kafka-configs.sh --alter --entity-type topics "
                f"--entity-name {spec.name} --add-config retention.ms=-1,retention.bytes=-1"
            )


def _policy(live: LiveTopic) -> str:
    return live.configs.get("cleanup.policy", "delete")


def _drifts(spec: TopicSpec, live: LiveTopic) -> Iterator[str]:
    for key, wanted in spec.configs.items():
        found = live.configs.get(key)
        if found != wanted:
            yield f"{key} is {'the default' if found is None else found}, planned {wanted}"
    if live.replication_factor < spec.replication_factor:
        yield f"replication factor is {live.replication_factor}, planned {spec.replication_factor}"
