"""The deliver stage's lane: one plan after the other, each written down before its first POST.

A plan of n records is cut the same way for ever. A batch that begins at the i-th record is node 2i; the halves of a refused batch
have nodes of their own, so one bit per node holds every refusal. What became of a plan's records is committed part by part, in
the order of its batches; that of the last part, the offset behind the plan and the next plan are one transaction.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from itertools import zip_longest
from typing import NoReturn

from connector.contract import Topics
from streams.deliver.verdict import Accepted, Refused
from streams.domain.batch.cut import Batch, CutLimits, cut, first_part, halves, split_oversize
from streams.domain.batch.msgid import MSGID_CHARS, msgid
from streams.domain.changes import Incoming
from streams.domain.ready import decode, number_of
from streams.domain.records import DeadLetter, ReadyRecord
from streams.errors import Fatal, Rejected
from streams.lanes.buffer import Buffer, Flow
from streams.lanes.deliver import letters
from streams.lanes.deliver.flood_guard import Tally, verdict_of
from streams.lanes.deliver.letters import Refusing
from streams.lanes.deliver.posting import Decided, Posting, Posts
from streams.lanes.deliver.settling import Settling, dead_send
from streams.lanes.deliver.strangers import Strangers
from streams.lanes.exits import Exit
from streams.lanes.lane import Lane, LaneContext
from streams.lanes.marks import DeliverMark, Plan, deliver_mark, open_plan
from streams.lanes.ports import Committed, Send, TopicPartition
from streams.lanes.settings import DeliverSettings

_ASK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverParts:
    """What the deliver lanes of a process share. wall_ms: milliseconds since the epoch. zone: of the site, for msgids."""

    topics: Topics
    platform: Posts
    limits: CutLimits
    settings: DeliverSettings
    wall_ms: Callable[[], int]
    zone: tzinfo

    @property
    def cut(self) -> str:
        """Mark of all that a plan's msgids depend on: with another, the same content would go out under other ids."""
        chars = self.settings.msgid_chars
        return self.limits.mark if chars == MSGID_CHARS else f"{self.limits.mark}-{chars}"


