"""A plan of the deliver stage: what is committed before the first request is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from streams.domain.batch.msgid import next_plan, plan_id, stamp_of
from streams.domain.records import ReadyRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run of records that is cut the same way for ever and posted under ids that follow from it."""

    size: int
    """How many records it has."""
    last_offset: int
    """Offset of its last record."""
    id: str
    """What all its msgids share."""
    refused: int
    """Nodes that the platform refused, one bit each; committed before anything follows from it."""
    opened_at: int
    """Seconds since the epoch."""
    cut: str
    """Mark of the limits that it is cut by."""
    settled: int = 0
    """How many of its batches, from the first, have their receipts and dead letters. They are never posted again."""

    def is_refused(self, node: int) -> bool:
        """Whether the platform refused this node. Such a node is never posted again."""
        return bool(self.refused >> node & 1)

    def refuse(self, node: int) -> "Plan":
        """The plan with one refusal more."""
        return replace(self, refused=self.refused | 1 << node)

    def settle(self, batches: int) -> "Plan":
        """The plan with its first batches settled."""
        return replace(self, settled=batches)

    def document(self) -> dict[str, object]:
        """As it is committed within the mark."""
        settled = {"b": self.settled} if self.settled else {}
        no = format(self.refused, "x")
        return {"n": self.size, "to": self.last_offset, "id": self.id, "no": no, "t": self.opened_at, "c": self.cut, **settled}


def open_plan(records: Sequence[ReadyRecord], *, last_plan: str, partition: int, now: datetime, cut: str) -> Plan:
    """A plan of these records, later than the partition's last one (`""`: there was none). now: on the site's clock."""
    stamp = next_plan(stamp_of(last_plan) if last_plan else None, now)
    return Plan(
        size=len(records),
        last_offset=records[-1].offset,
        id=plan_id(stamp, partition),
        refused=0,
        opened_at=int(now.timestamp()),
        cut=cut,
    )
