"""One plan's delivery: cut it, post its batches in order, halve what is refused, and find out for each record what became of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NoReturn, Protocol

from connector.contract import Topics
from streams.deliver.verdict import Accepted, Refused
from streams.domain.batch.cut import CUT_VERSION, CUT_VERSIONS, Batch, CutLimits, cut, first_portion, halves, split_oversize
from streams.domain.batch.msgid import MSGID_CHARS, msgid
from streams.domain.records import ReadyRecord
from streams.lanes.deliver import letters
from streams.lanes.deliver.flood_guard import verdict_of, verdict_of_one
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.held_cause import FLOOD_GUARD, OTHER_LIMITS
from streams.lanes.deliver.letters import Refusing
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.posting import Patience, Posting, Posts
from streams.lanes.deliver.renewed import Renewed
from streams.lanes.deliver.settling import Settling
from streams.lanes.deliver.tries import Decided, SetAside
from streams.lanes.ports import TopicPartition
from streams.lanes.settings import DeliverSettings
from streams.telemetry.outcomes import Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverShared:
    """What the deliver lanes of a process share."""

    topics: Topics
    """Names of the topics."""
    platform: Posts
    """Where batches are posted."""
    limits: CutLimits
    """What one envelope can carry."""
    settings: DeliverSettings
    """What the lanes keep to."""
    health: Health
    """Which institutions are let in."""
    wall_ms: Callable[[], int]
    """Milliseconds since the epoch."""
    site: str
    """The mark that the site's topics are bound with, for msgids."""

    @property
    def cut(self) -> str:
        """Mark of all that a plan's msgids depend on: with another, the same content would go out under other ids."""
        return self._mark_of(CUT_VERSION)

    def version_of(self, plan: Plan) -> int | None:
        """In which version a plan is cut; None where it was opened under other limits, or by a later version."""
        return next((version for version in CUT_VERSIONS if self._mark_of(version) == plan.cut), None)

    def _mark_of(self, version: int) -> str:
        mark, chars = self.limits.mark_of(version), self.settings.msgid_chars
        return mark if chars == MSGID_CHARS else f"{mark}-{chars}"


class Owner(Protocol):
    """The lane whose plan is delivered. Only it commits."""

    async def settle_portion(self, run: Settling) -> None:
        """Commit what became of a portion of the plan."""

    async def note_refusal(self, run: Settling) -> None:
        """Commit that a node of the plan is refused, and what is left out because of it, before its halves or later batches are
        posted or its dead letter is written.
        """

    async def stand(self, why: str, *, remedy: str, cause: str) -> NoReturn:
        """Stand until the worker is restarted with another setting; posts nothing, and commits no more than the cause."""


class Asides(Protocol):
    """What the lane knows of institutions that are aside."""

    @property
    def names(self) -> Collection[str]:
        """Those of which nothing is posted with the lane's plans."""

    def patience(self, institution: str, run: Settling) -> Patience:
        """What is done while this institution is held."""


