"""The sample hospital's changes as capture writes them, whole envelopes included, without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connector.contract import CapturedTable, TableRole
from sandbox.hospital import Change, Verb, Workload, reference_rows
from sandbox.hospital.images import image
from streams.domain.place.partitions import partition_of
from streams.domain.records import Header
from streams.mapping import Site, capture_sources, load_site

SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample" / "site.yaml"
_OPS = {Verb.INSERT: "c", Verb.UPDATE: "u", Verb.DELETE: "d"}
_BEGIN = datetime(2025, 6, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of capture."""

    topic: str
    """Without the site's prefix."""
    partition: int
    """0 for lookups."""
    key: bytes
    value: bytes
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the rounds are fed with."""

    lookups: Sequence[Message]
    changes: Sequence[Message]
    partitions: int


def hospital_messages(visits: int, *, partitions: int, seed: int = 1) -> tuple[list[Message], list[Message]]:
    """(rows of lookups, changes of visits, settlements and fee lines), each in the order of commits."""
    capture = _Capture(load_site(SAMPLE), partitions)
    for table, row in reference_rows():
        capture.take(Change(table=table, verb=Verb.INSERT, row=row), at=_BEGIN)
    for transaction in Workload(visits=visits, seed=seed):
        for change in transaction.changes:
            capture.take(change, at=transaction.at)
    return capture.lookups, capture.changes


def rows_topic(prefix: str = "") -> str:
    """Where capture writes the rows of the sample hospital's visits."""
    site = load_site(SAMPLE)
    (source,) = site.sources
    return prefix + site.topics.rows(source)


def as_rows(changes: Sequence[Message]) -> list[Message]:
    """The same changes as capture writes them: in one partition, in the order of the hospital's log."""
    topic = rows_topic()
    return [replace(change, topic=topic, partition=0) for change in changes]


class _Capture:
    """Renders changes with images before and after, as a table with full replica identity gives them."""

    def __init__(self, site: Site, partitions: int) -> None:
        (source,) = capture_sources(site)
        self.lookups: list[Message] = []
        self.changes: list[Message] = []
        self._source = source.name
        self._topics = site.topics
        self._tables: Mapping[str, CapturedTable] = {table.name: table for table in source.tables}
        self._partitions = partitions
        self._images: dict[tuple[str, Any], dict[str, Any]] = {}
        self._lsn = 26_000_000

    def take(self, change: Change, *, at: datetime) -> None:
        table = self._tables[change.table.name]
        after = {name: value for name, value in image(change.table, change.row).items() if name in table.columns}
        place = change.table.name, change.key
        before = self._images.get(place)
        deleted = change.verb is Verb.DELETE
        self._images[place] = after
        value = self._envelope(change, before=after if deleted else before, after=None if deleted else after, at=at)
        key = orjson.dumps({name: after[name] for name in (*table.visit_key, *table.key)})
        if table.role is TableRole.LOOKUP:
            assert table.lookup is not None
            self.lookups.append(Message(topic=self._topics.lookup(table.lookup), partition=0, key=key, value=value))
        else:
            partition = partition_of(f"{after[table.visit_key[0]]}", self._partitions)
            self.changes.append(Message(topic=self._topics.changes, partition=partition, key=key, value=value))

    def _envelope(self, change: Change, *, before: Any, after: Any, at: datetime) -> bytes:
        self._lsn += 184
        ms = int(at.timestamp() * 1000)
        schema, _, table = change.table.name.partition(".")
        return orjson.dumps(
            {
                "before": before,
                "after": after,
                "source": {
                    "version": "3.5.0.Final",
                    "connector": "postgresql",
                    "name": self._source,
                    "ts_ms": ms,
                    "snapshot": "false",
                    "db": "his",
                    "sequence": f'["{self._lsn - 184}","{self._lsn}"]',
                    "ts_us": ms * 1000,
                    "ts_ns": ms * 1_000_000,
                    "schema": schema,
                    "table": table,
                    "txId": self._lsn // 700,
                    "lsn": self._lsn,
                    "xmin": None,
                },
                "transaction": None,
                "op": _OPS[change.verb],
                "ts_ms": ms + 90,
                "ts_us": (ms + 90) * 1000,
                "ts_ns": (ms + 90) * 1_000_000,
            }
        )
