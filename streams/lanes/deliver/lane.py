"""The deliver stage's lane: one plan after the other, each written down before its first POST.

A plan of n records is cut the same way for ever. A batch that begins at the i-th record is node 2i; the halves of a refused batch
have nodes of their own, so one bit per node holds every refusal. What became of a plan's records is committed portion by portion,
in the order of its batches; that of the last portion, the offset behind the plan and the next plan are one transaction.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

from streams.domain.batch.cut import split_oversize
from streams.domain.changes import Incoming
from streams.domain.ready import decode, number_of, recalls_in
from streams.domain.records import DeadLetter, ReadyRecord
from streams.errors import Fatal, Rejected
from streams.lanes.buffer import Buffer, Flow
from streams.lanes.context import LaneContext
from streams.lanes.deliver import letters
from streams.lanes.deliver.delivery import DeliverShared, Delivery
from streams.lanes.deliver.flood_guard import Tally
from streams.lanes.deliver.holding import Behind, Hold
from streams.lanes.deliver.orphans import Changed, Orphans
from streams.lanes.deliver.plan import Plan, open_plan
from streams.lanes.deliver.posting import Posting
from streams.lanes.deliver.settling import Settling, dead_send
from streams.lanes.deliver.strangers import Strangers
from streams.lanes.exits import Exit
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
        self._run: Settling | None = None
        self._hold = Hold(
            self._behind, again_s=shared.settings.alarm_every_s, clock=context.clock, wall_ms=shared.wall_ms, log=self.log
        )
        self._posting = Posting(
            shared.platform,
            shared.settings,
            outcomes=context.outcomes,
            wall_ms=shared.wall_ms,
            confirm=self._confirm,
            quiet=self._note_quiet,
            hold=self._hold,
        )
        self._orphans = Orphans(TopicPartition(shared.topics.orphans, at.partition), at)
        self._delivery = Delivery(at, shared, self._posting, owner=self, orphans=self._orphans, outcomes=context.outcomes)

    # Records in ------------------------------------------------------------------------------------------------------------------

    def claims(self, committed: Committed) -> Sequence[Claim]:
        return (Claim(at=self.at, end=committed.offset, id=deliver_mark(committed.metadata).log),)

    async def restore(self, committed: Committed) -> Buffer[ReadyRecord]:
        mark, self._offset = deliver_mark(committed.metadata), committed.offset
        self._mark = replace(mark, log=self.ids.get(self.at.topic, mark.log))
        self._strangers = Strangers(self.context.broker, self._shared.topics, self.at, committed.offset)
        self._restored = self._mark.plan is not None and not self._mark.plan.quiet
        if self._mark.plan is not None:
            self.context.outcomes.count("plan_restored")
        await self._orphans.restore(self.context.broker, self._mark.orphans)
        if self._orphans:
            refused, waiting = self._orphans.counts
            self.log.warning("orphans_restored", refused=refused, waiting=waiting)
        return Buffer(self._mark.seq, lambda record: record.number, clock=self.context.clock)

    def sort(self, records: Sequence[Incoming]) -> Sequence[ReadyRecord]:
        assert self.buffer is not None
        numbered = []
        for message in records:
            try:
                number_of(message.headers)
            except Rejected:
                if self._strangers.put(message):
                    self.buffer.nudge()
                continue
            try:
                numbered.append(decode(message))
            except Rejected as exc:
                raise Fatal(f"{message.topic}-{message.partition} offset {message.offset} has a number, but {exc}") from exc
        return numbered

    # Plans -----------------------------------------------------------------------------------------------------------------------

    async def step(self) -> None:
        assert self.buffer is not None
        if (plan := self._mark.plan) is None:
            await self._open()
            return
        finished = 0 if plan.of_orphans else plan.size
        await self.buffer.have(finished)
        records = self._records(plan)
        self._check(plan, records)
        recalls = recalls_in(records)
        run = self._run = Settling(
            plan=replace(plan, quiet=False),
            records=records,
            recalls=recalls,
            restored=self._restored,
            tally=Tally(in_a_row=self._mark.refused_in_a_row),
            size=plan.size - len(recalls),
        )
        await self._delivery.deliver(run)
        # At most one transaction per linger; what comes meanwhile becomes the next plan.
        await self._gather(finished, self.fenced_at + self.context.settings.linger_s)
        await self._turn(finished, run)
        self._restored = False

    def _records(self, plan: Plan) -> Sequence[ReadyRecord]:
        assert self.buffer is not None
        return self._orphans.free(plan.size) if plan.of_orphans else self.buffer.first(plan.size)

    async def _open(self) -> None:
        """Open a plan when there is none."""
        assert self.buffer is not None
        while not len(self.buffer) and not self._orphans.free(1) and not await self._strangers.may_pass(self.buffer.want):
            await self.buffer.pause(_ASK_AGAIN_S if len(self._strangers) else None)
        await self._gather(0, self.next_turn())
        await self._turn(0, None)

    async def _gather(self, finished: int, until: float) -> None:
        """Wait until `until` for the next plan's records; longer while they are late, because fuller batches bring a backlog
        through sooner.
        """
        assert self.buffer is not None
        if self.full:
            return  # nothing is fetched before something is let go of
        settings, following = self._shared.settings, self.buffer.behind(finished)
        if following is not None and self._shared.wall_ms() - following.committed_at > settings.late_s * 1000:
            until = max(until, self.context.clock() + settings.late_linger_s)
        await self.buffer.gather(min(finished + settings.max_plan, self.context.settings.high), until)

    def _check(self, plan: Plan, records: Sequence[ReadyRecord]) -> None:
        if len(records) < plan.size or records[-1].offset != plan.last_offset:
            raise Fatal(
                f"plan {plan.id} of {self.at.topic}-{self.at.partition} ends at offset {plan.last_offset}, but its last record "
                f"stands at {records[-1].offset if records else 'none'}: the topic does not hold what it held",
                exit_code=Exit.HOLE,
            )

    async def _turn(self, finished: int, run: Settling | None) -> None:
        """Commit one transaction: what became of the finished records, the messages without a number, the offset, the next plan."""
        assert self.buffer is not None
        seen = self.buffer.first(finished + self._shared.settings.max_plan)
        following = seen[finished:]
        behind = seen[finished - 1].offset + 1 if finished else self._offset
        offset = following[0].offset if following else self._strangers.end(behind)
        passed = self._strangers.before(offset)
        changed = self._settled(run, recalls=run.recalls if run else ())
        dead = [*(run.dead if run else ()), *changed.dead, *map(letters.foreign, passed)]
        plan = self._plan(following)
        mark = DeliverMark(
            seq=self._mark.seq + finished,
            last_plan=plan.id if plan else self._mark.last_plan,
            refused_in_a_row=run.tally.in_a_row if run else self._mark.refused_in_a_row,
            plan=plan,
            orphans=self._orphans.counts,
            log=self._mark.log,
        )
        await self._save([*self._sends(run, dead), *changed.sends], offset=offset, mark=mark)
        self._strangers.drop(len(passed))
        self._count(run, dead, changed)
        if run is not None:
            self.context.outcomes.count("plan")
        self.done(finished)

    async def settle_portion(self, run: Settling) -> None:
        """Commit what became of a portion of the plan. The offset stays where it is until the whole plan is settled."""
        changed = self._settled(run)
        dead = [*run.dead, *changed.dead]
        mark = replace(self._mark, plan=run.plan, refused_in_a_row=run.tally.in_a_row, orphans=self._orphans.counts)
        await self._save([*self._sends(run, dead), *changed.sends], offset=self._offset, mark=mark)
        self._count(run, dead, changed)
        run.committed()

    def _settled(self, run: Settling | None, *, recalls: Sequence[ReadyRecord] = ()) -> Changed:
        """What becomes of parents and orphans with a portion. recalls: of the plan, with its last one."""
        if run is None:
            return Changed()
        return self._orphans.settle(run.decisions, run.left, failed_at=run.plan.opened_at * 1000, recalls=recalls)

    def _sends(self, run: Settling | None, dead: Sequence[DeadLetter]) -> list[Send]:
        return [*(run.receipts if run else ()), *(dead_send(letter, self._shared.topics) for letter in dead)]

    def _plan(self, following: Sequence[ReadyRecord]) -> Plan | None:
        """The next plan: of orphans that may go now, else of what follows in the partition."""
        settings = self._shared.settings
        free = self._orphans.free(min(settings.max_plan, settings.portion))
        records = free or following
        if not records:
            return None
        now = datetime.fromtimestamp(self._shared.wall_ms() // 1000, UTC).astimezone(self._shared.zone)
        plan = open_plan(records, last_plan=self._mark.last_plan, partition=self.at.partition, now=now, cut=self._shared.cut)
        if free:
            return replace(plan, of_orphans=True)
        _, too_large = split_oversize(records, self._shared.limits)
        left = self._orphans.left_out(records, never_sent=too_large)
        return plan.leave_out(left) if left else plan

    # Ownership -------------------------------------------------------------------------------------------------------------------

    async def note_refusal(self, run: Settling) -> None:
        """Commit a refusal before its halves are posted or its dead letter is written."""
        await self._save((), offset=self._offset, mark=replace(self._mark, plan=run.plan))

    async def _save(self, sends: Sequence[Send], *, offset: int, mark: DeliverMark) -> None:
        await self.commit(sends, Committed(offset=offset, metadata=mark.text()))
        self._offset, self._mark = offset, mark

    async def _confirm(self, unknown_since: int | None) -> None:
        """Before each POST: hold the lane where the platform may have forgotten an unknown outcome, and renew an ownership that is
        old.
        """
        settings, plan = self._shared.settings, self._mark.plan
        if plan is not None and unknown_since is not None and settings.msgid_memory_s:
            age_s = (self._shared.wall_ms() - unknown_since) // 1000
            if age_s > settings.msgid_memory_s:
                await self.stand(
                    f"plan {plan.id}: an outcome is unknown for {age_s} s, longer than the platform remembers a msgid",
                    remedy="ask the platform whether it has the msgids of this plan; if not, restart this worker with "
                    "platform.msgid_memory_s above that age (docs/operations.md: holds)",
                )
        if plan is not None and plan.quiet:
            await self._save((), offset=self._offset, mark=replace(self._mark, plan=replace(plan, quiet=False)))
        while self.context.clock() - self.fenced_at > settings.lease_s:
            began = self.context.clock()
            self.context.outcomes.count("lease_renewed")
            await self._save((), offset=self._offset, mark=self._mark)
            if self.context.clock() - began <= self.context.settings.doubt_s:
                break  # else it was frozen in this very commit, and may have been replaced since

    async def _note_quiet(self) -> None:
        """Commit that nothing of the plan is in doubt, so that an owner after this one need not fear that the platform forgot it,
        however long the hold lasts. Not while an acceptance waits for its commit.
        """
        plan, run = self._mark.plan, self._run
        if plan is not None and not plan.quiet and run is not None and not run.decisions and run.unknown_since is None:
            await self._save((), offset=self._offset, mark=replace(self._mark, plan=replace(plan, quiet=True)))

    @property
    def held(self) -> str:
        """Why it waits for somebody."""
        return self._hold.why

    def _behind(self) -> Behind:
        """What waits for the plan under way."""
        plan = self._mark.plan
        if plan is None or self.buffer is None:
            return Behind(in_hand=self.in_hand)
        records = self._records(plan)
        return Behind(
            in_hand=self.in_hand,
            plan=plan.id,
            of_plan=plan.size,
            institutions=tuple(sorted({record.institution for record in records})),
            oldest_at=min((record.committed_at for record in records), default=None),
        )

    async def stand(self, why: str, *, remedy: str) -> NoReturn:
        """Hold the lane until the worker is restarted with another setting. It says so again and again, and posts and commits
        nothing.
        """
        while True:
            self._hold.stand(why, remedy=remedy)
            await asyncio.sleep(self._shared.settings.alarm_every_s)

    # Outcomes --------------------------------------------------------------------------------------------------------------------

    def _count(self, run: Settling | None, dead: Sequence[DeadLetter], changed: Changed) -> None:
        outcomes = self.context.outcomes
        for what, amount in changed.counts.items():
            outcomes.count("orphan", amount, label=what)
        for letter in dead:
            outcomes.count("dead_letter", label=letter.dead_class.value)
        if run is not None:
            outcomes.count("accepted", run.tally.accepted)
            outcomes.count("batch_accepted", len(run.receipts))