class Delivery:
    """What one lane does with a plan between its opening and its last transaction."""

    def __init__(  # noqa: PLR0913 - the surroundings of a lane
        self,
        at: TopicPartition,
        shared: DeliverShared,
        posting: Posting,
        *,
        owner: Owner,
        asides: Asides,
        orphans: Orphans,
        renewed: Renewed,
        outcomes: Outcomes,
    ) -> None:
        self._at = at
        self._renewed = renewed
        self._orphans = orphans
        self._shared = shared
        self._posting = posting
        self._owner = owner
        self._asides = asides
        self._outcomes = outcomes

    async def deliver(self, run: Settling) -> None:
        """Deliver a plan and commit it portion by portion. What the last portion leads to stays in `run`: the lane commits it
        together with the next plan. What of it was set aside stands in `run.laid`; of one that was aside, the rest is left.
        """
        if (version := self._shared.version_of(run.plan)) is None:
            await self._owner.stand(
                f"plan {run.plan.id} was opened under other batch limits, and its msgids belong to that cut",
                remedy="put platform.max_chars, max_rows, encoding, encrypt and msgid_chars back, let the lag reach 0, then change",
                cause=OTHER_LIMITS,
            )
        fitting, too_large = split_oversize(run.content, self._shared.limits)
        needless = self._renewed.needless(too_large)
        too_large = tuple(record for record in too_large if record not in needless)
        run.buried = {record.institution for record in too_large}
        batches = cut(fitting, self._shared.limits, version=version)
        if not (run.plan.settled or run.whole or run.skipped):
            await self._bury_oversize(too_large, run)
            run.left += self._open_of(needless, run)
        places = [place for place in range(run.plan.settled, len(batches)) if run.institution in ("", batches[place].institution)]
        while places:
            portion = [batches[place] for place in places]
            if not run.plan.of_orphans:  # those are kept until all of them are settled
                portion = list(first_portion(portion, self._shared.settings.portion))
            taken, places = places[: len(portion)], places[len(portion) :]
            run.begin(self._open(portion, run))
            await self._post(taken, batches, run)
            if run.institution and run.laid:
                return
            run.plan = run.plan.settle(taken[-1] + 1)
            if places:
                await self._owner.settle_portion(run)

    def _open(self, portion: Sequence[Batch], run: Settling) -> Sequence[Batch]:
        """What is posted of a portion: all but what is aside, or was set aside just now."""
        aside = self._asides.names
        if run.institution or not (aside or run.laid):
            return portion
        return [batch for batch in portion if batch.institution not in aside and batch.institution not in run.laid]

    async def _post(self, taken: Sequence[int], batches: Sequence[Batch], run: Settling) -> None:
        for place, next_place in zip_longest(taken, taken[1:]):
            batch, following = batches[place], None if next_place is None else batches[next_place]
            if not self._open([batch], run):
                continue
            # The next one is sealed while this one is answered.
            for soon in (run.posted(one) for one in (batch, following) if one is not None and self._open([one], run)):
                if soon.records and not run.plan.is_refused(soon.node):
                    self._shared.platform.prepare(soon, self._msgid(soon, soon.node, run))
            run.place, run.done = place, run.skipped
            if (posted := run.posted(batch)).records and (aside := await self._settle(batch.node, posted, run)) is not None:
                run.lay(place, aside, batches)
                if run.institution:
                    return
                continue
            if posted is not batch:
                sent = {record.number for record in posted.records}
                run.left += [record for record in batch.records if record.number not in sent]
        if run.laid and run.tally.refused:  # weighed again, without what is aside
            run.size = run.weight(self._open([batches[place] for place in taken], run))
            await self._weigh(run)

    def _open_of(self, records: Sequence[ReadyRecord], run: Settling) -> list[ReadyRecord]:
        """What is settled with this run of records that are not posted."""
        aside = () if run.institution else self._asides.names
        return [one for one in records if one.institution not in aside and one.institution not in run.laid]

    async def _bury_oversize(self, too_large: Sequence[ReadyRecord], run: Settling) -> None:
        for record in too_large:
            if self._open_of([record], run):
                run.refuse(record, letters.oversize(record, topic=self._at.topic, failed_at=run.plan.opened_at * 1000))
                untouched = not (run.restored or run.plan.refused)
                if await self._is_flooded(record.institution, run, may_go_aside=untouched):
                    run.lay_anew(record.institution)

    def _msgid(self, batch: Batch, node: int, run: Settling) -> str:
        return msgid(batch.institution, run.plan.id, node, chars=self._shared.settings.msgid_chars)

    async def _settle(self, node: int, batch: Batch, run: Settling) -> SetAside | None:
        """Find out for each record of a batch whether the platform takes it, or that its institution is set aside."""
        if self._is_settled(batch, run):
            return None
        message_id = self._msgid(batch, node, run)
        decided: Decided | None = None
        if not run.plan.is_refused(node):
            found = await self._posting.decide(
                batch,
                message_id,
                unknown_since=run.unknown_since,
                repeated=run.plan.repeated,
                patience=lambda: self._asides.patience(batch.institution, run),
            )
            if isinstance(found, SetAside):
                run.plan = replace(run.plan, repeated=run.plan.repeated or found.repeated)
                return found
            decided = found
            if isinstance(decided.verdict, Accepted):
                run.accept(batch, decided, msgid=message_id, topics=self._shared.topics)
                return None
            self._outcomes.count("batch_refused")
            run.plan = run.plan.refuse(node)
            if len(batch.records) == 1:
                run.plan = run.plan.leave_out(self._orphans.orphaned(batch.records[0], run.records))
            await self._owner.note_refusal(run)
        if len(batch.records) == 1:
            return await self._refuse(batch.records[0], _refusing(decided, msgid=message_id, run=run), run)
        for half_node, half in halves(node, batch):
            if (aside := await self._settle(half_node, half, run)) is not None:
                return aside
        return None

    def _is_settled(self, batch: Batch, run: Settling) -> bool:
        """Whether nothing is to be done for a batch: it was settled before, or all of it was made anew, and nobody can have posted
        it.
        """
        if 0 < len(batch.records) <= run.skipped:
            run.skipped -= len(batch.records)
            return True
        if run.unknown_since is not None or len(self._renewed.needless(batch.records)) < len(batch.records):
            return False
        run.pass_over(batch.records)
        return True

    async def _refuse(self, record: ReadyRecord, refusing: Refusing, run: Settling) -> SetAside | None:
        """A single record is refused: a dead letter, where nothing later is there of it."""
        if self._renewed.supersedes(record):
            run.pass_over([record])
            return None
        run.refuse(record, letters.rejected(record, refusing, topic=self._at.topic))
        flooded = await self._is_flooded(record.institution, run, may_go_aside=True)
        return SetAside(unknown_since=run.unknown_since, flooded=True) if flooded else None

    async def _is_flooded(self, institution: str, run: Settling, *, may_go_aside: bool) -> bool:
        """Whether one record more on its way to the dead letters makes a flood, by which its institution is set aside before any
        dead letter of the portion is written. Where it cannot be, or all of them together make one, the lane is held.
        """
        guard, why = self._shared.settings.flood_guard, ""
        if not run.institution:
            why = verdict_of_one(run.tally, institution, guard, size=run.sizes[institution])
        may_go_aside = bool(why) and may_go_aside and self._shared.health.floods(institution)
        if may_go_aside and self._asides.patience(institution, run) is Patience.LASTING:
            return True
        await self._weigh(run, why)
        return False

    async def _weigh(self, run: Settling, why: str = "") -> None:
        if why := why or verdict_of(run.tally, self._shared.settings.flood_guard, size=run.size):
            await self._owner.stand(
                why,
                remedy="find out what is at fault: mapping, key, platform; if the records are, set deliver.flood_guard "
                "to {ratio: 1, in_a_row: 0} and restart this worker: they become dead letters",
                cause=FLOOD_GUARD,
            )


def _refusing(decided: Decided | None, *, msgid: str, run: Settling) -> Refusing:
    if decided is None:
        return Refusing(verdict=None, msgid=msgid, attempts=1, failed_at=run.plan.opened_at * 1000)
    assert isinstance(decided.verdict, Refused)
    return Refusing(verdict=decided.verdict, msgid=msgid, attempts=decided.attempts, failed_at=decided.decided_at)
