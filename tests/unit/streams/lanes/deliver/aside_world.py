"""The world of parents and orphans with four institutions, of which any may be shut out for a while, or get answers that nobody
understands.
"""

from collections import Counter
from dataclasses import replace

from streams.domain.batch.cut import cut, split_oversize
from streams.domain.ready import recalls_in
from streams.lanes.marks import deliver_mark, seq_of
from tests.unit.streams.lanes.deliver.deliver_worker import GROUP, READY, node_of, plan_of
from tests.unit.streams.lanes.deliver.forgetful_platform import Fate
from tests.unit.streams.lanes.deliver.orphan_world import KinPlatform, OrphanWorld

INSTITUTIONS = ("H36110200001", "P36110200002", "H36110200003", "P36110200004")
_OF = slice(0, 12)


class ShutOutPlatform(KinPlatform):
    """For an institution that is shut out it answers before it looks at the msgid, also of what it took. For one that is garbled it
    judges the batch, and says it in words that contradict themselves.
    """

    def __init__(self, loop, **options):
        super().__init__(loop, **options)
        self.shut = set()
        self.garbled = set()
        self.mute = {}
        """By institution: what becomes of each of its requests, so that none is answered."""
        self._answers = 0

    @property
    def out(self):
        """The institutions that are not let in."""
        return sorted(self.shut | self.garbled | self.mute.keys())

    def let_in(self, one):
        self.shut.discard(one)
        self.garbled.discard(one)
        self.mute.pop(one, None)

    def calm(self, batch):
        if batch.institution in self.mute:
            return self.mute[batch.institution]
        return Fate.CONTRADICTED if batch.institution in self.garbled else super().calm(batch)

    def arrive(self, request):
        if request.msgid[_OF] in self.shut:
            self._answers += 1
            return 40006 if self._answers % 2 else 40002
        return super().arrive(request)


class AsideWorld(OrphanWorld):
    """What is aside has no outcome yet, and is what the mark says."""

    def __init__(self, platform_of):
        self.ever_aside = set()
        self.taken_back = set()
        super().__init__(platform_of)

    def institution(self, number):
        return INSTITUTIONS[self.things[number].visit % len(INSTITUTIONS)]

    def _judge_post(self, worker, msgid):
        if worker is not self.owner:
            super()._judge_post(worker, msgid)
            return
        institution, entry = msgid[_OF], self.mark.aside.get(msgid[_OF])
        plan = self.mark.plan if entry is None else entry.plan
        assert plan is not None, f"{msgid} is posted without a plan"
        assert plan.id == plan_of(msgid), f"{msgid} is no id of the plan of {institution}"
        assert not plan.quiet, f"{msgid} is posted, and the next owner would think that nothing was"
        assert not plan.is_refused(node_of(msgid)), f"{msgid} was refused and is posted again"
        heard = [one for one in worker.refused if plan_of(one) == plan.id and one[_OF] == institution]
        assert all(plan.is_refused(node_of(one)) for one in heard), f"a refusal is not written down before {msgid}"

    def look(self):
        committed = self.log.committed_offsets[GROUP, READY]
        mark = deliver_mark(committed.metadata)
        assert len(committed.metadata.encode()) < 4096
        assert committed.offset >= self.committed.offset
        assert mark.seq >= self.mark.seq
        self._look_at_plan(mark)
        self._look_at_asides(mark)
        waits = self._pending(mark)
        assert all(number >= seq_of(committed.metadata) for number in waits), "others may pass what waits"
        upto = [number for number in range(1, mark.seq) if number not in waits]
        back = {number for number in upto if self.things[number].recall}
        self.outcome.letters.update(back - self.taken_back)
        assert back >= self.taken_back
        self.taken_back = back
        self._look_at_outcome()
        decided = +(self.outcome.receipts + self.outcome.letters)
        expected = Counter(upto) + self._ahead(mark)
        assert decided == expected, "each record that is settled has exactly one outcome, and what is aside has none"
        passed = Counter(offset for offset in self.foreign if offset < committed.offset)
        assert self.outcome.foreign == passed
        self.ever_aside |= mark.aside.keys()
        self.committed, self.mark = committed, mark

    def _pending(self, mark):
        """What waits of those that are aside, before the lane's number."""
        found = {
            number
            for number in range(1, mark.seq)
            if (entry := mark.aside.get(self.institution(number))) is not None and number >= entry.number
        }
        return found - set(self._of_plans(mark))

    def _ahead(self, mark):
        """What is settled of the lane's open plan, and behind the lane of what was set aside in it."""
        found = Counter(
            {number: amount for number, amount in self.settled(mark).items() if self.institution(number) not in mark.aside}
        )
        return (
            found
            + Counter(number for number in self._of_plans(mark) if number >= mark.seq)
            + Counter(
                # The entry of an institution begins with the plan that it was set aside in, and is ahead where that is delivered.
                number
                for number in range(mark.seq, self.next_number)
                if (entry := mark.aside.get(self.institution(number))) is not None
                and number < entry.number
                and not self.things[number].recall
            )
        )

    def _of_plans(self, mark):
        """What is settled of the plans of those that are aside."""
        found = []
        records = {record.number: record for record in self.records()[::-1]}
        for name, entry in mark.aside.items():
            plan = entry.plan
            if plan is None or plan.of_orphans:
                continue
            if entry.whole:
                planned = [records[number] for number in range(entry.number, entry.number + plan.size)]
            else:
                ours = [one for number, one in sorted(records.items()) if number >= entry.number and one.institution == name]
                planned = ours[: plan.size]
            fitting, too_large = split_oversize(
                [one for one in planned if one not in recalls_in(planned)], self.setups[plan.id].limits
            )
            batches = list(cut(fitting, self.setups[plan.id].limits))
            if plan.settled or entry.skipped or entry.whole:
                found += [one.number for one in too_large if one.institution == name]
            found += [one.number for batch in batches[: plan.settled] for one in batch.records if batch.institution == name]
            if entry.skipped:
                left = {one.number for place, one in enumerate(planned) if plan.left >> place & 1}
                first = [one.number for one in batches[plan.settled].records if one.number not in left]
                found += first[: entry.skipped]
        return found

    def _look_at_asides(self, mark):
        for name, entry in mark.aside.items():
            before = self.mark.aside.get(name)
            assert before is None or entry.number >= before.number
            if entry.plan is not None and entry.plan.id not in self.setups:
                assert entry.plan.id > self.mark.last_plan, "the time of plans went back"
                self.setups[entry.plan.id] = self.owner.setup

    def _look_at_plan(self, mark):
        if mark.plan is not None and self.mark.plan is not None and mark.plan.id == self.mark.plan.id:
            mark = replace(mark, plan=replace(mark.plan, quiet=self.mark.plan.quiet))
        super()._look_at_plan(mark)
