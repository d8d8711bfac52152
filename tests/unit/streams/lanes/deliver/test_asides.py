"""One institution's fault is its own: a wrong key of one hospital stood twelve lanes, and with them all the others."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.verdict import Accepted, Held, Retry
from streams.domain.batch.cut import CutLimits
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.health import Health
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import Committed
from streams.testing import FakePlatform, wait_for
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import READY, RECEIPTS, TOPICS, Rig

A, B, C, D = "H36110200001", "P36110200002", "H36110200003", "P36110200004"
AT_ONCE = {"aside_after_s": 0.0, "aside_answers": 1}


class Hospitals(Rig):
    """Records of four institutions in one partition, one after the other: 1 is of A, 2 of B, …"""

    def __init__(self, *, shut_out=()):
        super().__init__()
        self.most_aside = 2
        self.deliver_options = dict(AT_ONCE)
        self.platform.shut_out |= set(shut_out)
        self.written = 0

    def more(self, count):
        for _ in range(count):
            self.written += 1
            self.ready(self.written, institution=(A, B, C, D)[(self.written - 1) % 4])

    @property
    def mark(self):
        return deliver_mark(self.committed("deliver").metadata)

    def taken(self, *institutions):
        """The numbers of those institutions' records that the platform took, as it took them."""
        return [number for number in self.platform.numbers if (A, B, C, D)[(number - 1) % 4] in institutions]

    def all_of(self, *institutions):
        return [number for number in range(1, self.written + 1) if (A, B, C, D)[(number - 1) % 4] in institutions]

    async def run(self, until, *, what):
        """A lane works on all that is written, until that holds; what was logged."""
        lane = self.deliver_lane()
        lane.put(self.log.messages(READY, self.committed("deliver").offset))
        with capture_logs() as logs:
            lane.start()
            # What is committed is told at once, but not in the same moment.
            await wait_for(lambda: (until() and lane.mark == self.mark) or self.deaths.reasons, what=what)
            await lane.close()
        assert [] == self.deaths.reasons
        return logs

    async def pass_by(self):
        """Work until only those that are shut out wait."""
        return await self.run(lambda: self.mark.seq == self.written + 1 and self.mark.plan is None, what="the others going on")

    async def come_in(self):
        """Work until nothing is aside."""
        return await self.run(lambda: not self.mark.aside and self.mark.seq == self.written + 1, what="all catching up")


def told(logs, event):
    return [entry for entry in logs if entry["event"] == event]


async def test_two_of_four_are_held_and_the_others_go_on_and_all_of_it_arrives_once_and_in_order():
    """What is held is the institution, and not the lane that its records happen to be in."""
    site = Hospitals(shut_out=[A, C])
    site.more(40)
    logs = await site.pass_by()
    assert (sorted(site.all_of(B, D)), {A, C}) == (sorted(site.platform.numbers), set(site.mark.aside))
    assert {A, C} == {entry["institution"] for entry in told(logs, "institution_held")}
    site.more(40)
    await site.pass_by()
    assert (sorted(site.all_of(B, D)), {A: 20, C: 20}) == (
        sorted(site.platform.numbers),
        {name: entry.waiting for name, entry in site.mark.aside.items()},
    )
    site.platform.shut_out.clear()
    logs = await site.come_in()
    assert Counter(range(1, 81)) == Counter(site.platform.numbers)
    assert [] == site.platform.changed_msgids
    for visit in range(4):
        numbers = [number for number in site.platform.numbers if number % 4 == visit]
        assert sorted(numbers) == numbers
    assert {A, C} == {entry["institution"] for entry in told(logs, "institution_released")}


async def test_who_hears_repeated_to_what_was_posted_once_waits_alone_through_every_restart():
    """Another sender uses its msgids. Workers die and come, and none of them writes a receipt for what is not there."""
    site = Hospitals()
    site.platform.says = {A: Accepted(code="40005", repeated=True)}
    for _ in range(3):
        site.more(8)
        await site.pass_by()
        assert {A} == set(site.mark.aside)
    receipts = [message.key for message in site.log.messages(RECEIPTS)]
    assert [key for key in receipts if B.encode() in key]
    assert not [key for key in receipts if A.encode() in key]
    site.platform.says.clear()
    await site.come_in()
    assert Counter(range(1, 25)) == Counter(site.platform.numbers)


async def test_who_alone_is_answered_404_waits_alone():
    """A gateway in front of the platform has a route for each of them. The others' lanes stood with the one that is missing."""
    site = Hospitals()
    site.deliver_options |= {"silent_after_s": 0.0, "probe_s": 0.001, "max_probe_s": 0.001}
    site.platform.says = {A: Held(cause=HoldCause.ADDRESS, http_status=404, message="HTTP 404")}
    for _ in range(2):
        site.more(8)
        await site.pass_by()
        assert ({A}, sorted(site.all_of(B, C, D))) == (set(site.mark.aside), sorted(site.platform.numbers))
    site.platform.says.clear()
    await site.come_in()
    assert Counter(range(1, 17)) == Counter(site.platform.numbers)


