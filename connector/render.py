"""One source's capture as the configuration of its Debezium connector. Pure: the same input gives the same text.

Rows of visit, settlement and fee tables go to one topic, in the order of the log; which visit they belong to is the place stage's
matter. Lookup tables go to a compacted topic each. Only mapped columns leave the database.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from connector.contract import UNAVAILABLE, CapturedTable, CaptureSource, TableRole, Topics
from connector.errors import Misconfigured
from connector.profiles import DatabaseProfile, profile_of
from connector.table_topics import naming, refuse_colliding_topics, table_topic

_ORDER = (TableRole.LOOKUP, TableRole.VISIT, TableRole.HEADER, TableRole.SETTLEMENT, TableRole.LINK, TableRole.FEE)
_WITHOUT_VISIT = (TableRole.LOOKUP, TableRole.LINK)
"""Snapshots read tables in this order, so that a row rarely waits for what it refers to."""

_MATCHES = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"

_VALUES = {
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    # A JSON number would lose the scale of money and the end of long ids.
    "decimal.handling.mode": "string",
    "time.precision.mode": "isostring",
    "binary.handling.mode": "base64",
    "unavailable.value.placeholder": UNAVAILABLE,
    "tombstones.on.delete": "false",
    # Debezium skips truncates by default: rows would vanish without a trace.
    "skipped.operations": "none",
    "provide.transaction.metadata": "false",
    # No interface field takes a thirtieth of this, so a row that is cut here is refused for its length all the same. Uncut and
    # sent twice (before and after), a document pasted into a remark could exceed the largest message and end the whole capture.
    "column.truncate.to.32768.chars": ".*",
}

_OPERATION = {
    "tasks.max": "1",
    "incremental.snapshot.chunk.size": "1024",
    "max.batch.size": "8192",
    "max.queue.size": "32768",
    "max.queue.size.in.bytes": "67108864",
    "poll.interval.ms": "100",
    # Retried for ever: after a night's outage of the database capture goes on by itself. The outage shows in the heartbeat's age,
    # not in the connector's state.
    "errors.max.retries": "-1",
    "event.processing.failure.handling.mode": "fail",
}

_PRODUCER = {
    # Without these a broker's restart doubles rows.
    "producer.override.enable.idempotence": "true",
    "producer.override.acks": "all",
    "producer.override.max.in.flight.requests.per.connection": "5",
    # Without a bound, one record for a topic that does not exist blocks the connector for ever, in silence.
    "producer.override.max.block.ms": "120000",
    # A broker that hangs is given up for the one that leads instead of it; the default, 30 s, is long after the take-over.
    "producer.override.request.timeout.ms": "10000",
    "producer.override.max.request.size": "8388608",
    "producer.override.compression.type": "lz4",
    "producer.override.linger.ms": "5",
    "producer.override.batch.size": "131072",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectSettings:
    """How the workers of Kafka Connect see the brokers."""

    bootstrap_servers: str
    """Brokers as the Connect workers reach them, for the signal channel."""
    heartbeat_interval_ms: int
    """How often a source shows that it is alive."""
    signal_consumer: Mapping[str, str] = field(default_factory=dict)
    """Further client options of the signal channel, such as `security.protocol`; it does not use the workers' own, and neither does
    what keeps the structure of tables.
    """


def render(source: CaptureSource, topics: Topics, *, connect: ConnectSettings) -> dict[str, str]:
    """The connector's configuration. Raises Misconfigured where a name or a reference cannot be carried by Debezium."""
    refuse_what_cannot_be_carried(source)
    profile = profile_of(source.kind)
    return {
        "connector.class": profile.connector_class,
        "topic.prefix": source.name,
        **naming(source),
        **profile.options(source),
        **_selection(source),
        **_VALUES,
        **_OPERATION,
        **_metrics(topics),
        **_heartbeat(source, topics, profile=profile, connect=connect),
        **_signals(source, topics, connect=connect),
        **_history(source, topics, connect=connect),
        **_routing(source, topics),
        **_PRODUCER,
    }


def refuse_what_cannot_be_carried(source: CaptureSource) -> None:
    """Raises Misconfigured for a password in plain text, for a name that Debezium's lists would cut in two, and for tables whose
    topics would have the same name.
    """
    if not re.fullmatch(r"\$\{[^{}]+\}", source.password_reference):
        raise Misconfigured(
            f"source {source.name}: password_reference must be a reference that Connect resolves, such as "
            "${directory:/secrets:his.password}; a password itself never enters a connector's configuration",
        )
    for table in source.tables:
        _refuse_names(source, table)
    refuse_colliding_topics(source)


def _refuse_names(source: CaptureSource, table: CapturedTable) -> None:
    for name in (table.name, *table.columns):
        if re.search(r"[\s,;:\\]", name):
            raise Misconfigured(
                f"source {source.name}, table {table.name}: the name {name!r} has a space, comma, semicolon, colon or backslash, "
                "which Debezium's lists cannot carry; rename it, or capture a generated column instead",
            )
    if table.role not in _WITHOUT_VISIT and not table.visit_key and not table.header:
        raise Misconfigured(f"source {source.name}, table {table.name}: a {table.role.value} table needs a visit key or a header")
    if table.role is TableRole.LOOKUP and table.lookup is None:
        raise Misconfigured(f"source {source.name}, table {table.name}: a lookup table needs a lookup name")
    keys = (*table.key, *table.visit_key, *table.header, *table.named_by)
    if missing := [column for column in keys if column not in table.columns]:
        raise Misconfigured(f"source {source.name}, table {table.name}: key columns {missing} are not among the captured columns")


