"""Which records the next plan has, and whether those that are there are still a plan's."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from streams.domain.batch.cut import cut, first_portion, split_oversize
from streams.domain.ready import RECALL
from streams.domain.records import ReadyRecord
from streams.errors import Fatal
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.plan import Opening, Plan, open_plan
from streams.lanes.deliver.renewed import Renewed
from streams.lanes.exits import Exit
from streams.lanes.ports import TopicPartition


class Planning:
    """Opens the plans of one partition."""

    def __init__(self, at: TopicPartition, shared: DeliverShared, orphans: Orphans, renewed: Renewed) -> None:
        self._at = at
        self._shared = shared
        self._orphans = orphans
        self._renewed = renewed

    @property
    def most(self) -> int:
        """Records of a plan that is settled as a whole."""
        return min(self._shared.settings.max_plan, self._shared.settings.portion)

    def following(self, records: Sequence[ReadyRecord], *, last_plan: str, but: Collection[str]) -> Plan | None:
        """The lane's next plan: of orphans that may go now, else of what follows in the partition. but: institutions that are
        aside.
        """
        if free := self._orphans.free(self.most, but=but):
            return self.open(free, last_plan=last_plan, of_orphans=True)
        return self.open(records, last_plan=last_plan, of_orphans=False) if records else None

    def open(self, records: Sequence[ReadyRecord], *, last_plan: str, of_orphans: bool) -> Plan:
        """A plan of these records, later than the partition's last one."""
        shared = self._shared
        opened = Opening(site=shared.site, partition=self._at.partition, cut=shared.cut)
        plan = open_plan(records, opened, last_plan=last_plan, now=datetime.fromtimestamp(shared.wall_ms() // 1000, UTC))
        needless = places_of(self._renewed.needless(records), records)
        if of_orphans:
            return replace(plan, of_orphans=True, left=needless)
        return plan.leave_out(left) if (left := needless | self._left_out(records)) else plan

    def _left_out(self, records: Sequence[ReadyRecord]) -> int:
        """What of these records waits for what is refused, is too large, or is not posted because it was made anew."""
        _, too_large = split_oversize(records, self._shared.limits)
        return self._orphans.left_out(records, never_sent=[*too_large, *self._renewed.needless(records)])

    def has_too_large(self, records: Sequence[ReadyRecord]) -> bool:
        """Whether one of them fits into no envelope."""
        return bool(split_oversize(records, self._shared.limits)[1])

    def settled_of(self, plan: Plan, records: Sequence[ReadyRecord], institution: str) -> int:
        """How many batches of an institution are settled in a plan of the lane, at most. records: of the plan."""
        version = self._shared.version_of(plan)
        if version is None:
            return plan.settled
        fitting, _ = split_oversize([one for one in records if RECALL not in one.added], self._shared.limits)
        batches = cut(fitting, self._shared.limits, version=version)[: plan.settled]
        return sum(batch.institution == institution for batch in batches)

    def left_since(self, plan: Plan, records: Sequence[ReadyRecord]) -> int:
        """What is left out of a plan under way, beside what was, because it was made anew since: of the batches behind the portion
        that may be posted already.
        """
        version = self._shared.version_of(plan)
        needless = self._renewed.needless(records)
        if version is None or plan.of_orphans or not needless:
            return 0
        fitting, _ = split_oversize([one for one in records if RECALL not in one.added], self._shared.limits)
        batches = cut(fitting, self._shared.limits, version=version)[plan.settled :]
        untouched = batches[len(first_portion(batches, self._shared.settings.portion)) :]
        may_be_left = places_of([record for batch in untouched for record in batch.records], records)
        left = places_of(needless, records) | self._orphans.left_out(records, never_sent=needless)
        return left & may_be_left & ~plan.left

    def check(self, plan: Plan, records: Sequence[ReadyRecord]) -> None:
        """Raise Fatal where these are not the plan's records."""
        if len(records) < plan.size or records[-1].offset != plan.last_offset:
            raise Fatal(
                f"plan {plan.id} of {self._at.topic}-{self._at.partition} ends at offset {plan.last_offset}, but its last record "
                f"stands at {records[-1].offset if records else 'none'}: the topic does not hold what it held",
                exit_code=Exit.HOLE,
            )


def places_of(some: Collection[ReadyRecord], records: Sequence[ReadyRecord]) -> int:
    """Where these stand among all records of a plan, one bit each."""
    numbers = {record.number for record in some}
    return sum(1 << place for place, record in enumerate(records) if record.number in numbers) if numbers else 0
