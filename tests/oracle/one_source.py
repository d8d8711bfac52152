"""Place and join of one source, the product's own, with a state in memory."""

from dataclasses import replace
from typing import Any

import orjson

from connector.contract import DatabaseKind
from streams.domain.absent import Comparison, Seen
from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING, Last
from streams.domain.ticks import tick_value
from streams.mapping import Site, compile_site
from tests.oracle.flow import GRACE_MS, LIMITS, PARTITIONS, Partition
from tests.oracle.lanes import PlaceLane
from tests.oracle.messages import Kind, Message


def joiner_of(site: Site) -> Joiner:
    """Of a site on which a visit of two lines is a long one."""
    mappings = compile_site(site)
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS), lines_a_change=1, few_lines=1, many_lines=3)
    return Joiner(mappings, limits, zone=next(iter(mappings.values())).dialect.zone)


class Stages:
    """site: of one source."""

    def __init__(self, site: Site, placer: Placer) -> None:
        self.site = site
        (self.source,) = site.mappings
        self.key_of = {table.table: table.key[0] for table in site.mappings[self.source].tables}
        self.told: list[tuple[str, str, str, Any]] = []
        last_in: dict[tuple[str, str], bytes] = {}
        self.partitions = [Partition(self.told, last_in, joiner_of(site)) for _ in range(PARTITIONS)]
        self.lane = PlaceLane(self.source, placer, partitions=PARTITIONS)
        self.lasts: dict[str, Last] = {}

    def take(self, value: bytes, at: int) -> None:
        incoming = Incoming("rows", 0, 0, self._key(value), value, (), at)
        for one in self.lane.fold(incoming):
            self.partitions[one.partition].take(Message(kind=Kind.ROW, at=at, value=value), one, None)

    def take_of(self, table: str, value: bytes, at: int) -> None:
        """Of one of two tables: each is written by a statement of its own, so that the delete and the create of a changed key stand
        one behind the other in its log, whatever stands between them here.
        """
        going, last = self.lane._going, self.lasts.get(table, NOTHING.last)
        self.lane._going = going._replace(last=last)
        self.take(value, at)
        self.lasts[table] = self.lane._going.last

    def tick(self, at: int) -> None:
        for _ in range(100):
            self.take(tick_value(at), at)
            if not any(partition.left for partition in self.partitions):
                return
        raise AssertionError("ticks never end")

    def absent(self, table: str, seen: Seen, at: int) -> list[bytes]:
        """What a reading of a whole table has not found."""
        comparison = Comparison(self.source, DatabaseKind.POSTGRESQL, table, (self.key_of[table],), seen)
        entries = [entry for partition in self.partitions for entry in partition.entries.items()]
        found = [one for entry in entries if (one := comparison.of_join(*entry)) is not None]
        moved = {one.key: one.visit for one in found if one.moved}
        found += [one for entry in entries if (one := comparison.arrived(*entry, moved)) is not None]
        return [comparison.message(one, at=at) for one in found]

    def change_workers(self) -> None:
        for partition in self.partitions:
            partition.joiner = joiner_of(self.site)
        self.lane.take_over()

    def _key(self, value: bytes) -> bytes:
        """As capture makes it: the row's key columns."""
        message = orjson.loads(value)
        if message.get("op", "t") == "t":
            return b"{}"
        said, row = message["source"], message["after"] or message["before"]
        name = self.key_of[f"{said['schema']}.{said['table']}"]
        return orjson.dumps({name: row[name]})
