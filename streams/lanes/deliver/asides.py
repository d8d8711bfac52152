"""What is aside in one partition: institutions whose records wait for them alone, and how each catches up with the lane.

An institution that is held for a cause of its own gets a place of its own behind the lane (`aside.Aside`, in the lane's mark). The
lane's plans go on without its records. Between them the institution gets plans of its own, one at a time: first the one that it was
set aside in, under the ids that it has, then what came behind. It is one of the others again when nothing of it is left. The lane
posts one batch after the other, so none of this is at the same time as anything else.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from streams.domain.ready import recalls_in
from streams.domain.records import ReadyRecord
from streams.lanes.context import LaneContext
from streams.lanes.deliver.aside import MOST_GROWN_BYTES, Aside, bytes_of
from streams.lanes.deliver.aside_changes import Stands, released
from streams.lanes.deliver.aside_telling import AsideTelling
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.flood_guard import Tally
from streams.lanes.deliver.held_cause import PAUSED, TOPIC_GONE
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.pausing import Pausing
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.planning import Planning
from streams.lanes.deliver.renewed import Renewed
from streams.lanes.deliver.reopened import reopened_aside
from streams.lanes.deliver.rereading import Gone, Rereading
from streams.lanes.deliver.settling import Settling
from streams.lanes.marks import DeliverMark
from streams.lanes.ports import TopicPartition
from streams.lanes.steering import LOOK_S

_NEARLY: Final = 500
"""With so few records left the lane waits for an institution, or it would never catch up under steady traffic."""
_AGAIN_S: Final = 1.0
_LATE_S: Final = 30.0


class AsideOwner(Protocol):
    """The lane. Only it commits."""

    @property
    def mark(self) -> DeliverMark:
        """What the last transaction said."""

    @property
    def offset(self) -> int:
        """What the last transaction said."""

    async def save_mark(self, mark: DeliverMark) -> None:
        """Commit another mark, and nothing else."""

    async def deliver_aside(self, run: Settling) -> None:
        """Deliver a plan of an institution that is aside, and commit what it leads to."""


class Asides:
    """The institutions that are aside in one partition."""

    def __init__(  # noqa: PLR0913 - the surroundings of a lane
        self,
        at: TopicPartition,
        shared: DeliverShared,
        *,
        context: LaneContext,
        owner: AsideOwner,
        planning: Planning,
        orphans: Orphans,
        renewed: Renewed,
        pausing: Pausing,
        log: Any,
    ) -> None:
        self._at = at
        self._shared = shared
        self._broker = context.broker
        self._owner = owner
        self._planning = planning
        self._orphans = orphans
        self._renewed, self._looked = renewed, 0
        self._pausing = pausing
        self._clock = context.clock
        self._telling = AsideTelling(again_s=shared.settings.alarm_every_s, clock=self._clock, outcomes=context.outcomes, log=log)
        self._rereading: dict[str, Rereading] = {}
        self._opened = ""
        self._standing: set[str] = set()
        self._flowing: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._late_since: dict[str, float] = {}

    # When ------------------------------------------------------------------------------------------------------------------------

    @property
    def wait_s(self) -> float | None:
        """In how long there may be something to do; None where nothing is aside."""
        now, waits = self._clock(), []
        for name, entry in self._owner.mark.aside.items():
            if name not in self._standing and (self._has_work(name, entry) or self._owner.mark.plan is None):
                waits.append(max(self._shared.health.wait_s(name), self._not_before.get(name, now) - now))
            else:
                waits.append(self._shared.settings.alarm_every_s)
        return min(waits, default=None)

    @property
    def finishing(self) -> bool:
        """Whether the lane opens no plan before one that catches up has done so."""
        return any(name in self._flowing and entry.waiting <= _NEARLY for name, entry in self._owner.mark.aside.items())

    async def work(self) -> None:
        """Give each institution whose turn it is one plan; more to one that has nearly caught up."""
        if self._looked != self._renewed.times:  # what an institution stands for may be needless
            self._looked = self._renewed.times
            self._standing.clear()
        for name in tuple(self._owner.mark.aside):
            while await self._advance(name) and self.finishing and self._owner.mark.plan is None:
                continue

    def _has_work(self, name: str, entry: Aside) -> bool:
        return entry.plan is not None or entry.number < self._owner.mark.seq or bool(self._orphans.free(1, of=name))

    async def _advance(self, name: str) -> bool:
        """Deliver the next plan of an institution. False where it is not its turn, or it is held."""
        entry, health = self._owner.mark.aside.get(name), self._shared.health
        if entry is None:
            return False
        self._telling.still(name, entry, health)
        if name in self._standing or self._clock() < self._not_before.get(name, 0.0):
            return False
        if not self._has_work(name, entry):
            self._flowing.discard(name)
            await self._caught_up(name, entry)
            return False
        if not health.probe(name):
            self._flowing.discard(name)
            return False
        try:
            return await self._deliver(name, entry)
        except Stands as stands:
            await self._stand(name, stands)
        except Gone as gone:
            await self._missing(name, gone)
        finally:
            health.leave(name)
        self._flowing.discard(name)
        return False

    async def _wait(self, name: str, entry: Aside) -> bool:
        """A person paused what is next of it: it goes on when that is resumed."""
        self._flowing.discard(name)
        self._not_before[name] = self._clock() + LOOK_S
        mark = self._owner.mark
        if entry.plan is None and not entry.is_paused:
            await self._owner.save_mark(replace(mark, aside={**mark.aside, name: replace(entry, cause=PAUSED)}))
        return False

    async def _stand(self, name: str, stands: Stands) -> None:
        self._standing.add(name)
        mark = self._owner.mark
        self._telling.stand(name, mark.aside[name], why=stands.why, remedy=stands.remedy)
        await self._owner.save_mark(replace(mark, aside={**mark.aside, name: replace(mark.aside[name], cause=stands.cause)}))

    async def _missing(self, name: str, gone: Gone) -> None:
        """What waits must be read again. A broker may be late with it; else nobody knows it any more but its rows."""
        now = self._clock()
        since = self._late_since.setdefault(name, now)
        self._rereading.pop(name, None)
        self._not_before[name] = now + _AGAIN_S
        if not gone.at_end or now - since > _LATE_S:
            why = f"record {gone.number} of {self._at.topic}-{self._at.partition} waits for {name}, and the topic does not hold it"
            remedy = "bring the topic back, or report its rows anew: docs/operations.md, institutions aside"
            await self._stand(name, Stands(why, remedy, TOPIC_GONE))

    # One plan --------------------------------------------------------------------------------------------------------------------

    async def _deliver(self, name: str, entry: Aside) -> bool:
        plan = entry.plan
        if self._pausing.holds(name, entry):
            return await self._wait(name, entry)
        if plan is not None and plan.cut != self._shared.cut and entry.may_be_cut_anew:
            entry, plan = replace(entry, plan=None, whole=False, fresh=False), None
        if plan is not None and self._renewed:
            entry = await self._anew(name, entry, plan)
            plan = entry.plan
        if plan is None:
            waiting = await self._next(name, entry)
            if not waiting:
                await self._caught_up(name, replace(entry, number=self._owner.mark.seq, offset=self._owner.offset))
                return False
            if not (records := self._pausing.before(waiting)):
                return await self._wait(name, entry)
            if (opened := await self._open(name, entry, records)) is None:
                return False
            entry = opened
        else:
            records = await self._records(name, entry, plan)
            own = [one for one in records if one.institution == name]
            if plan.quiet and len(self._pausing.before(own)) < len(own):
                return await self._wait(name, entry)
        self._late_since.pop(name, None)
        await self._owner.deliver_aside(self._run(name, entry, records))
        return name in self._flowing

    async def _anew(self, name: str, entry: Aside, plan: Plan) -> Aside:
        """Its place where some of its plan was made anew."""
        mark, records = self._owner.mark, await self._records(name, entry, plan)
        anew = reopened_aside(entry, records, name, planning=self._planning, renewed=self._renewed)
        if anew != entry:
            self._rereading.pop(name, None)
            await self._owner.save_mark(replace(mark, aside={**mark.aside, name: anew}))
        return anew

    async def _next(self, name: str, entry: Aside) -> Sequence[ReadyRecord]:
        free = self._orphans.free(self._planning.most, of=name)
        return free or await self._reader(name, entry).first(self._planning.most, before=self._owner.mark.seq)

    async def _open(self, name: str, entry: Aside, records: Sequence[ReadyRecord]) -> Aside | None:
        """Commit a plan of these records; None where the plans of the others leave no room for it in the mark."""
        mark, of_orphans = self._owner.mark, bool(self._orphans.free(1, of=name))
        plan = self._planning.open(records, last_plan=mark.last_plan, of_orphans=of_orphans)
        entry = replace(entry, plan=plan, whole=False, fresh=False, skipped=0)
        aside = {**mark.aside, name: entry}
        if bytes_of(aside) > MOST_GROWN_BYTES:
            self._not_before[name] = self._clock() + _AGAIN_S
            self._flowing.discard(name)
            return None
        await self._owner.save_mark(replace(mark, last_plan=plan.id, aside=aside))
        self._opened = plan.id
        return entry

    async def _records(self, name: str, entry: Aside, plan: Plan) -> Sequence[ReadyRecord]:
        if plan.of_orphans:
            records = self._orphans.free(plan.size, of=name)
        elif entry.whole:
            records = await self._reader(name, entry).whole(plan.size)
        else:
            records = await self._reader(name, entry).first(plan.size, before=self._owner.mark.seq)
        if len(records) < plan.size or records[-1].offset != plan.last_offset:
            raise Gone(entry.number, at_end=False)
        return records

    def _reader(self, name: str, entry: Aside) -> Rereading:
        if name not in self._rereading:
            self._rereading[name] = Rereading(self._broker, self._at, name, number=entry.number, offset=entry.offset)
        return self._rereading[name]

    def _run(self, name: str, entry: Aside, records: Sequence[ReadyRecord]) -> Settling:
        plan = entry.plan
        assert plan is not None
        restored, self._opened = not plan.quiet and plan.id != self._opened, ""
        return Settling(
            plan=replace(plan, quiet=False),
            records=records,
            recalls=recalls_in(records),
            restored=restored,
            tally=Tally(in_a_row=entry.refused_in_a_row),
            size=plan.size,
            institution=name,
            whole=entry.whole,
            skipped=entry.skipped,
        )

    # Afterwards ------------------------------------------------------------------------------------------------------------------

    async def _caught_up(self, name: str, entry: Aside) -> None:
        """Nothing of it waits: it is one of the others again, if no plan is under way that goes without it."""
        mark = self._owner.mark
        if mark.plan is None:
            mark = released(mark, name)
        elif entry != mark.aside[name]:
            mark = replace(mark, aside={**mark.aside, name: entry})
        else:
            return
        await self._owner.save_mark(mark)
        self.look()

    def delivered(self, run: Settling) -> None:
        """A plan of it was delivered and committed, or it is held again."""
        name = run.institution
        if (laid := run.laid.get(name)) is not None:
            self._rereading.pop(name, None)
            self._flowing.discard(name)
            self._telling.held(name, self._owner.mark.aside[name], laid.held)
            return
        self._flowing.add(name)
        if run.whole:
            self._rereading.pop(name, None)
        elif name in self._rereading and not run.plan.of_orphans:
            self._rereading[name].drop(run.records[-1].number + 1)
        self.look()

    def look(self) -> None:
        """Tell who is set aside and who is not any more, after a transaction."""
        aside = self._owner.mark.aside
        self._telling.look(aside, self._shared.health)
        for gone in [name for name in (*self._rereading, *self._flowing) if name not in aside]:
            self._rereading.pop(gone, None)
            self._flowing.discard(gone)