async def test_where_everybody_is_answered_404_the_address_is_wrong():
    """Nothing goes on without it, and nobody is at fault."""
    site = Hospitals()
    site.deliver_options |= {"silent_after_s": 0.0, "probe_s": 0.001, "max_probe_s": 0.001}
    missing = Held(cause=HoldCause.ADDRESS, http_status=404, message="HTTP 404")
    site.platform.says = dict.fromkeys((A, B, C, D), missing)
    site.most_aside = 0
    site.more(8)
    logs = await site.run(lambda: site.platform.posts > 5, what="some probes")
    assert ({}, ["address"]) == (dict(site.mark.aside), [one["cause"] for one in told(logs, "lane_held")])


async def test_a_batch_in_doubt_goes_out_again_under_the_id_that_it_has():
    """A time-out and then 40006: the platform may have the batch, and under another id it would take it twice."""
    site = Hospitals()
    site.more(8)
    lost = asyncio.Event()

    async def key_goes_wrong(batch, msgid):
        del msgid
        if batch.institution == A and lost.is_set():
            site.platform.shut_out.add(A)

    def loses(msgid):
        if msgid.startswith(A) and not lost.is_set():
            lost.set()
            return True
        return False

    site.platform.loses_answer, site.platform.on_post = loses, key_goes_wrong
    await site.run(lambda: site.mark.seq == 9 and A in site.mark.aside, what="A being aside")
    assert not site.mark.aside[A].plan.quiet
    site.platform.on_post = FakePlatform().on_post
    site.platform.shut_out.clear()
    await site.come_in()
    assert Counter(range(1, 9)) == Counter(site.platform.numbers)


async def test_a_key_that_goes_wrong_between_the_halves_of_a_batch_costs_no_half_of_it():
    """The first half was taken and has its receipt; only the second one waits, and neither is sent again with the other."""
    site = Hospitals()
    site.more(8)
    site.platform.refuses = {"5"}
    posted = []

    async def key_goes_wrong(batch, msgid):
        if batch.institution == A:
            posted.append(msgid)
            if len(posted) == 3:  # [1, 5] is refused, [1] is taken
                site.platform.shut_out.add(A)

    site.platform.on_post = key_goes_wrong
    await site.pass_by()
    assert (1, [1]) == (site.mark.aside[A].skipped, site.taken(A))
    site.platform.shut_out.clear()
    await site.come_in()
    assert Counter([1, 2, 3, 4, 6, 7, 8]) == Counter(site.platform.numbers)
    assert [b"5"] == [dict(message.headers)["seq"] for message in site.log.messages(site_dead())]


async def test_most_of_the_institutions_at_fault_is_no_fault_of_theirs():
    """The platform's own key store is down: then the lanes wait as they always did, and nothing of it is theirs."""
    site = Hospitals(shut_out=[A, B, C])
    site.deliver_options = AT_ONCE | {"aside_answers": 3}
    site.most_aside = 0
    site.more(8)
    logs = await site.run(lambda: site.platform.posts > 5, what="some probes")
    assert ({}, True) == (dict(site.mark.aside), bool(told(logs, "lane_held")))


@pytest.mark.parametrize(
    ("held", "aside"),
    [
        (Held(cause=HoldCause.ANSWER_CODE, code="40002", message="x"), True),
        (Held(cause=HoldCause.ANSWER_CODE, code="40004", message="x"), True),
        (Held(cause=HoldCause.AUTHORISATION, http_status=401, message="x"), True),
        (Held(cause=HoldCause.INSTITUTION, message="x"), True),
        (Held(cause=HoldCause.SEAL, message="x"), True),
        (Held(cause=HoldCause.TWO_CODES, message="x"), True),
        (Held(cause=HoldCause.ADDRESS, http_status=404, message="x"), False),
        (Held(cause=HoldCause.CERTIFICATE, message="x"), False),
    ],
    ids=lambda value: value.cause.value + value.code if isinstance(value, Held) else None,
)
def test_the_way_to_the_platform_is_everybodys_and_the_rest_may_be_ones_own(held, aside):
    """HTTP 404 is the way's until others are answered; a permission, a key or an answer to a batch is one's own at once."""
    assert aside == held.of_institution


