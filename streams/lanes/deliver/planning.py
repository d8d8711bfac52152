"""Which records the next plan has, and whether those that are there are still a plan's."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from streams.domain.batch.cut import split_oversize
from streams.domain.records import ReadyRecord
from streams.errors import Fatal
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.plan import Opening, Plan, open_plan
from streams.lanes.exits import Exit
from streams.lanes.ports import TopicPartition


class Planning:
    """Opens the plans of one partition."""

    def __init__(self, at: TopicPartition, shared: DeliverShared, orphans: Orphans) -> None:
        self._at = at
        self._shared = shared
        self._orphans = orphans

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
        if of_orphans:
            return replace(plan, of_orphans=True)
        _, too_large = split_oversize(records, shared.limits)
        left = self._orphans.left_out(records, never_sent=too_large)
        return plan.leave_out(left) if left else plan

    def check(self, plan: Plan, records: Sequence[ReadyRecord]) -> None:
        """Raise Fatal where these are not the plan's records."""
        if len(records) < plan.size or records[-1].offset != plan.last_offset:
            raise Fatal(
                f"plan {plan.id} of {self._at.topic}-{self._at.partition} ends at offset {plan.last_offset}, but its last record "
                f"stands at {records[-1].offset if records else 'none'}: the topic does not hold what it held",
                exit_code=Exit.HOLE,
            )
