"""The brokers, judged: releases, addresses, copies, settings, quotas. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from streams.topics.cluster import BrokerFacts, Cluster, PartitionFacts, Quota
from streams.topics.keeping import days, is_cut_by_size, kept_ms
from streams.topics.shapes import LiveTopic, TopicAction, TopicPlan
from yibao.doctor.checks import Told, blocks, warns
from yibao.doctor.needs import Needs

_LOSES_MARKERS: Final = range(30, 34)
"""`metadata.version` of 4.3 (30) and 4.4 (31 to 33). Brokers of 4.2 speak 29."""
_ASKED_MS: Final = 600_000
"""So long workers ask a transaction to last; with less they take a minute."""
_LEAST_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_TOLD: Final = 5
"""So many of a kind are named."""


def of_cluster(cluster: Cluster, needs: Needs) -> Iterator[Told]:
    """What the brokers say of themselves."""
    yield from _brokers(cluster.brokers, needs)
    yield from _release(cluster.metadata_level)
    yield from _copies(cluster.partitions)
    yield from _offsets(cluster.brokers, needs)
    yield from _transactions(cluster.brokers)
    for quota in cluster.quotas:
        yield from _quota(quota, needs)


def _brokers(brokers: Sequence[BrokerFacts], needs: Needs) -> Iterator[Told]:
    for one in brokers:
        if one.closed:
            yield blocks(
                "kafka.brokers",
                f"broker {one.number}",
                f"tells its clients to come to {one.address}, which takes no connection from here ({one.closed})",
                "advertised.listeners of that broker must name an address that workers reach; or start it, or open the way",
            )
    if len(brokers) < needs.copies:
        what = f"answer: {len(brokers)}, and kafka.replication_factor is {needs.copies}: no topic can be made, and records wait"
        yield blocks("kafka.brokers", "brokers that", what, "start the others")
    elif needs.copies < 3:
        what = f"is {needs.copies}: a broker that is lost takes records with it, or lets all wait"
        yield warns("kafka.brokers", "kafka.replication_factor", what, "three brokers, and replication_factor: 3 in site.yaml")


def _release(level: int | None) -> Iterator[Told]:
    if level in _LOSES_MARKERS:
        yield warns(
            "kafka.release",
            "a broker",
            f"is of Kafka 4.3 or 4.4 (metadata.version {level}): 4.3.0, 4.3.1 and 4.4.0 can say that a transaction is done and "
            "write no marker while a partition has no leader (KAFKA-20734); lanes find that out, end with 75 and need a restart",
            "run the newest release of 4.2, or a later one whose notes name KAFKA-20734 as mended",
        )


def _copies(partitions: Sequence[PartitionFacts]) -> Iterator[Told]:
    by_topic = groupby(sorted(partitions, key=lambda one: (one.topic, one.number)), key=lambda one: one.topic)
    for topic, group in by_topic:
        found = list(group)
        if headless := [one.number for one in found if one.leader < 0]:
            what = f"has no leader in partitions {_some(headless)}: what belongs there waits"
            yield blocks("kafka.copies", topic, what, "start the brokers that have them: kafka-topics.sh --describe names them")
        if behind := [one.number for one in found if one.leader >= 0 and one.in_sync < one.copies]:
            what = f"has fewer complete copies than it should in partitions {_some(behind)}"
            mend = "start the brokers that are missing, and wait until they have caught up: kafka-topics.sh --describe names them"
            yield warns("kafka.copies", topic, what, mend)


def _offsets(brokers: Sequence[BrokerFacts], needs: Needs) -> Iterator[Told]:
    name = "offsets.retention.minutes"
    kept = [int(one.settings[name]) * _MINUTE_MS for one in brokers if name in one.settings]
    if kept and min(kept) <= needs.outage_h * _HOUR_MS:
        yield blocks(
            "kafka.offsets",
            name,
            f"is {min(kept) // _MINUTE_MS} ({days(min(kept))}): a stage that is stopped for longer loses its offsets, and the "
            f"promise is {needs.outage_h:g} h (doctor.outage_h)",
            f"{name}=525600 in each broker's server.properties, then restart one after the other",
        )


def _transactions(brokers: Sequence[BrokerFacts]) -> Iterator[Told]:
    name = "transaction.max.timeout.ms"
    most = min((int(one.settings[name]) for one in brokers if name in one.settings), default=_ASKED_MS)
    if most >= _ASKED_MS:
        return
    alter = f"{name}=900000 in each broker's server.properties, then restart one after the other"
    if most < _LEAST_MS:
        yield blocks("kafka.transactions", name, f"is {most}: no worker gets a transaction of a minute", alter)
        return
    what = f"is {most}: workers ask for {_ASKED_MS} and take a minute then, after which an outage of brokers ends them"
    yield warns("kafka.transactions", name, what, alter)


def _quota(quota: Quota, needs: Needs) -> Iterator[Told]:
    client, user = quota.entity.get("client-id"), quota.entity.get("user")
    if client and not client.startswith(needs.clients):
        return
    if user and user != needs.user:
        return
    whom = ", ".join(f"{kind} {name or '(everybody without an own one)'}" for kind, name in quota.entity.items())
    bounds = ", ".join(f"{name} {value:g}" for name, value in quota.values.items())
    entity = " ".join(
        f"--entity-type {kind}s {f'--entity-name {name}' if name else '--entity-default'}" for kind, name in quota.entity.items()
    )
    yield warns(
        "kafka.quotas",
        f"quota of {whom}",
        f"bounds our clients ({bounds}): brokers let them wait, and nobody sees why",
        f"kafka-configs.sh --bootstrap-server {needs.servers} --alter {entity} --delete-config {','.join(quota.values)}",
    )


def of_topics(plans: Sequence[TopicPlan]) -> Iterator[Told]:
    """Topics that are missing, or not as they must be."""
    if missing := [one.spec.name for one in plans if one.action is TopicAction.CREATE]:
        what = f"missing: {_some(missing)}; what would be written there blocks who writes it"
        yield blocks("kafka.topics", "topics that are", what, "yibao topics apply")
    for one in plans:
        told = "; ".join(one.differences)
        if one.action is TopicAction.CONFLICT:
            yield blocks("kafka.topics", one.spec.name, told, "the statement stands with it; then: yibao topics plan")
        elif one.action is TopicAction.RESHAPE:
            yield blocks("kafka.topics", one.spec.name, f"is of an earlier version: {told}", "yibao topics apply")
        elif one.action is TopicAction.DRIFTED:
            wanted = ",".join(f"{key}={value}" for key, value in one.spec.configs.items() if f"{key} is" in told)
            alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {one.spec.name} --add-config {wanted}"
            yield warns("kafka.topics", one.spec.name, told, alter if wanted else "kafka-reassign-partitions.sh, to more brokers")


def of_retention(live: Mapping[str, LiveTopic], names: Sequence[str], needs: Needs) -> Iterator[Told]:
    """names: of the topics through which records go; those that are live."""
    for name in names:
        topic = live.get(name)
        if topic is None:
            continue
        alter = (
            f"kafka-configs.sh --bootstrap-server {needs.servers} --alter --entity-type topics --entity-name {name} --add-config"
        )
        if is_cut_by_size(topic):
            what = f"has retention.bytes {topic.configs['retention.bytes']}: a long outage loses records, whatever their age"
            yield blocks("kafka.retention", name, what, f"{alter} retention.bytes=-1")
        kept = kept_ms(topic.configs)
        if kept is not None and kept <= needs.outage_h * _HOUR_MS:
            promised = f"the promise is {needs.outage_h:g} h (doctor.outage_h)"
            what = f"keeps records for {days(kept)}, and {promised}: what expires unread is a hole"
            yield blocks("kafka.retention", name, what, f"{alter} retention.ms={int(4 * needs.outage_h * _HOUR_MS)}")


def of_internal(notes: Sequence[str]) -> Iterator[Told]:
    """notes: each a sentence with the statement that mends it."""
    for note in notes:
        what, _, mend = note.partition(". ")
        where, _, what = what.partition(" ")
        yield warns("kafka.internal", where, what, mend or "kafka-topics.sh --describe, with the names of Connect's own topics")


def _some(names: Sequence[object]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(f"{name}" for name in names[:_TOLD]) + more
