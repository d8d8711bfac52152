"""What belongs to a visit or settlement that the platform refused waits, and goes when that one is accepted (rule R24)."""

import orjson
import pytest

from streams.domain.ready import ALONE, RECALL, REPORTED, Emission, decode, encode
from streams.domain.records import Record
from streams.errors import Newer
from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.deliver.orphan_kin import Decision
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.exits import Exit
from streams.lanes.marks import JoinMark, deliver_mark
from streams.lanes.ports import Committed, TopicPartition
from streams.spec.fields import ServiceCode
from streams.testing import FakeLog, FakePlatform, numbers
from tests.settings import flood_guard
from tests.unit.streams.lanes.lane_rig import CHANGES, DEAD, INSTITUTION, READY, TOPICS, Rig, held, through

VISIT, SETTLEMENT, FEE = ServiceCode
AT = TopicPartition(TOPICS.orphans, 0)


def write(rig, number, service, key, *, tail=(), visit=b"v1", **fields):
    """One ready record, as the join writes it."""
    record = Record(
        service=service,
        institution=INSTITUTION,
        infno="2204",
        key=key,
        value=b"" if RECALL in tail else orjson.dumps(fields),
        content_hash="0" * 32,
        mapping_version="m@1",
        business_day="2024-05-06",
        amount="1.00",
    )
    emission = Emission(record=record, visit_key=visit, position="7", committed_at=1, captured_at=2, tail=tail)
    key_, value, headers = encode(emission, number)
    rig.log.committed_offsets[TOPICS.group("join"), CHANGES] = Committed(offset=0, metadata=JoinMark(seq=number + 1).text())
    rig.log.append(READY, key=key_, value=value, headers=headers)


def family(rig, first=1, **options):
    """A visit, its settlement and two lines, and a visit of somebody else."""
    write(rig, first, VISIT, "M", MDTRT_ID="M")
    write(rig, first + 1, SETTLEMENT, "S", MDTRT_ID="M", SETL_ID="S", **options)
    write(rig, first + 2, FEE, "F1", MDTRT_ID="M", SETL_ID="S", **options)
    write(rig, first + 3, FEE, "F2", MDTRT_ID="M", SETL_ID="S", **options)
    write(rig, first + 4, VISIT, "N", visit=b"v2", MDTRT_ID="N")


def mark(rig):
    return deliver_mark(rig.committed("deliver").metadata)


async def test_what_belongs_to_a_refused_visit_waits_through_restarts_and_goes_in_order_when_it_is_mended():
    """A platform that looks for parents refuses what comes without them; one that does not keeps lines of a visit that it never
    took. One thing is to be mended, and nobody sends the rest by hand.
    """
    rig = Rig()
    family(rig)
    rig.platform = FakePlatform(refuses=["M"])
    assert await rig.settle(rig.deliver_lane(1), through(rig, 6), at=READY)
    assert [5] == rig.platform.numbers
    assert [1] == numbers(rig.log.messages(DEAD))
    assert (1, 3) == mark(rig).orphans
    assert '"seq":"6"' in rig.committed("deliver").metadata, "a version that knows nothing of it would never send them"
    write(rig, 6, FEE, "F3", MDTRT_ID="M", SETL_ID="S")
    assert await rig.settle(rig.deliver_lane(2), through(rig, 7), at=READY)
    rig.platform.refuses.clear()
    write(rig, 7, VISIT, "M", tail=(REPORTED,), MDTRT_ID="M", x="mended")

    def all_freed():
        return rig.outcomes.of("orphan", "freed") == 4 and mark(rig).plan is None

    assert await rig.settle(rig.deliver_lane(3), all_freed, at=READY)
    assert [5, 7, 2, 3, 4, 6] == rig.platform.numbers
    assert (8, (0, 0)) == (mark(rig).seq, mark(rig).orphans)
    assert '"seq":8' in rig.committed("deliver").metadata


async def test_lines_wait_for_a_refused_settlement_alone():
    """Their visit is there; the settlement is what is missing."""
    rig = Rig()
    family(rig)
    rig.platform = FakePlatform(refuses=["S"])
    assert await rig.settle(rig.deliver_lane(), through(rig, 6), at=READY)
    assert [1, 5] == sorted(rig.platform.numbers)
    assert (1, 2) == mark(rig).orphans


async def test_a_refused_correction_holds_nothing():
    """The platform has the visit, in its older version."""
    rig = Rig()
    write(rig, 1, VISIT, "M", tail=(REPORTED,), MDTRT_ID="M")
    write(rig, 2, SETTLEMENT, "S", MDTRT_ID="M", SETL_ID="S")
    rig.platform = FakePlatform(refuses=["M"])
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    assert [2] == rig.platform.numbers
    assert (0, 0) == mark(rig).orphans