async def test_a_held_institution_is_probed_by_one_lane_of_a_worker():
    """Twelve lanes that probe a locked account keep it locked."""
    site, one = Hospitals(shut_out=[A]), Hospitals()
    now = [1000.0]
    site.clock = one.clock = lambda: now[0]
    health = Health(site.deliver_settings(), clock=lambda: now[0], most=2)
    assert health.probe(A)
    health.failed(A, Held(cause=HoldCause.SEAL, message="x"))
    health.leave(A)
    assert [False, True] == [health.probe(A), health.probe(B)]
    now[0] += 1.0
    assert [True, False] == [health.probe(A), health.probe(A)]
    health.answered(A)
    assert [True, True] == [health.probe(A), health.probe(A)]
    health.suspect([A, B])
    assert [True, True, False] == [health.probe(A), health.probe(B), health.probe(B)]


@pytest.mark.parametrize(
    ("most", "slept_s", "lasting"), [(0, 30.0, False), (0, 9_000.0, False), (1, 30.0, True), (1, 9_000.0, True)]
)
def test_of_an_only_institution_nothing_is_set_aside_also_after_a_machine_slept(most, slept_s, lasting):
    """Its fault is as good as the platform's own, and there is nobody who could go on meanwhile."""
    now = [1000.0]
    health = Health(Hospitals().deliver_settings(), clock=lambda: now[0], most=most)
    for _ in range(5):
        health.failed(A, Held(cause=HoldCause.SEAL, message="x"))
        now[0] += 20.0
    now[0] += slept_s
    assert lasting == health.is_lasting(A)


async def test_a_key_that_needs_another_encoding_may_cut_what_waits_anew():
    """The cure of 40006 may be another layout of the ciphertext, and what waits was cut for the one before."""
    site = Hospitals(shut_out=[A])
    site.deliver_options |= {"probe_s": 60.0, "max_probe_s": 60.0}
    site.more(8)
    await site.pass_by()
    assert site.mark.aside[A].may_be_cut_anew
    site.limits = CutLimits(max_chars=9_000, max_rows=2, sealed_chars=lambda plain: plain)
    site.platform.shut_out.clear()
    await site.come_in()
    assert Counter(range(1, 9)) == Counter(site.platform.numbers)


async def test_an_outcome_that_is_older_than_the_platform_remembers_holds_that_institution_alone():
    """The platform may take it twice: a person is asked about the one batch, and the others' records go on."""
    site = Hospitals()
    site.deliver_options |= {"msgid_memory_s": 3600.0, "probe_s": 60.0, "max_probe_s": 60.0}
    site.more(4)
    site.platform.script = [Retry(cause=RetryCause.TIMEOUT)]
    site.platform.shut_out = {A, B, C, D}
    site.most_aside = 4
    await site.pass_by()
    doubted = [name for name, entry in site.mark.aside.items() if not entry.plan.quiet]
    assert 1 == len(doubted)
    site.now_ms += 7_200_000
    site.platform.shut_out.clear()
    site.more(4)
    logs = await site.run(
        lambda: site.mark.seq == 9 and set(site.mark.aside) == set(doubted) and len(site.platform.numbers) == 6, what="the others"
    )
    stood = told(logs, "institution_stopped")
    assert [(doubted[0], True)] == [(entry["institution"], "longer than the platform remembers" in entry["why"]) for entry in stood]


async def test_a_flood_of_refusals_in_what_was_aside_holds_that_institution_alone():
    """Its new key may belong to another hospital: nobody else's records wait for a person to find that out."""
    site = Hospitals(shut_out=[A])
    site.more(12)
    await site.pass_by()
    site.guard = flood_guard(min_refused=2)
    site.platform.shut_out.clear()
    site.platform.refuses = {f"{number}" for number in site.all_of(A)}
    site.more(4)
    logs = await site.run(
        lambda: sorted(site.platform.numbers) == site.all_of(B, C, D) and site.mark.seq == 17, what="the others going on"
    )
    assert [A] == [entry["institution"] for entry in told(logs, "institution_stopped")]
    assert [] == site.log.messages(site_dead())


def site_dead():
    return READY._replace(topic=TOPICS.dead)


async def test_what_waits_and_is_gone_from_the_topic_is_told_and_passed_by_nobody():
    """Retention is days and a hold may be longer: silence would lose a hospital's week."""
    site = Hospitals()
    site.more(8)
    await site.come_in()
    said = site.committed("deliver")
    mark = replace(deliver_mark(said.metadata), aside={A: Aside(number=3, offset=4, since=0)})
    site.log.committed_offsets[TOPICS.group("deliver"), READY] = Committed(offset=said.offset, metadata=mark.text())
    site.more(4)
    logs = await site.run(lambda: site.mark.seq == 13 and len(site.platform.numbers) == 11, what="the others going on")
    assert ["record 3 "] == [entry["why"][:9] for entry in told(logs, "institution_stopped")]