class DeliverLane(Lane[ReadyRecord]):
    """Numbers are the `seq` of `visit.ready`, whose offsets have holes."""

    def __init__(self, at: TopicPartition, generation: int, *, context: LaneContext, flow: Flow, parts: DeliverParts) -> None:
        super().__init__(at, generation, context=context, flow=flow)
        self._parts = parts
        self._mark = DeliverMark(seq=0)
        self._offset = 0
        self._strangers = Strangers(context.broker, parts.topics, at, 0)
        self._restored = False
        self._posting = Posting(
            parts.platform,
            parts.settings,
            outcomes=context.outcomes,
            clock=context.clock,
            wall_ms=parts.wall_ms,
            confirm=self._confirm,
            hold=self._hold,
        )
        self._posting.log = self.log

    # Records in ------------------------------------------------------------------------------------------------------------------

    async def restore(self, committed: Committed) -> Buffer[ReadyRecord]:
        self._mark, self._offset = deliver_mark(committed.metadata), committed.offset
        self._strangers = Strangers(self.context.broker, self._parts.topics, self.at, committed.offset)
        self._restored = self._mark.plan is not None
        if self._restored:
            self.context.outcomes.count("plan_restored")
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
        await self.buffer.have(plan.size)
        records = self.buffer.first(plan.size)
        self._check(plan, records)
        tally = Tally(in_a_row=self._mark.refused_in_a_row)
        run = Settling(plan=plan, restored=self._restored, tally=tally, size=plan.size)
        await self._deliver(records, run)
        # At most one transaction per linger; what comes meanwhile becomes the next plan.
        await self._gather(plan.size, self.fenced_at + self.context.settings.linger_s)
        await self._turn(plan.size, run)
        self._restored = False

    async def _open(self) -> None:
        """Begin with a plan when there is none."""
        assert self.buffer is not None
        while not len(self.buffer) and not await self._strangers.may_pass(self.buffer.want):
            await self.buffer.pause(_ASK_AGAIN_S if len(self._strangers) else None)
        await self._gather(0, self.next_turn())
        await self._turn(0, None)

    async def _gather(self, finished: int, until: float) -> None:
        """Wait for the next plan's records until then; longer for those of a backlog, which fuller batches bring through sooner."""
        assert self.buffer is not None
        if self.full:
            return  # nothing is fetched before something is let go of
        settings, following = self._parts.settings, self.buffer.behind(finished)
        if following is not None and self._parts.wall_ms() - following.committed_at > settings.late_s * 1000:
            until = max(until, self.context.clock() + settings.late_linger_s)
        await self.buffer.gather(min(finished + settings.max_plan, self.context.settings.high), until)

    def _check(self, plan: Plan, records: Sequence[ReadyRecord]) -> None:
        if records[-1].offset != plan.last_offset:
            raise Fatal(
                f"plan {plan.id} of {self.at.topic}-{self.at.partition} ends at offset {plan.last_offset}, but its last record "
                f"stands at {records[-1].offset}: the topic does not hold what it held",
                exit_code=Exit.HOLE,
            )

    async def _turn(self, finished: int, run: Settling | None) -> None:
        """One transaction: what became of the finished records, the messages without a number, the offset, the next plan."""
        assert self.buffer is not None
        seen = self.buffer.first(finished + self._parts.settings.max_plan)
        following = seen[finished:]
        behind = seen[finished - 1].offset + 1 if finished else self._offset
        offset = following[0].offset if following else self._strangers.end(behind)
        passed = self._strangers.before(offset)
        dead = [*(run.dead if run else ()), *map(letters.foreign, passed)]
        plan = self._plan(following)
        mark = DeliverMark(
            seq=self._mark.seq + finished,
            last_plan=plan.id if plan else self._mark.last_plan,
            refused_in_a_row=run.tally.in_a_row if run else self._mark.refused_in_a_row,
            plan=plan,
        )
        await self._save(self._sends(run, dead), offset=offset, mark=mark)
        self._strangers.drop(len(passed))
        self._count(run, dead)
        if run is not None:
            self.context.outcomes.count("plan")
        self.done(finished)

    async def _turn_part(self, run: Settling) -> None:
        """One transaction: what became of a part of the plan. The offset stays until all of the plan is settled."""
        mark = replace(self._mark, plan=run.plan, refused_in_a_row=run.tally.in_a_row)
        await self._save(self._sends(run, run.dead), offset=self._offset, mark=mark)
        self._count(run, run.dead)
        run.committed()

    def _sends(self, run: Settling | None, dead: Sequence[DeadLetter]) -> list[Send]:
        return [*(run.receipts if run else ()), *(dead_send(letter, self._parts.topics) for letter in dead)]

    def _plan(self, records: Sequence[ReadyRecord]) -> Plan | None:
        if not records:
            return None
        now = datetime.fromtimestamp(self._parts.wall_ms() // 1000, UTC).astimezone(self._parts.zone)
        return open_plan(records, last_plan=self._mark.last_plan, partition=self.at.partition, now=now, cut=self._parts.cut)

    # Delivery --------------------------------------------------------------------------------------------------------------------

    async def _deliver(self, records: Sequence[ReadyRecord], run: Settling) -> None:
        if run.plan.cut != self._parts.cut:
            await self._stand(
                f"plan {run.plan.id} was opened under other batch limits, and its msgids belong to that cut",
                remedy="put platform.max_chars, max_rows, encoding, encrypt and msgid_chars back, let the lag reach 0, then change",
            )
        fitting, too_large = split_oversize(records, self._parts.limits)
        batches = cut(fitting, self._parts.limits)
        if not run.plan.settled:
            await self._set_aside(too_large, run)
        while run.plan.settled < len(batches):
            part = first_part(batches[run.plan.settled :], self._parts.settings.part)
            run.begin(part)
            for batch, following in zip_longest(part, part[1:]):
                # The next one is sealed while this one is answered.
                for soon in filter(None, (batch, following)):
                    if not run.plan.is_refused(soon.node):
                        self._parts.platform.prepare(soon, self._msgid(soon, soon.node, run))
                await self._settle(batch.node, batch, run)
            run.plan = run.plan.settle(run.plan.settled + len(part))
            if run.plan.settled < len(batches):
                await self._turn_part(run)

    async def _set_aside(self, too_large: Sequence[ReadyRecord], run: Settling) -> None:
        for record in too_large:
            run.dead.append(letters.oversize(record, topic=self.at.topic, failed_at=run.plan.opened_at * 1000))
            await self._refuse_one(run)

    def _msgid(self, batch: Batch, node: int, run: Settling) -> str:
        return msgid(batch.institution, run.plan.id, node, chars=self._parts.settings.msgid_chars)

    async def _settle(self, node: int, batch: Batch, run: Settling) -> None:
        """Find out for each record of a batch whether the platform takes it."""
        message_id = self._msgid(batch, node, run)
        decided = None
        if not run.plan.is_refused(node):
            decided = await self._posting.decide(batch, message_id, unknown_since=run.unknown_since)
            if isinstance(decided.verdict, Accepted):
                run.accept(batch, decided, msgid=message_id, topics=self._parts.topics)
                return
            await self._record_refusal(node, run)
        if len(batch.records) == 1:
            refusing = self._refusing(decided, msgid=message_id, run=run)
            run.dead.append(letters.rejected(batch.records[0], refusing, topic=self.at.topic))
            await self._refuse_one(run)
            return
        for half_node, half in halves(node, batch):
            await self._settle(half_node, half, run)

    async def _record_refusal(self, node: int, run: Settling) -> None:
        """Write a refusal down before anything follows from it: this node is never posted again."""
        self.context.outcomes.count("batch_refused")
        run.plan = run.plan.refuse(node)
        await self._save((), offset=self._offset, mark=replace(self._mark, plan=run.plan))

    def _refusing(self, decided: Decided | None, *, msgid: str, run: Settling) -> Refusing:
        if decided is None:
            return Refusing(verdict=None, msgid=msgid, attempts=1, failed_at=run.plan.opened_at * 1000)
        assert isinstance(decided.verdict, Refused)
        return Refusing(verdict=decided.verdict, msgid=msgid, attempts=decided.attempts, failed_at=decided.decided_at)

    async def _refuse_one(self, run: Settling) -> None:
        """Count one record on its way to the dead letters; none of the plan's is written before the guard agreed."""
        run.tally.refuse()
        if why := verdict_of(run.tally, self._parts.settings.flood_guard, size=run.size):
            await self._stand(
                why,
                remedy="find out what is at fault: mapping, key, platform; if the records are, set deliver.flood_guard "
                "to {ratio: 1, in_a_row: 0} and restart this worker: they become dead letters",
            )

    # Ownership -------------------------------------------------------------------------------------------------------------------

    async def _save(self, sends: Sequence[Send], *, offset: int, mark: DeliverMark) -> None:
        await self.commit(sends, Committed(offset=offset, metadata=mark.text()))
        self._offset, self._mark = offset, mark

    async def _confirm(self, unknown_since: int | None) -> None:
        """Before each POST: is this still our partition, and does the platform still remember what may have reached it?"""
        settings, plan = self._parts.settings, self._mark.plan
        if plan is not None and unknown_since is not None and settings.msgid_memory_s:
            age_s = (self._parts.wall_ms() - unknown_since) // 1000
            if age_s > settings.msgid_memory_s:
                await self._stand(
                    f"plan {plan.id}: an outcome is unknown for {age_s} s, longer than the platform remembers a msgid",
                    remedy="ask the platform whether it has the msgids of this plan; if not, restart this worker with "
                    "platform.msgid_memory_s above that age (docs/operations.md: holds)",
                )
        if self.context.clock() - self.fenced_at > settings.lease_s:
            self.context.outcomes.count("lease_renewed")
            await self._save((), offset=self._offset, mark=self._mark)

    def _hold(self, why: str) -> None:
        self.held = why

    async def _stand(self, why: str, *, remedy: str) -> NoReturn:
        """Stand until the worker is restarted with another setting. Says so again and again; posts and commits nothing."""
        self._hold(why)
        while True:
            self.log.error("lane_stands", why=why, remedy=remedy, plan=self._mark.plan and self._mark.plan.id)
            await asyncio.sleep(self._parts.settings.alarm_every_s)

    # Outcomes --------------------------------------------------------------------------------------------------------------------

    def _count(self, run: Settling | None, dead: Sequence[DeadLetter]) -> None:
        outcomes = self.context.outcomes
        for letter in dead:
            outcomes.count("dead_letter", label=letter.dead_class.value)
        if run is not None:
            outcomes.count("accepted", run.tally.accepted)
            outcomes.count("batch_accepted", len(run.receipts))
