"""The deliver stage's lane: one plan after the other, each written down before its first POST.

A plan of n records is cut the same way for ever. A batch that begins at the i-th record is node 2i; the halves of a refused batch
have nodes of their own, so one bit per node holds every refusal. What became of a plan's records is committed portion by portion,
in the order of its batches; that of the last portion, the offset behind the plan and the next plan are one transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from streams.domain.changes import Incoming
from streams.domain.records import ReadyRecord
from streams.lanes.buffer import Buffer, Flow
from streams.lanes.context import LaneContext
from streams.lanes.deliver import letters
from streams.lanes.deliver.around_posts import AroundPosts
from streams.lanes.deliver.aside import lowest
from streams.lanes.deliver.aside_changes import AsideChanges
from streams.lanes.deliver.asides import Asides
from streams.lanes.deliver.company import Company
from streams.lanes.deliver.counting import count
from streams.lanes.deliver.delivery import DeliverShared, Delivery
from streams.lanes.deliver.holding import Hold
from streams.lanes.deliver.orphan_kin import Changed
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.pausing import Pausing
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.planning import Planning
from streams.lanes.deliver.posting import Posting
from streams.lanes.deliver.refused_records import RefusedRecords
from streams.lanes.deliver.renewed import LOOK_S, Renewal, Renewed
from streams.lanes.deliver.reopened import WITHDRAWN, reopened
from streams.lanes.deliver.settling import Settling, refused_after, sends, settling, tally_in
from streams.lanes.deliver.standing import Standing
from streams.lanes.deliver.strangers import Strangers
from streams.lanes.lane import Lane
from streams.lanes.log_check import Claim
from streams.lanes.marks import DeliverMark, deliver_mark
from streams.lanes.ports import Committed, Send, TopicPartition

_ASK_AGAIN_S = 1.0


class DeliverLane(Lane[ReadyRecord]):
    """A lane whose records are numbered by the `seq` of `visit.ready`; the offsets there have holes."""

    def __init__(self, at: TopicPartition, generation: int, *, context: LaneContext, flow: Flow, shared: DeliverShared) -> None:
        super().__init__(at, generation, context=context, flow=flow)
        self._shared = shared
        self._mark = DeliverMark(seq=0)
        self._offset = 0
        self._strangers = Strangers(context.broker, shared.topics, at, 0)
        self._restored = False
        self._opened = ""
        self._posts = AroundPosts(self, shared.settings, context=context, wall_ms=shared.wall_ms)
        self._renewed = Renewed(context.broker, shared.topics, at, clock=context.clock)
        self._standing = Standing(self, self._posts, self._renewed, shared.settings, clock=context.clock)
        self._hold = self._standing.hold = Hold(
            self._standing.behind, again_s=shared.settings.alarm_every_s, clock=context.clock, wall_ms=shared.wall_ms, log=self.log
        )
        self._posting = Posting(
            shared.platform,
            shared.settings,
            health=shared.health,
            outcomes=context.outcomes,
            wall_ms=shared.wall_ms,
            confirm=self._posts.confirm,
            note=self._posts.note_held,
            hold=self._hold,
            until_open=context.steering.until_open,
        )
        self._orphans = Orphans(TopicPartition(shared.topics.orphans, at.partition), at)
        self._refused = RefusedRecords(TopicPartition(shared.topics.orphans, at.partition))
        self._planning = Planning(at, shared, self._orphans, self._renewed)
        self._pausing = Pausing(context.steering, self._orphans, wall_ms=shared.wall_ms)
        self._company = Company(at, shared.topics, shared.settings, context)
        self._changes = AsideChanges(self, self._orphans, wall_ms=shared.wall_ms)
        self._asides = Asides(
            at,
            shared,
            context=context,
            owner=self,
            planning=self._planning,
            orphans=self._orphans,
            renewed=self._renewed,
            pausing=self._pausing,
            log=self.log,
        )
        self._delivery = Delivery(
            at,
            shared,
            self._posting,
            owner=self,
            asides=self._changes,
            orphans=self._orphans,
            renewed=self._renewed,
            outcomes=context.outcomes,
        )

    def claims(self, committed: Committed) -> Sequence[Claim]:
        return (Claim(at=self.at, end=committed.offset, id=deliver_mark(committed.metadata).log),)

    async def restore(self, committed: Committed) -> Buffer[ReadyRecord]:
        mark, self._offset = deliver_mark(committed.metadata), committed.offset
        self._mark = replace(mark, log=self.ids.get(self.at.topic, mark.log))
        self._strangers = Strangers(self.context.broker, self._shared.topics, self.at, committed.offset)
        self._restored = self._mark.plan is not None and not self._mark.plan.quiet
        self.context.outcomes.count("plan_restored", int(self._mark.plan is not None))
        await self._orphans.restore(self.context.broker, self._mark.orphans)
        await self._refused.restore(self.context.broker)
        plans = [self._mark.plan, *(entry.plan for entry in self._mark.aside.values())]
        await self._renewed.restore(*self.first, needed=any(plan is not None and plan.left for plan in plans))
        if self._orphans:
            refused, waiting = self._orphans.counts
            self.log.warning("orphans_restored", refused=refused, waiting=waiting)
        self._shared.health.suspect(name for name, entry in self._mark.aside.items() if not entry.is_paused)
        return Buffer(self._mark.seq, lambda record: record.number, clock=self.context.clock)

    def sort(self, records: Sequence[Incoming]) -> Sequence[ReadyRecord]:
        assert self.buffer is not None
        numbered, are_new = self._strangers.sort(records)
        if are_new:
            self.buffer.nudge()
        return numbered

    async def step(self) -> None:
        assert self.buffer is not None
        if self._mark.aside:
            await self._renewed.look(*self.first)
            await self._asides.work()
        if (plan := self._mark.plan) is None:
            await self._open()
            return
        finished = 0 if plan.of_orphans else plan.size
        await self.buffer.have(finished)
        self._planning.check(plan, records := self.records_of(plan))
        own = plan.id == self._opened
        if (anew := reopened(self._mark, records, own=own, planning=self._planning, renewed=self._renewed)) is not None:
            self.context.outcomes.count(WITHDRAWN, int(anew.plan is None))
            await self.save_mark(anew)
            self._restored = self._restored and anew.plan is not None
            return
        run = self._posts.run = settling(plan, records, restored=self._restored, tally=tally_in(self._mark))
        try:
            await self._delivery.deliver(run)
        except Renewal:
            self._restored = self._mark.plan is not None and not self._mark.plan.quiet
            return
        # At most one transaction per linger; what comes meanwhile becomes the next plan.
        await self._gather(finished, self.fenced_at + self.context.settings.linger_s)
        await self._turn(finished, run)
        self._restored = False

    def records_of(self, plan: Plan) -> Sequence[ReadyRecord]:
        """The records of the plan under way that are in hand."""
        assert self.buffer is not None
        return self._orphans.freed_for(plan.size, plan.last_offset) if plan.of_orphans else self.buffer.first(plan.size)

    async def _open(self) -> None:
        """Open a plan when there is none."""
        assert self.buffer is not None
        while not self._has_next and not await self._strangers.may_pass(self.buffer.want):
            if (wait_s := self._asides.wait_s) is not None and wait_s <= 0:
                return
            waits = [*([_ASK_AGAIN_S] if len(self._strangers) else ()), *([wait_s, LOOK_S] if wait_s is not None else ())]
            await self.buffer.pause(min(waits, default=None))
            if self._mark.aside and await self._renewed.look(*self.first):
                return
        if self._pausing.blocks(self._mark.aside, self.buffer.first(self._shared.settings.max_plan)):
            await asyncio.sleep(_ASK_AGAIN_S)
            return
        await self._gather(0, self.next_turn())
        await self._turn(0, None)

    @property
    def _has_next(self) -> bool:
        return bool(self.buffer) or bool(self._orphans.free(1, but=self._mark.aside))

    async def _gather(self, finished: int, until: float) -> None:
        """Wait until `until` for the next plan's records; longer while they are late (`streams.lanes.deliver.company`)."""
        assert self.buffer is not None
        if self.full:
            return  # nothing is fetched before something is let go of
        count = min(finished + self._shared.settings.max_plan, self.context.settings.high)
        first, now_ms = self.buffer.behind(finished), self._shared.wall_ms()
        await self._company.gather(self.buffer, count, until=until, first=first, now_ms=now_ms)

    async def _turn(self, finished: int, run: Settling | None) -> None:
        """Commit one transaction: what became of the finished records, the messages without a number, the offset, the next plan."""
        assert self.buffer is not None
        following = (seen := self.buffer.first(finished + self._shared.settings.max_plan))[finished:]
        behind = seen[finished - 1].offset + 1 if finished else self._offset
        offset = following[0].offset if following else self._strangers.end(behind)
        passed = self._strangers.before(offset)
        await self._renewed.look(*self.first)
        aside = self._changes.laid(self._mark, run)
        changed = self._settled(run, recalls=[one for one in run.recalls if one.institution not in aside] if run else ())
        dead = [*(run.dead if run else ()), *changed.dead, *map(letters.foreign, passed)]
        aside = self._changes.passed(aside, seen[:finished], seq=self._mark.seq + finished, offset=offset)
        last_plan, plan, rows = self._mark.last_plan, None, (run.tally if run else tally_in(self._mark)).rows
        if not (self._asides.finishing or self._pausing.blocks(aside, following)):
            aside = self._pausing.aside(aside, following, seq=self._mark.seq + finished, offset=offset, rows=rows)
            plan = self._planning.following(following, last_plan=last_plan, but=aside)
        mark = DeliverMark(
            seq=self._mark.seq + finished,
            last_plan=plan.id if plan else last_plan,
            **refused_after(run, self._mark, but=aside),
            plan=plan,
            orphans=self._orphans.counts,
            log=self._mark.log,
            aside=aside,
        )
        await self._save(sends(run, dead, changed, self._shared.topics), offset=offset, mark=mark)
        self._opened = plan.id if plan else ""
        self._strangers.drop(len(passed))
        count(self.context.outcomes, run, dead, changed)
        self._asides.look()
        if run is not None:
            self.context.outcomes.count("plan")
        self.done(finished)

    async def settle_portion(self, run: Settling, *, finished: bool = False) -> None:
        """Commit what became of a portion of the plan; the offset stays. finished: it is the last one, of an institution aside."""
        recalls = [one for one in run.recalls if one.institution == run.institution] if finished else ()
        changed = self._settled(run, recalls=recalls)
        dead = [*run.dead, *changed.dead]
        mark = replace(self._mark, orphans=self._orphans.counts)
        if run.institution:
            mark = self._changes.settled(mark, run, finished=finished)
        else:
            aside = self._changes.laid(self._mark, run)
            mark = replace(mark, plan=run.plan, aside=aside, why="", **refused_after(run, self._mark, but=aside))
        await self._save(sends(run, dead, changed, self._shared.topics), offset=self._offset, mark=mark)
        count(self.context.outcomes, run, dead, changed)
        self._asides.look()
        run.committed()

    def _settled(self, run: Settling | None, *, recalls: Sequence[ReadyRecord] = ()) -> Changed:
        """What becomes of parents and orphans with a portion. recalls: of the plan, with its last one."""
        if run is None:
            return Changed()
        at = run.plan.opened_at * 1000
        changed = self._orphans.settle(run.decisions, run.left, failed_at=at, recalls=recalls, renewed=self._renewed)
        self._refused.settle(run, changed, at=self._shared.wall_ms(), recalls=recalls)
        return changed

    # Ownership -------------------------------------------------------------------------------------------------------------------

    async def note_refusal(self, run: Settling) -> None:
        """Commit a refusal before its halves are posted or its dead letter is written."""
        mark = self._posts.marked(run.plan)
        if run.institution:
            self._changes.fits(mark)
        await self.save_mark(mark)

    async def save_mark(self, mark: DeliverMark) -> None:
        """Commit another mark, and nothing else."""
        await self._save((), offset=self._offset, mark=mark)

    async def _save(self, sends: Sequence[Send], *, offset: int, mark: DeliverMark) -> None:
        await self.commit(sends, Committed(offset=offset, metadata=mark.text()))
        self._offset, self._mark = offset, mark

    @property
    def first(self) -> tuple[int, int]:
        """Number and offset of the first record that may wait."""
        aside = self._mark.aside.values()
        return lowest(aside, self._mark.seq), min([self._offset, *(entry.offset for entry in aside)])

    @property
    def mark(self) -> DeliverMark:
        """What the last transaction said."""
        return self._mark

    @property
    def offset(self) -> int:
        """What the last transaction said."""
        return self._offset

    async def deliver_aside(self, run: Settling) -> None:
        """Deliver a plan of an institution that is aside, and commit what it leads to."""
        self._posts.run = run
        await self._delivery.deliver(run)
        laid = run.laid.get(run.institution)
        if laid is not None and not laid.batch and not laid.skipped:
            run.committed()  # what fits into no envelope is found again with the first batch
            run.tally.in_a_row = self._mark.aside[run.institution].refused_in_a_row
        await self.settle_portion(run, finished=laid is None)
        self._asides.delivered(run)

    @property
    def held(self) -> str:
        """Why it waits for somebody."""
        return self._hold.why

    async def stand(self, why: str, *, remedy: str, cause: str) -> NoReturn:
        """Hold the lane until the worker is restarted with another setting (`streams.lanes.deliver.standing`)."""
        await self._standing.stand(why, remedy=remedy, cause=cause)