def _selection(source: CaptureSource) -> dict[str, str]:
    tables = sorted(source.tables, key=lambda table: _ORDER.index(table.role))
    return {
        "table.include.list": ",".join(re.escape(table.name) for table in tables),
        "column.include.list": ",".join(re.escape(f"{table.name}.{column}") for table in tables for column in table.columns),
        "message.key.columns": ";".join(f"{re.escape(table.name)}:{','.join(table.key)}" for table in tables),
    }


def _metrics(topics: Topics) -> dict[str, str]:
    """Tells the metrics of two sites' captures apart: in one worker of Connect the second one of a name is never registered, and
    waits for that while it says RUNNING.
    """
    return {"custom.metric.tags": f"site={topics.prefix}"} if topics.prefix else {}


def _heartbeat(source: CaptureSource, topics: Topics, *, profile: DatabaseProfile, connect: ConnectSettings) -> dict[str, str]:
    options = {
        "heartbeat.interval.ms": str(connect.heartbeat_interval_ms),
        "topic.heartbeat.prefix": topics.heartbeat_prefix,
    }
    if source.heartbeat_table is not None:
        options["heartbeat.action.query"] = profile.heartbeat_query(source.heartbeat_table)
    return options


def _signals(source: CaptureSource, topics: Topics, *, connect: ConnectSettings) -> dict[str, str]:
    return {
        "signal.enabled.channels": "kafka",
        "signal.kafka.topic": topics.signals,
        "signal.kafka.bootstrap.servers": connect.bootstrap_servers,
        "signal.poll.interval.ms": "1000",
        "signal.kafka.groupId": topics.signal_group(source.name),
        **{f"signal.consumer.{option}": value for option, value in connect.signal_consumer.items()},
        "notification.enabled.channels": "sink,log",
        "notification.sink.topic.name": topics.notifications,
    }


def _history(source: CaptureSource, topics: Topics, *, connect: ConnectSettings) -> dict[str, str]:
    """Where a connector keeps what tables looked like. A statement that it cannot read ends the capture: passed over, it could be
    the one that gives the columns of a captured table another order.
    """
    if not source.kind.keeps_history:
        return {}
    return {
        "schema.history.internal.kafka.topic": topics.schema_history(source.name),
        "schema.history.internal.kafka.bootstrap.servers": connect.bootstrap_servers,
        "schema.history.internal.store.only.captured.tables.ddl": "true",
        "schema.history.internal.skip.unparseable.ddl": "false",
        **{
            f"schema.history.internal.{client}.{option}": value
            for client in ("consumer", "producer")
            for option, value in connect.signal_consumer.items()
        },
    }


_Steps: TypeAlias = Mapping[str, Mapping[str, str]]
"""Options by the name of a transform or predicate."""


def _routing(source: CaptureSource, topics: Topics) -> dict[str, str]:
    rows = [table for table in source.tables if table.role is not TableRole.LOOKUP]
    lookups = [table for table in source.tables if table.role is TableRole.LOOKUP]
    parts = (_rows(source, rows, topics=topics), _separate(source, lookups, topics=topics))
    transforms = {name: options for steps, _ in parts for name, options in steps.items()}
    predicates = {name: options for _, conditions in parts for name, options in conditions.items()}
    return {**_listed("transforms", transforms), **_listed("predicates", predicates)}


def _rows(source: CaptureSource, tables: Sequence[CapturedTable], *, topics: Topics) -> tuple[_Steps, _Steps]:
    """All rows of the source in one topic with one partition: in the order of its log."""
    if not tables:
        return {}, {}
    names = [table_topic(source, table) for table in tables]
    route = {
        "type": "org.apache.kafka.connect.transforms.RegexRouter",
        "regex": _any_of(names),
        "replacement": topics.rows(source.name),
        "predicate": "rows",
    }
    return {"rows": route}, {"rows": _matching(names)}


def _separate(source: CaptureSource, tables: Sequence[CapturedTable], *, topics: Topics) -> tuple[_Steps, _Steps]:
    """Each lookup in a topic of its own.

    A TRUNCATE has no key, and a compacted topic refuses that: the connector would stop. Hoisted, it has one: `{"row": null}`.
    """
    if not tables:
        return {}, {}
    names = [table_topic(source, table) for table in tables]
    hoist = {"type": "org.apache.kafka.connect.transforms.HoistField$Key", "field": "row", "predicate": "lookups"}
    routes = {
        f"lookup{number}": {
            "type": "org.apache.kafka.connect.transforms.RegexRouter",
            "regex": re.escape(name),
            "replacement": topics.lookup(f"{table.lookup}"),
        }
        for number, (name, table) in enumerate(zip(names, tables, strict=True), start=1)
    }
    return {"hoist": hoist, **routes}, {"lookups": _matching(names)}


def _matching(names: Iterable[str]) -> dict[str, str]:
    return {"type": _MATCHES, "pattern": _any_of(names)}


def _any_of(names: Iterable[str]) -> str:
    """Longest first: RegexRouter replaces what fits first, and a table's name may begin with another's."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _listed(kind: str, entries: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Connect's way to write a list of named things: the names in order, then `kind.name.option`."""
    flat = {kind: ",".join(entries)} if entries else {}
    return flat | {f"{kind}.{name}.{option}": value for name, options in entries.items() for option, value in options.items()}
