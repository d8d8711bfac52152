"""A plan: a run of records that is cut the same way for ever, as it stands in the deliver lane's mark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from streams.domain.batch.msgid import next_plan, plan_id, stamp_of
from streams.domain.records import ReadyRecord
from streams.lanes.mark_text import foreign, number_in, refuse_others

_MEMBERS: Final = frozenset({"n", "to", "id", "no", "t", "c", "b", "x", "q", "o", "r"})


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
    left: int = 0
    """Records that are left out of its batches, one bit each by their place: what they belong to is refused. Committed before
    their batch is posted, so that it never has two contents."""
    quiet: bool = False
    """Whether none of its requests is unanswered, and none is under way: what was posted since the last commit was answered with
    "nothing taken". Committed while the lane is held, and taken back before the next POST."""
    repeated: bool = False
    """Whether the platform said "repeated" to the first POST of one of its msgids. Whoever goes on with it takes no such answer for
    a POST of our own."""
    of_orphans: bool = False
    """Whether its records are orphans that may go now, and not those at the offset."""

    def is_refused(self, node: int) -> bool:
        """Whether the platform refused this node. Such a node is never posted again."""
        return bool(self.refused >> node & 1)

    def refuse(self, node: int) -> "Plan":
        """The plan with one refusal more."""
        return replace(self, refused=self.refused | 1 << node)

    def leave_out(self, places: int) -> "Plan":
        """The plan with these records left out, too."""
        return replace(self, left=self.left | places)

    def settle(self, batches: int) -> "Plan":
        """The plan with its first batches settled."""
        return replace(self, settled=batches)

    def document(self) -> dict[str, object]:
        """As it is committed within the mark."""
        said: dict[str, object] = {
            "n": self.size,
            "to": self.last_offset,
            "id": self.id,
            "no": format(self.refused, "x"),
            "t": self.opened_at,
            "c": self.cut,
        }
        if self.settled:
            said["b"] = self.settled
        if self.left:
            said["x"] = format(self.left, "x")
        if self.quiet:
            said["q"] = 1
        if self.repeated:
            said["r"] = 1
        if self.of_orphans:
            said["o"] = 1
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whose plans a lane opens."""

    site: str
    """The mark that the site's topics are bound with."""
    partition: int
    """The lane's partition."""
    cut: str
    """Mark of the limits that its plans are cut by."""


def open_plan(records: Sequence[ReadyRecord], by: Opening, *, last_plan: str, now: datetime) -> Plan:
    """A plan of these records, later than the partition's last one (`""`: there was none). now: aware."""
    stamp = next_plan(stamp_of(last_plan) if last_plan else None, now)
    return Plan(
        size=len(records),
        last_offset=records[-1].offset,
        id=plan_id(stamp, by.partition, site=by.site),
        refused=0,
        opened_at=int(now.timestamp()),
        cut=by.cut,
    )


def plan_in(plan: object) -> Plan:
    """The plan in a mark. Raises Fatal where it is none of ours, Newer where a later version wrote it."""
    if not isinstance(plan, dict):
        raise foreign()
    refuse_others(plan, _MEMBERS)
    try:
        refused = int(plan["no"], 16)
        left = int(plan.get("x", "0"), 16)
        plan_id, cut = f"{plan['id']}", f"{plan['c']}"
    except (KeyError, TypeError, ValueError) as exc:
        raise foreign() from exc
    return Plan(
        size=number_in(plan, "n"),
        last_offset=number_in(plan, "to"),
        id=plan_id,
        refused=refused,
        opened_at=number_in(plan, "t"),
        cut=cut,
        settled=number_in(plan, "b") if "b" in plan else 0,
        left=left,
        quiet="q" in plan,
        repeated="r" in plan,
        of_orphans="o" in plan,
    )
