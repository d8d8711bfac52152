"""The deliver lane's world with records that belong to others: visits, their settlements, and lines of both."""

from collections import Counter
from dataclasses import dataclass, replace

import orjson

from streams.domain.kinship import identity_of, parents_of
from streams.domain.ready import RECALL, REPORTED, Emission, decode, encode, recalls_in
from streams.domain.records import Record
from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import TopicPartition
from streams.spec.fields import ServiceCode
from tests.unit.streams.lanes.deliver.deliver_worker import DEAD, GROUP, INSTITUTIONS, MAX_CHARS, READY, RECEIPTS, TOPICS
from tests.unit.streams.lanes.deliver.deliver_world import World
from tests.unit.streams.lanes.deliver.forgetful_platform import ForgetfulPlatform
from tests.unit.streams.lanes.stepped import noticing

ORPHANS = TopicPartition(TOPICS.orphans, 0)
VISIT, SETTLEMENT, FEE = ServiceCode


@dataclass(frozen=True, kw_only=True)
class Kin:
    """A version of a record. branch: which registration of its visit it belongs to, and that one's settlement."""

    service: ServiceCode
    visit: int
    branch: int
    line: int = 0
    bad: bool = False
    large: bool = False
    recall: bool = False
    """It takes back what was sent of the record before."""
    moved: bool = False
    """Because its row left for another visit: if it comes back, nobody here knows what the platform has."""

    @property
    def key(self):
        name = f"{self.visit}{self.branch}"
        return {VISIT: f"m{name}", SETTLEMENT: f"s{name}", FEE: f"f{self.visit}{self.line}"}[self.service]

    @property
    def parents(self):
        above = {VISIT: (), SETTLEMENT: (VISIT,), FEE: (VISIT, SETTLEMENT)}[self.service]
        return [Kin(service=service, visit=self.visit, branch=self.branch) for service in above]

    def value(self, number):
        ids = {VISIT: "MDTRT_ID", SETTLEMENT: "SETL_ID", FEE: "BKKP_SN"}
        said = {ids[one.service]: one.key for one in (self, *self.parents)}
        return orjson.dumps(
            said | {"n": number} | ({"bad": 1} if self.bad else {}) | ({"x": "x" * MAX_CHARS} if self.large else {})
        )


class KinPlatform(ForgetfulPlatform):
    """Also looks for parents, in what it took."""

    def __init__(self, loop, **options):
        super().__init__(loop, **options)
        self.things = {}
        self.recalled = set()

    def arrive(self, request):
        code = super().arrive(request)
        if code == 200:
            there = {self.things[number].key for _, numbers in self.taken for number in numbers}
            with noticing(self.violations):
                for number, *_ in request.body:
                    assert number not in self.recalled, f"{number} was posted, and its row is gone"
                    missing = {one.key for one in self.things[number].parents} - there
                    assert not missing, f"{number} was posted, and the platform refused {missing}"
        return code


