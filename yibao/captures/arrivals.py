"""What comes into the topics while a table is read again: Debezium's notices about it, the rows, and changes of the table."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.contract import CapturedTable, CaptureSource, Op, table_of
from connector.signals import Notice, Stage, Tally, notice_of
from streams.domain.absent import Seen
from streams.domain.images import text_of
from streams.domain.keys import VisitKey
from streams.errors import Rejected
from streams.mapping import Site
from streams.mapping.linking import direct_visit_keys, further_roles


@dataclass(slots=True, kw_only=True)
class Rows:
    """The rows of a table that came into its topic since a reading began."""

    table: CapturedTable
    visit_key: VisitKey | None
    """Of a table whose rows name their visit themselves; None of any other."""
    seen: Seen = field(default_factory=Seen)

    def came(self, envelope: Mapping[str, Any]) -> None:
        """Take a row, whatever was done to it. One whose key cannot be read counts as one that did not come."""
        names = () if self.visit_key is None else self.visit_key.columns
        if (row := columns_of(envelope, (*self.table.key, *names))) is not None:
            visit = "" if self.visit_key is None else self.visit_key.of(row)
            self.seen.add([f"{row[name]}" for name in self.table.key], visit)


def columns_of(envelope: Mapping[str, Any], names: Sequence[str]) -> dict[str, str | None] | None:
    """Some columns of the row that a message of capture is about; None where they cannot be read."""
    image = envelope.get("before") if envelope.get("op") == Op.DELETE else envelope.get("after")
    with suppress(Rejected):
        return {name: text_of(image.get(name)) for name in names} if isinstance(image, dict) else None
    return None


def rows_of(site: Site, source: CaptureSource, table: CapturedTable) -> Rows:
    """None came yet."""
    keys, further = direct_visit_keys(site), further_roles(site).get((source.name, table.name), ())
    return Rows(
        table=table, visit_key=next((keys[at] for name in (table.name, *further) if (at := (source.name, name)) in keys), None)
    )


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """What came since the first order."""

    rows: Rows
    """What came of the table that is read."""
    orders: list[str] = field(default_factory=list)
    """Ids of the orders that were given."""
    told_of: int = 0
    """Notices of Debezium about one of these orders."""
    failed: dict[str, str] = field(default_factory=dict)
    """The orders that came to nothing, and why."""
    end: Notice | None = None
    """What Debezium said at the end; None before."""
    arrived: int = 0
    """Rows that were read and stand in the topic."""
    changed: int = 0
    """Changes of the table that came meanwhile."""
    emptied: bool = False
    """Whether the table was emptied meanwhile."""

    def tally(self, counted: int) -> Tally:
        scanned = 0 if self.end is None else self.end.rows
        return Tally(counted=counted, scanned=scanned, arrived=self.arrived, changed=self.changed, emptied=self.emptied)

    @property
    def _name(self) -> str:
        return self.rows.table.name

    def told(self, value: bytes | None) -> None:
        """Take a notification. While two orders are under way, Debezium names the later one; so the end of the table counts under
        any name, once an order of ours has begun. That a reading failed, or ended without the table, is remembered by its order.
        """
        notice = notice_of(value)
        if notice is None:
            return
        of_table = notice.stage is Stage.SCANNED and notice.table == self._name
        if notice.order not in self.orders:
            if self.told_of and of_table and notice.done:
                self.end = self.end or notice
            return
        self.told_of += 1
        if of_table and notice.done:
            self.end = self.end or notice
        elif of_table:
            self._fails(notice.order, f"Debezium says {notice.status} of {self._name}; the log of its Connect worker says why")
        elif notice.stage in (Stage.ABORTED, Stage.SKIPPED) or (notice.stage is Stage.COMPLETED and self.end is None):
            self._fails(notice.order, f"Debezium says {notice.stage.value} and nothing of {self._name}")

    @property
    def failure(self) -> str:
        """Why the newest order came to nothing; `""` while that is not said, or the table was read all the same."""
        return "" if self.end is not None or not self.orders else self.failed.get(self.orders[-1], "")

    def _fails(self, order: str, why: str) -> None:
        self.failed.setdefault(order, why)

    def came(self, value: bytes | None) -> None:
        """Count a row."""
        envelope = orjson.loads(value or b"null")
        source = envelope.get("source") if isinstance(envelope, dict) else None
        if not isinstance(source, dict) or "yibao" in envelope or table_of(source) != self._name:
            return
        self.rows.came(envelope)
        if envelope.get("op") == Op.READ:
            self.arrived += source.get("snapshot") == "incremental"
        elif envelope.get("op") == Op.TRUNCATE:
            self.emptied = True
        else:
            self.changed += 1
