"""The world that the deliver lane's model lives in: a log, a platform, workers, and everything that must hold after each commit."""

from collections import Counter
from dataclasses import dataclass, field, replace

import orjson

from streams.domain.batch.cut import cut, split_oversize
from streams.domain.ready import Emission, decode, encode, recalls_in
from streams.domain.records import Record
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, JoinMark, deliver_mark
from streams.lanes.ports import Committed, TopicPartition
from streams.spec.fields import ServiceCode
from streams.testing import FakeLog
from streams.topics.steering import Orders
from tests.unit.streams.lanes.deliver.deliver_worker import (
    DEAD,
    GROUP,
    INSTITUTIONS,
    READY,
    RECEIPTS,
    TOPICS,
    Worker,
    node_of,
    plan_of,
)
from tests.unit.streams.lanes.stepped import SteppedLoop, current, noticing, stand


@dataclass
class Outcome:
    """What is durable, as a reader of committed messages sees it."""

    receipts: Counter = field(default_factory=Counter)
    letters: Counter = field(default_factory=Counter)
    foreign: Counter = field(default_factory=Counter)


class World:
    """hole_at: a number that is never written."""

    def __init__(self, platform_of, *, hole_at=None):
        self.loop = SteppedLoop()
        self.orders = Orders()
        self.log = FakeLog()
        self.log.on_step = self._on_step
        self.platform = platform_of(self.loop)
        self.platform.on_begin = self._on_begin
        self.violations = self.platform.violations
        self.skew_s = 0.0
        self.workers = []
        self.owner = None
        self.things = {}
        self.next_number = 1
        self.foreign = []
        self.hole_at = hole_at
        self.behind_hole = None
        self.outcome = Outcome()
        self.opened = {}
        self.setups = {}
        self._seen = {RECEIPTS: 0, DEAD: 0}
        self.log.committed_offsets[GROUP, READY] = self.committed = Committed(offset=0, metadata='{"seq":1}')
        self.mark = deliver_mark(self.committed.metadata)
        self._say_what_the_join_wrote()

    def wall_ms(self):
        return int((1_714_000_000 + self.loop.time() + self.skew_s) * 1000)

    # What comes ------------------------------------------------------------------------------------------------------------------

    def produce(self, thing):
        if self.next_number == self.hole_at:
            self.next_number += 1
        number, self.next_number = self.next_number, self.next_number + 1
        self.things[number] = thing
        offset = self._write(number)
        self._say_what_the_join_wrote()
        if self.hole_at is not None and number > self.hole_at and self.behind_hole is None:
            self.behind_hole = offset

    def _say_what_the_join_wrote(self):
        said = Committed(offset=0, metadata=JoinMark(seq=self.next_number).text())
        self.log.committed_offsets[TOPICS.group("join"), TopicPartition(TOPICS.changes, 0)] = said

    def repeat(self, count):
        """A copy that was aborted is visible: of the last records, and not across the hole."""
        hole = (self.hole_at or 0) if self.behind_hole is not None else 0
        for number in sorted(number for number in self.things if number > hole)[-count:]:
            self._write(number)

    def strange(self):
        """Somebody else writes into the topic."""
        self.foreign.append(self.log.append(READY, key=b"k", value=b"whose %d?" % len(self.foreign)))

    def _write(self, number):
        thing = self.things[number]
        record = Record(
            service=list(ServiceCode)[thing.kind % 3],
            institution=INSTITUTIONS[thing.kind // 3],
            infno="2204",
            key=f"k{number}",
            value=thing.value(number),
            content_hash="0" * 32,
            mapping_version="m@1",
            business_day="2024-05-06",
            amount="1.00",
        )
        emission = Emission(
            record=record,
            visit_key=b"v%d" % thing.visit,
            position="7",
            committed_at=1_700_000_000_000,
            captured_at=1_700_000_000_090,
        )
        key, value, headers = encode(emission, number)
        return self.log.append(READY, key=key, value=value, headers=headers)

    def leave_open(self, count, setup):
        """An earlier version has opened a plan of the first records, and may have posted some of it."""
        last = [message.offset for message in self.log.messages(READY) if "seq" in dict(message.headers)][count - 1]
        plan = Plan(size=count, last_offset=last, id="20240424000000000", refused=0, opened_at=1, cut=setup.limits.mark)
        self.mark = DeliverMark(seq=1, last_plan=plan.id, plan=plan)
        self.log.committed_offsets[GROUP, READY] = self.committed = Committed(offset=0, metadata=self.mark.text())
        self.opened[plan.id], self.setups[plan.id] = self.loop.time(), setup

    # Who works -------------------------------------------------------------------------------------------------------------------

    def start(self, setup, *, back=0):
        """A new worker takes the partition over. back: how much older the offset is from which it is fed."""
        worker = Worker(self, setup, max(0, self.committed.offset - back))
        self.workers.append(worker)
        worker.begin(worker.lane.start)
        return worker

    async def _on_step(self, name):
        if name == "fenced":
            if self.owner is not None:
                self.owner.fenced_at = self.loop.time()
            self.owner = current()
        if name == "commit_done":
            with noticing(self.violations):
                assert current() is self.owner, "a fenced worker committed"
                self.look()
        await stand(name)

    def _on_begin(self, worker, msgid):
        with noticing(self.violations):
            self._judge_post(worker, msgid)

    def _judge_post(self, worker, msgid):
        plan = self.mark.plan
        if worker is self.owner:
            assert plan is not None, f"{msgid} is posted without a plan"
            assert plan.id == plan_of(msgid), f"{msgid} is no id of the plan"
            assert not plan.is_refused(node_of(msgid)), f"{msgid} was refused and is posted again"
            heard = (node_of(refused) for refused in worker.refused if plan_of(refused) == plan.id)
            assert all(map(plan.is_refused, heard)), f"a refusal is not written down before {msgid}"
        else:
            assert self.loop.time() - worker.fenced_at <= worker.setup.settings().lease_s, "a replaced worker posts after its lease"

    # What must hold --------------------------------------------------------------------------------------------------------------

    def look(self):
        """After each commit: what is durable is whole, exact and remembered."""
        committed = self.log.committed_offsets[GROUP, READY]
        mark = deliver_mark(committed.metadata)
        assert len(committed.metadata.encode()) < 4096
        assert committed.offset >= self.committed.offset
        assert mark.seq >= self.mark.seq
        self._look_at_plan(mark)
        self._look_at_outcome()
        decided = self.outcome.receipts + self.outcome.letters
        settled = Counter(range(1, mark.seq)) + self.settled(mark)
        told = f"{decided - settled} too often, {settled - decided} without"
        assert decided == settled, f"each record that is settled has exactly one outcome: {told}"
        passed = Counter(offset for offset in self.foreign if offset < committed.offset)
        assert self.outcome.foreign == passed, "each foreign message before the offset is one dead letter"
        if self.behind_hole is not None:
            assert committed.offset <= self.behind_hole, "the offset stands behind a hole"
        self.committed, self.mark = committed, mark

    def _look_at_plan(self, mark):
        plan, before = mark.plan, self.mark.plan
        if plan is None:
            return
        if before is not None and before.id == plan.id:
            assert replace(plan, refused=before.refused, settled=before.settled, quiet=before.quiet) == before
            assert plan.settled >= before.settled, "a batch that was settled is open again"
            assert plan.refused & before.refused == before.refused, "a refusal was forgotten"
        else:
            assert plan.id > self.mark.last_plan, "the time of plans went back"
            self.opened[plan.id] = self.loop.time()
            self.setups[plan.id] = current().setup

    def settled(self, mark):
        """The records of the open plan whose outcome is committed: those of its first batches, and the too large ones."""
        if mark.plan is None or not mark.plan.settled:
            return Counter()
        found = {}
        for message in self.log.messages(READY):
            if message.offset <= mark.plan.last_offset and "seq" in dict(message.headers):
                record = decode(message)
                found[record.number] = record
        limits = self.setups[mark.plan.id].limits
        records = [found[number] for number in range(mark.seq, mark.seq + mark.plan.size)]
        fitting, too_large = split_oversize([record for record in records if record not in recalls_in(records)], limits)
        batches = cut(fitting, limits)[: mark.plan.settled]
        return Counter(record.number for records in (too_large, *(batch.records for batch in batches)) for record in records)

    def _look_at_outcome(self):
        for message in self._news(RECEIPTS):
            for line in orjson.loads(message.value)["records"]:
                self.outcome.receipts[line["number"]] += 1
                assert self.platform.times[line["number"]] > 0, f"{line['number']} has a receipt and was never taken"
        for message in self._news(DEAD):
            said = dict(message.headers)
            if "seq" in said:
                number = int(said["seq"])
                self.outcome.letters[number] += 1
                assert self.things[number].bad or self.things[number].large, f"{number} was never refused"
            else:
                self.outcome.foreign[int(said["__connect.errors.offset"])] += 1

    def _news(self, at):
        messages = self.log.messages(at, self._seen[at])
        if messages:
            self._seen[at] = messages[-1].offset + 1
        return messages

    def complain(self):
        """Raise what was noticed inside of a lane."""
        for violation in self.violations:
            raise violation

    def check(self, *, forgets_after_s=None):
        """At any time: what the platform has is what it should have, once and in order."""
        self.complain()
        ids = {}
        reached = Counter()
        for msgid, numbers in self.platform.taken:
            for number in numbers:
                assert not self.things[number].bad
                assert ids.setdefault(number, msgid) == msgid, f"{number} was taken under two ids"
                visit = self.things[number].visit
                assert number >= reached[visit] or self.platform.times[number] > 1, f"{number} came out of order"
                reached[visit] = max(reached[visit], number)
        for request in self.platform.again:
            assert forgets_after_s is not None
            open_s = self.loop.time() - self.opened[plan_of(request.msgid)]
            assert open_s > forgets_after_s, f"{request.msgid} was taken twice after {open_s} s"
        assert not self.platform.again or forgets_after_s is not None