class OrphanWorld(World):
    """What waits counts as settled, like a letter, until it becomes one of the others."""

    def __init__(self, platform_of):
        self.reported = set()
        self.waiting = set()
        self.needless = set()
        self.recalled = set()
        self.open = {}
        super().__init__(platform_of)
        self.platform.things, self.platform.recalled = self.things, self.recalled
        self._seen[ORPHANS] = 0

    def bring(self, kin, *, bad_parents=False):
        """A record becomes ready, as the join makes it so: never before what it belongs to."""
        for parent in kin.parents:
            if parent.key not in self.reported:
                self.bring(replace(parent, bad=bad_parents))
        self.produce(kin)
        self.reported.add(kin.key)

    def take_back(self, kin):
        """No row of the visit backs the record any more."""
        if kin.key in self.reported:
            self.reported.remove(kin.key)
            self.produce(replace(kin, recall=True, bad=False, large=False))

    def institution(self, number):
        """Whose record it is."""
        del number
        return INSTITUTIONS[0]

    def _tail(self, number):
        kin = self.things[number]
        if kin.recall:
            return (RECALL,)
        before = self._before(number)
        taken_back = before and before[-1].recall and not before[-1].moved
        return (REPORTED,) if before and not taken_back and kin.service is not FEE else ()

    def _before(self, number):
        """The versions of its record before one, and what took them back."""
        return [self.things[one] for one in range(1, number) if self.things[one].key == self.things[number].key]

    def _content(self, number):
        """Its content hash."""
        del number
        return "0" * 32

    def _write(self, number):
        kin = self.things[number]
        record = Record(
            service=kin.service,
            institution=self.institution(number),
            infno="2204",
            key=kin.key,
            value=b"" if kin.recall else kin.value(number),
            content_hash=self._content(number),
            mapping_version="m@1",
            business_day="2024-05-06",
            amount="1.00",
        )
        emission = Emission(
            record=record,
            visit_key=b"v%d" % kin.visit,
            position="7",
            committed_at=1_700_000_000_000,
            captured_at=1_700_000_000_090,
            tail=self._tail(number),
        )
        key, value, headers = encode(emission, number)
        return self.log.append(READY, key=key, value=value, headers=headers)

    def _look_at_plan(self, mark):
        plan, before = mark.plan, self.mark.plan
        if plan is not None and before is not None and plan.id == before.id:
            assert plan.left & before.left == before.left, "what was left out is posted all the same"
            mark = replace(mark, plan=replace(plan, left=before.left))
        super()._look_at_plan(mark)

    def look(self):
        """What takes back has no outcome: it is settled with its plan."""
        mark = deliver_mark(self.log.committed_offsets[GROUP, READY].metadata)
        settled = [number for number in range(self.mark.seq, mark.seq) if self.things[number].recall]
        self.outcome.letters.update(settled)
        super().look()
        for number in settled:
            key = self.things[number].key
            assert not [one for one in self.waiting if one < number and self.things[one].key == key], "it would go without its row"

    def _look_at_outcome(self):
        for message in self._news(RECEIPTS):
            for line in orjson.loads(message.value)["records"]:
                self.outcome.receipts[line["number"]] += 1
        for message in self._news(DEAD):
            said = dict(message.headers)
            if "x-dlq-closed-by" in said and "seq" not in said:
                self._ends(said["x-dlq-id"])
                continue
            if "seq" not in said:
                self.outcome.foreign[int(said["__connect.errors.offset"])] += 1
                continue
            number = int(said["seq"])
            self.outcome.letters[number] += 1
            if said["x-dlq-rule"] in (b"SUPERSEDED", b"RECALLED"):
                assert "x-dlq-closed-at" in said
                (self.needless if said["x-dlq-rule"] == b"SUPERSEDED" else self.recalled).add(number)
            else:
                assert self.things[number].bad or self.things[number].large, f"{number} was never refused"
                if said["x-dlq-class"] in (b"REJECTED", b"OVERSIZE"):
                    self.open[said["x-dlq-id"]] = number
        self._letters_are_of_the_last_version()
        for message in self._news(ORPHANS):
            if entries.is_waiting(message.key):
                number = entries.number_in(message.key)
                assert (number in self.waiting) == (message.value is None)
                (self.waiting.remove if message.value is None else self.waiting.add)(number)
                self.outcome.letters[number] += 1 if message.value is not None else -1

    def _ends(self, letter):
        assert letter in self.open, "what is closed was open"
        del self.open[letter]

    def _letters_are_of_the_last_version(self):
        """No record that was accepted or refused since has an open letter of before, and none has two."""
        last = {}
        for number in sorted({*self.outcome.receipts, *self.open.values()}):
            last[self.things[number].key] = number
        for number in self.open.values():
            assert last[self.things[number].key] == number, f"the letter of {number} is open, and a later version was accepted"
        assert len({self.things[number].key for number in self.open.values()}) == len(self.open), "two letters of one record"

    def refused(self):
        """The parents in the topic."""
        last = {message.key: message.value for message in self.log.messages(ORPHANS)}
        found = (
            entries.read_refused(key, value)
            for key, value in last.items()
            if value and not entries.is_waiting(key) and not entries.is_letter(key)
        )
        return [identity for identity, _ in found]

    def check(self, *, forgets_after_s=None):
        """At any time: once, under one id, no older version after a newer one."""
        self.complain()
        assert forgets_after_s is None
        assert not self.platform.again
        ids, reached = {}, Counter()
        for msgid, numbers in self.platform.taken:
            for number in numbers:
                assert ids.setdefault(number, msgid) == msgid, f"{number} was taken under two ids"
                key = self.things[number].key
                assert number >= reached[key], f"{number} of {key} came after {reached[key]}"
                reached[key] = number

    def records(self):
        """What stands in the topic, as the lane reads it."""
        return [decode(message) for message in self.log.messages(READY) if "seq" in dict(message.headers)]

    def names_are_understood(self):
        """The product reads from the bytes what this world meant."""
        for record in self.records():
            kin = self.things[record.number]
            if kin.recall:
                assert [record] == recalls_in([record])
                continue
            assert [one.key for one in kin.parents] == [one.key for one in parents_of(record)]
            assert identity_of(record).key == kin.key
