"""What becomes of a plan under way some of whose records were made anew. Pure.

Where the platform has nothing of it, and cannot have, it is withdrawn: its records get plans of their own. Otherwise what may have
been posted is finished under the msgids that it has. That is all of a plan that was taken over: how much of it an earlier owner
posted before it committed is its own affair. An owner knows of its own plan that nothing behind the portion under way was posted.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from streams.domain.records import ReadyRecord
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.planning import Planning
from streams.lanes.deliver.renewed import Renewed
from streams.lanes.marks import DeliverMark

WITHDRAWN: Final = "plan_withdrawn"
"""Outcome: a plan of which the platform has nothing was withdrawn."""


def reopened(
    mark: DeliverMark, records: Sequence[ReadyRecord], *, own: bool, planning: Planning, renewed: Renewed
) -> DeliverMark | None:
    """The mark without the lane's plan, or with more left out of it; None where it stays as it is. records: the plan's. own:
    whether nobody else posted any of it.
    """
    plan, needless = mark.plan, renewed.needless(records)
    if plan is None or plan.of_orphans or not needless:
        return None
    if plan.quiet and not plan.settled and not any(entry.whole for entry in mark.aside.values()):
        of = {record.institution for record in needless}
        rows = {name: row for name, row in mark.rows.items() if name not in of}
        return replace(mark, plan=None, refused_in_a_row=0, rows=rows, why="")
    left = planning.left_since(plan, records) if own else 0
    return replace(mark, plan=plan.leave_out(left)) if left else None


def reopened_aside(
    entry: Aside, records: Sequence[ReadyRecord], institution: str, *, planning: Planning, renewed: Renewed
) -> Aside:
    """Its place without its plan, of an institution that is aside, or as it is. records: of the plan; where that is one of the
    lane, those of all institutions.
    """
    plan, own = entry.plan, [one for one in records if one.institution == institution]
    if plan is None or plan.of_orphans or not renewed.needless(own):
        return entry
    if not plan.quiet or entry.skipped:
        return entry
    settled = planning.settled_of(plan, records, institution) if entry.whole else plan.settled
    if settled or (entry.whole and planning.has_too_large(own)):  # which of these have letters nobody knows
        return entry
    return replace(entry, plan=None, whole=False, fresh=False, refused_in_a_row=0)