async def test_a_mapping_that_lets_records_go_alone_is_obeyed():
    """`rules: {R24: off}` or `warn`: the platform wants the line without its settlement."""
    rig = Rig()
    family(rig, tail=(ALONE,))
    rig.platform = FakePlatform(refuses=["M"])
    assert await rig.settle(rig.deliver_lane(), through(rig, 6), at=READY)
    assert [2, 3, 4, 5] == sorted(rig.platform.numbers)


async def test_a_later_version_that_belongs_elsewhere_goes_and_makes_the_waiting_one_needless():
    """A settlement that was refused is often made anew under another number, and its lines with it. The older version of a line
    must neither come after the newer one nor wait for ever; its bytes stay in a letter that is closed.
    """
    rig = Rig()
    family(rig)
    rig.platform = FakePlatform(refuses=["S"])
    assert await rig.settle(rig.deliver_lane(1), through(rig, 6), at=READY)
    write(rig, 6, SETTLEMENT, "T", MDTRT_ID="M", SETL_ID="T")
    write(rig, 7, FEE, "F1", MDTRT_ID="M", SETL_ID="T")
    assert await rig.settle(rig.deliver_lane(2), through(rig, 8), at=READY)
    assert [1, 5, 6, 7] == sorted(rig.platform.numbers)
    assert (1, 1) == mark(rig).orphans
    [_, closed] = rig.log.messages(DEAD)
    said = dict(closed.headers)
    assert (b"SUPERSEDED", b"3", True) == (said["x-dlq-rule"], said["seq"], "x-dlq-closed-at" in said)


async def test_a_visit_that_fits_into_no_envelope_holds_what_belongs_to_it():
    """It is not sent either."""
    rig = Rig()
    write(rig, 1, VISIT, "M", MDTRT_ID="M", x="x" * 20_000)
    write(rig, 2, SETTLEMENT, "S", MDTRT_ID="M", SETL_ID="S")
    assert await rig.settle(rig.deliver_lane(), through(rig, 3), at=READY)
    assert 0 == rig.platform.posts
    assert (1, 1) == mark(rig).orphans


async def test_a_lane_whose_waiting_records_are_gone_stops():
    """A topic that was deleted and made anew: going on would lose them without a word."""
    rig = Rig()
    family(rig)
    rig.platform = FakePlatform(refuses=["M"])
    assert await rig.settle(rig.deliver_lane(1), through(rig, 6), at=READY)
    for message in rig.log.messages(AT)[:2]:
        rig.log.append(AT, key=message.key, value=None)
    assert not await rig.settle(rig.deliver_lane(2), lambda: False, at=READY)
    assert [Exit.SHORT_LOG] == [reason.exit_code for reason in rig.deaths.reasons]


async def test_what_waits_and_has_no_row_any_more_does_not_go_when_its_parent_is_mended():
    """A person was told that the line is withdrawn, or its visit of today reported it: it would stand at the platform again, or an
    older version would come last. Its bytes stay in a letter that is closed; what comes back later is sent.
    """
    rig = Rig()
    family(rig)
    rig.platform = FakePlatform(refuses=["M"])
    assert await rig.settle(rig.deliver_lane(1), through(rig, 6), at=READY)
    write(rig, 6, FEE, "F1", tail=(RECALL,))
    assert await rig.settle(rig.deliver_lane(2), through(rig, 7), at=READY)
    assert ([5], (1, 2)) == (rig.platform.numbers, mark(rig).orphans)
    [_, closed] = rig.log.messages(DEAD)
    said = dict(closed.headers)
    assert (b"RECALLED", b"3", True) == (said["x-dlq-rule"], said["seq"], "x-dlq-closed-at" in said)
    rig.platform.refuses.clear()
    write(rig, 7, VISIT, "M", tail=(REPORTED,), MDTRT_ID="M", x="mended")
    write(rig, 8, FEE, "F2", MDTRT_ID="M", SETL_ID="S", x="newer")
    write(rig, 9, FEE, "F2", tail=(RECALL,))
    write(rig, 10, FEE, "F2", MDTRT_ID="M", SETL_ID="S", x="back")
    assert await rig.settle(rig.deliver_lane(3), lambda: 10 in rig.platform.numbers and mark(rig).plan is None, at=READY)
    assert (False, 10) == (3 in rig.platform.numbers, rig.platform.numbers[-1])


async def test_recalls_alone_are_settled_without_a_request_and_without_a_word():
    """A night's deletions of what nobody waits for: nothing is posted or written for them."""
    rig = Rig()
    for number in range(1, 4):
        write(rig, number, FEE, f"F{number}", tail=(RECALL,))
    assert await rig.settle(rig.deliver_lane(), through(rig, 4), at=READY)
    assert (0, 4, (0, 0)) == (rig.platform.posts, mark(rig).seq, mark(rig).orphans)
    assert [] == [*rig.log.messages(DEAD), *rig.log.messages(AT)]
    assert '"seq":4' in rig.committed("deliver").metadata


