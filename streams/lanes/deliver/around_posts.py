"""What a lane commits around its POSTs: that the partition is still its own, that a node is refused, that nothing is in doubt."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn, Protocol

from streams.deliver.verdict import Held
from streams.lanes.context import LaneContext
from streams.lanes.deliver.held_cause import MSGID_MEMORY, cause_of
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.settling import Settling
from streams.lanes.marks import DeliverMark
from streams.lanes.settings import DeliverSettings


class Committing(Protocol):
    """The lane."""

    fenced_at: float

    @property
    def mark(self) -> DeliverMark:
        """What the last transaction said."""

    async def save_mark(self, mark: DeliverMark) -> None:
        """Commit another mark, and nothing else."""

    async def stand(self, why: str, *, remedy: str, cause: str) -> NoReturn:
        """Hold the lane until the worker is restarted with another setting."""


class AroundPosts:
    """The plan that is posted now, and what its state in the mark is.

    run: of that plan, once there was one.
    """

    def __init__(self, lane: Committing, settings: DeliverSettings, *, context: LaneContext, wall_ms: Callable[[], int]) -> None:
        self.run: Settling | None = None
        self._lane = lane
        self._settings = settings
        self._context = context
        self._wall_ms = wall_ms

    @property
    def of_aside(self) -> bool:
        """Whether the plan is one of an institution that is aside."""
        return self.run is not None and bool(self.run.institution)

    async def confirm(self, unknown_since: int | None) -> None:
        """Before each POST: hold the lane where the platform may have forgotten an unknown outcome, and renew an ownership that is
        old.
        """
        lane, settings, plan = self._lane, self._settings, self._plan
        if plan is not None and unknown_since is not None and settings.msgid_memory_s:
            age_s = (self._wall_ms() - unknown_since) // 1000
            if age_s > settings.msgid_memory_s:
                await lane.stand(
                    f"plan {plan.id}: an outcome is unknown for {age_s} s, longer than the platform remembers a msgid",
                    remedy="ask the platform whether it has the msgids of this plan; if not, restart this worker with "
                    "platform.msgid_memory_s above that age (docs/operations.md: holds)",
                    cause=MSGID_MEMORY,
                )
        if plan is not None and plan.quiet:
            await lane.save_mark(self.marked(replace(plan, quiet=False)))
        while self._context.clock() - lane.fenced_at > settings.lease_s:
            began = self._context.clock()
            self._context.outcomes.count("lease_renewed")
            await lane.save_mark(lane.mark)
            if self._context.clock() - began <= self._context.settings.doubt_s:
                break  # else it was frozen in this very commit, and may have been replaced since

    async def note_held(self, held: Held, *, quiet: bool, repeated: bool) -> None:
        """Commit why the lane is held. quiet: and that nothing of the plan is in doubt, so that an owner after this one need not
        fear that the platform forgot it, however long the hold lasts. Not while an acceptance waits for its commit. repeated: and
        that the platform says "repeated" to what was posted once, so that an owner after this one takes that for no acceptance.
        """
        plan, run = self._plan, self.run
        if plan is None or run is None:
            return
        quiet = quiet and not run.decisions and run.unknown_since is None
        # What was set aside just now may be in doubt, and only the plan says so until that is committed.
        quiet = quiet and all(name in self._lane.mark.aside for name in run.laid)
        run.plan = replace(run.plan, repeated=run.plan.repeated or repeated)
        mark = self.marked(replace(plan, quiet=plan.quiet or quiet, repeated=run.plan.repeated))
        mark = mark if run.institution else replace(mark, why=cause_of(held))
        if mark != self._lane.mark:
            await self._lane.save_mark(mark)

    def standing(self, cause: str) -> DeliverMark:
        """The mark of a lane that stands: nothing of the plan is in doubt where all that was posted since the last commit was
        answered with "nothing taken". It is where the lane stands because of an answer that did not come.
        """
        plan, run, mark = self._plan, self.run, self._lane.mark
        if cause == MSGID_MEMORY:
            return mark
        if plan is None or run is None or run.unknown_since is not None or any(one.accepted for one in run.decisions):
            return mark
        return self.marked(replace(plan, quiet=True)) if all(name in mark.aside for name in run.laid) else mark

    @property
    def _plan(self) -> Plan | None:
        mark, run = self._lane.mark, self.run
        return mark.aside[run.institution].plan if run is not None and run.institution else mark.plan

    def marked(self, plan: Plan) -> DeliverMark:
        """The mark with another state of the plan."""
        mark, run = self._lane.mark, self.run
        if run is None or not run.institution:
            return replace(mark, plan=plan)
        entry = mark.aside[run.institution]
        return replace(mark, aside={**mark.aside, run.institution: replace(entry, plan=plan)})
