"""Orders to a running connector and what it says of them: reading rows of a table again. Pure.

Debezium takes an order from one topic and answers in another. That it says COMPLETED proves nothing: a table that it did not find,
or could not read, is completed too. So each table's own notice counts, and the rows themselves.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from connector.contract import CapturedTable, CaptureSource

_DONE: Final = ("SUCCEEDED", "EMPTY")


class Stage(StrEnum):
    """How far a reading is, as Debezium names it."""

    STARTED = "STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    SCANNED = "TABLE_SCAN_COMPLETED"
    COMPLETED = "COMPLETED"
    ABORTED = "ABORTED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a connector said about a reading."""

    order: str
    """The id of the order. Where a second order comes meanwhile, Debezium says the second's."""
    stage: Stage
    table: str | None
    """Of a table that was scanned to its end: which."""
    rows: int
    """Of such a table: the rows that were read."""
    status: str
    """Of such a table, in Debezium's word."""

    @property
    def done(self) -> bool:
        """Whether the table was read to its end."""
        return self.stage is Stage.SCANNED and self.status in _DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The rows of one reading, counted by everybody who had to do with them."""

    counted: int
    """That the database had when it was asked, just before the order."""
    scanned: int
    """That Debezium says it has read."""
    arrived: int
    """That arrived in the topic as read on demand."""
    changed: int
    """Changes of the table that arrived meanwhile: each may be a row more, a row less, or one that was not sent twice."""
    emptied: bool
    """Whether the table was emptied by TRUNCATE meanwhile."""

    @property
    def proved(self) -> bool:
        """Whether all rows that the database had have arrived: as many, or fewer by no more than changes came meanwhile, where
        those are fewer than the rows. What Debezium says it has read proves nothing: a part that it read twice counts twice.
        """
        missing = self.counted - self.arrived
        return not self.emptied and (missing <= 0 or missing <= self.changed < self.counted)


def order(order_id: str, source: CaptureSource, table: CapturedTable, *, where: str | None) -> tuple[bytes, bytes]:
    """Key and value of the order to read a table again. where: a condition in SQL; None for all rows."""
    name = re.escape(table.name)
    conditions = {} if where is None else {"additional-conditions": [{"data-collection": name, "filter": f"({where})"}]}
    told = {"id": order_id, "type": "execute-snapshot", "data": {"type": "incremental", "data-collections": [name], **conditions}}
    return source.name.encode(), json.dumps(told, ensure_ascii=False).encode()


def notice_of(value: bytes | None) -> Notice | None:
    """What a notification says about a reading; None for one about something else."""
    try:
        told = json.loads(value or b"null")
        stage, more = Stage(told["type"]), told.get("additional_data") or {}
        order_id = f"{told['id']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if told.get("aggregate_type") != "Incremental Snapshot":
        return None
    rows = f"{more.get('total_rows_scanned', '')}"
    return Notice(
        order=order_id,
        stage=stage,
        table=more.get("scanned_collection"),
        rows=int(rows) if rows.isdigit() else 0,
        status=f"{more.get('status', '')}",
    )
