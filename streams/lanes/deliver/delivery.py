"""One plan's delivery: cut it, post its batches in order, halve what is refused, and find out for each record what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import zip_longest
from typing import NoReturn, Protocol

from connector.contract import Topics
from streams.deliver.verdict import Accepted, Refused
from streams.domain.batch.cut import Batch, CutLimits, cut, first_portion, halves, split_oversize
from streams.domain.batch.msgid import MSGID_CHARS, msgid
from streams.domain.records import ReadyRecord
from streams.lanes.deliver import letters
from streams.lanes.deliver.flood_guard import verdict_of
from streams.lanes.deliver.letters import Refusing
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.posting import Decided, Posting, Posts
from streams.lanes.deliver.settling import Settling
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
    wall_ms: Callable[[], int]
    """Milliseconds since the epoch."""
    zone: tzinfo
    """Of the site, for msgids."""

    @property
    def cut(self) -> str:
        """Mark of all that a plan's msgids depend on: with another, the same content would go out under other ids."""
        chars = self.settings.msgid_chars
        return self.limits.mark if chars == MSGID_CHARS else f"{self.limits.mark}-{chars}"


class Owner(Protocol):
    """The lane whose plan is delivered. Only it commits."""

    async def settle_portion(self, run: Settling) -> None:
        """Commit what became of a portion of the plan."""

    async def note_refusal(self, run: Settling) -> None:
        """Commit that a node of the plan is refused, and what is left out because of it, before its halves or later batches are
        posted or its dead letter is written.
        """

    async def stand(self, why: str, *, remedy: str) -> NoReturn:
        """Stand until the worker is restarted with another setting; posts and commits nothing."""


class Delivery:
    """What one lane does with a plan between its opening and its last transaction."""

    def __init__(  # noqa: PLR0913 - the surroundings of a lane
        self,
        at: TopicPartition,
        shared: DeliverShared,
        posting: Posting,
        *,
        owner: Owner,
        orphans: Orphans,
        outcomes: Outcomes,
    ) -> None:
        self._at = at
        self._orphans = orphans
        self._shared = shared
        self._posting = posting
        self._owner = owner
        self._outcomes = outcomes

    async def deliver(self, run: Settling) -> None:
        """Deliver a plan and commit it portion by portion. What the last portion leads to stays in `run`: the lane commits it
        together with the next plan.
        """
        if run.plan.cut != self._shared.cut:
            await self._owner.stand(
                f"plan {run.plan.id} was opened under other batch limits, and its msgids belong to that cut",
                remedy="put platform.max_chars, max_rows, encoding, encrypt and msgid_chars back, let the lag reach 0, then change",
            )
        fitting, too_large = split_oversize(run.content, self._shared.limits)
        batches = cut(fitting, self._shared.limits)
        if not run.plan.settled:
            await self._bury_oversize(too_large, run)
        while run.plan.settled < len(batches):
            portion = batches[run.plan.settled :]
            if not run.plan.of_orphans:  # those are kept until all of them are settled
                portion = list(first_portion(portion, self._shared.settings.portion))
            run.begin(portion)
            await self._post(portion, run)
            run.plan = run.plan.settle(run.plan.settled + len(portion))
            if run.plan.settled < len(batches):
                await self._owner.settle_portion(run)

    async def _post(self, portion: Sequence[Batch], run: Settling) -> None:
        for batch, following in zip_longest(portion, portion[1:]):
            # The next one is sealed while this one is answered.
            for soon in (run.posted(one) for one in (batch, following) if one is not None):
                if soon.records and not run.plan.is_refused(soon.node):
                    self._shared.platform.prepare(soon, self._msgid(soon, soon.node, run))
            if (posted := run.posted(batch)).records:
                await self._settle(batch.node, posted, run)
            if posted is not batch:
                sent = {record.number for record in posted.records}
                run.left += [record for record in batch.records if record.number not in sent]

    async def _bury_oversize(self, too_large: Sequence[ReadyRecord], run: Settling) -> None:
        for record in too_large:
            run.refuse(record, letters.oversize(record, topic=self._at.topic, failed_at=run.plan.opened_at * 1000))
            await self._refuse_one(run)

    def _msgid(self, batch: Batch, node: int, run: Settling) -> str:
        return msgid(batch.institution, run.plan.id, node, chars=self._shared.settings.msgid_chars)

    async def _settle(self, node: int, batch: Batch, run: Settling) -> None:
        """Find out for each record of a batch whether the platform takes it."""
        message_id = self._msgid(batch, node, run)
        decided = None
        if not run.plan.is_refused(node):
            decided = await self._posting.decide(batch, message_id, unknown_since=run.unknown_since)
            if isinstance(decided.verdict, Accepted):
                run.accept(batch, decided, msgid=message_id, topics=self._shared.topics)
                return
            self._outcomes.count("batch_refused")
            run.plan = run.plan.refuse(node)
            if len(batch.records) == 1:
                run.plan = run.plan.leave_out(self._orphans.orphaned(batch.records[0], run.records))
            await self._owner.note_refusal(run)
        if len(batch.records) == 1:
            refusing = _refusing(decided, msgid=message_id, run=run)
            run.refuse(batch.records[0], letters.rejected(batch.records[0], refusing, topic=self._at.topic))
            await self._refuse_one(run)
            return
        for half_node, half in halves(node, batch):
            await self._settle(half_node, half, run)

    async def _refuse_one(self, run: Settling) -> None:
        """Count one record on its way to the dead letters. Where that makes a flood, the lane is held before any dead letter of the
        portion is written.
        """
        run.tally.refuse()
        if why := verdict_of(run.tally, self._shared.settings.flood_guard, size=run.size):
            await self._owner.stand(
                why,
                remedy="find out what is at fault: mapping, key, platform; if the records are, set deliver.flood_guard "
                "to {ratio: 1, in_a_row: 0} and restart this worker: they become dead letters",
            )


def _refusing(decided: Decided | None, *, msgid: str, run: Settling) -> Refusing:
    if decided is None:
        return Refusing(verdict=None, msgid=msgid, attempts=1, failed_at=run.plan.opened_at * 1000)
    assert isinstance(decided.verdict, Refused)
    return Refusing(verdict=decided.verdict, msgid=msgid, attempts=decided.attempts, failed_at=decided.decided_at)