async def test_recalls_do_not_thin_out_a_flood():
    """A key that goes bad on a night of deletions is a flood all the same: nothing else of the plan is posted."""
    rig = Rig()
    rig.guard = flood_guard(min_refused=2, ratio=0.5)
    for number in range(1, 7):
        write(rig, number, FEE, f"F{number}", tail=(RECALL,))
    for number in (7, 8):
        write(rig, number, VISIT, f"M{number}", MDTRT_ID=f"M{number}", x="x" * 20_000)
    lane = rig.deliver_lane()
    assert "2 of 2 records" in await held(rig, lane)
    await lane.close()
    assert [] == rig.log.messages(DEAD)


def recalling(rig, number, service, key):
    write(rig, number, service, key, tail=(RECALL,))
    return records_of(rig)[-1]


def test_what_waits_for_a_parent_that_was_recalled_waits_on():
    """The platform never took that settlement. Its line would be refused, or stand there without one."""
    rig = Rig()
    family(rig)
    visit, settlement, line, *_ = records_of(rig)
    orphans = Orphans(AT, READY)
    orphans.settle([Decision((visit,), accepted=False)], [settlement, line], failed_at=1)
    orphans.settle([], [], failed_at=1, recalls=[recalling(rig, 6, SETTLEMENT, "S")])
    orphans.settle([Decision((visit,), accepted=True)], [], failed_at=1)
    assert 0b1 == orphans.left_out([line])
    assert ([], (1, 1)) == (orphans.free(9), orphans.counts)
    write(rig, 7, SETTLEMENT, "S", visit=b"v9", MDTRT_ID="N", SETL_ID="S")
    changed = orphans.settle([Decision((records_of(rig)[-1],), accepted=True)], [], failed_at=1)
    assert ([line], (0, 1)) == (orphans.free(9), orphans.counts), "it is there, in whatever visit"
    assert {"parent_mended": 1} == changed.counts


def test_a_recall_takes_back_its_own_record_alone_and_nothing_that_was_sent_after_it():
    """A key names a record of one service of one institution, and what came later has its row."""
    rig = Rig()
    family(rig)
    visit, settlement, line, *_ = records_of(rig)
    orphans = Orphans(AT, READY)
    orphans.settle([Decision((visit,), accepted=False)], [settlement, line], failed_at=1)
    other, earlier = recalling(rig, 6, SETTLEMENT, "F1"), recalling(rig, 7, FEE, "F1")._replace(number=line.number - 1)
    changed = orphans.settle([], [], failed_at=1, recalls=[other, earlier])
    assert ({}, (1, 2)) == (changed.counts, orphans.counts)


def records_of(rig):
    return [decode(message) for message in rig.log.messages(READY)]


def test_what_finds_no_room_is_a_dead_letter_and_holds_its_own_lines():
    """The memory is bounded, and nothing is dropped in silence."""
    rig = Rig()
    family(rig)
    visit, settlement, line, *_ = records_of(rig)
    orphans = Orphans(AT, READY, most=0)
    changed = orphans.settle([Decision((visit,), accepted=False)], [settlement], failed_at=1)
    assert ["PARENT_REFUSED"] == [letter.rule for letter in changed.dead]
    orphans.settle([Decision((visit,), accepted=True)], [], failed_at=1)
    assert 0b1 == orphans.left_out([line]), "the settlement itself was not sent"


def test_a_waiting_record_comes_back_as_it_stood():
    """Its bytes, its headers (also those that a later version added) and its times: it is posted and told like any other."""
    rig = Rig()
    write(rig, 7, FEE, "F", tail=((("later", b"\xff\x00")),), visit="就诊\xff".encode("latin-1", "replace"), MDTRT_ID="M")
    [record] = records_of(rig)
    assert record == entries.read_waiting(entries.waiting_value(record), READY)


def test_a_header_without_a_value_ends_no_worker():
    """Kafka knows such headers, and anybody may write one behind ours."""
    rig = Rig()
    write(rig, 7, FEE, "F", tail=(("theirs", None),), MDTRT_ID="M")
    [record] = records_of(rig)
    assert (("theirs", b""),) == entries.read_waiting(entries.waiting_value(record), READY).added


def test_an_entry_of_a_later_version_is_refused():
    """It may say something that must not be dropped."""
    with pytest.raises(Newer):
        entries.read_refused(b"p\x1fI\x1fmdtrt_d\x1fM", b'[2,"v"]')


async def test_what_is_open_at_one_time_is_read_as_it_was_written():
    """A restart in any state finds the same parents and the same order."""
    rig = Rig()
    family(rig)
    visit, settlement, line, *_ = records_of(rig)
    log, orphans, again = FakeLog(), Orphans(AT, READY), Orphans(AT, READY)
    for send in orphans.settle([Decision((visit,), accepted=False)], [settlement, line], failed_at=1).sends:
        log.append(AT, key=send.key, value=send.value)
    await again.restore(log, (1, 2))
    for one in (orphans, again):
        one.settle([Decision((visit,), accepted=True)], [], failed_at=1)
    assert [settlement] == orphans.free(9) == again.free(9), "lines follow their settlement"
