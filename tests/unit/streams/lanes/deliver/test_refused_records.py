"""Letters of the deliver stage, and of the join about what is delivered, close in the transaction that ends what they told."""

import pytest

from streams.deadletter import headers as h
from streams.domain.ready import CLOSES, RECALL, REPORTED
from streams.lanes.deliver import orphan_entries as entries
from streams.testing import FakePlatform
from tests.unit.streams.deadletter.index.in_memory import indexed
from tests.unit.streams.lanes.deliver.test_orphans import FEE, SETTLEMENT, TOPICS, VISIT, write
from tests.unit.streams.lanes.lane_rig import DEAD, READY, Rig, through

JOINS = "ab" * 16


def told(rig):
    """By message of `visit.dead`: class, or what closes which letter."""
    return [said_of(message) for message in rig.log.messages(DEAD)]


def said_of(message):
    said = {name: value.decode() for name, value in message.headers}
    return (said.get(h.CLOSED_BY) or said[h.CLASS], said[h.ID], said.get(h.CLOSED_EVIDENCE, ""))


def open_letters(rig):
    return {letter.id for letter in indexed(rig.log.messages(DEAD)).listed("open")}


async def delivered(rig, number, *, refuses=()):
    """Another owner of the lane delivers what there is."""
    rig.platform = FakePlatform(refuses=list(refuses))
    assert await rig.settle(rig.deliver_lane(number), through(rig, number), at=READY)


async def refused_once(**more):
    rig = Rig()
    write(rig, 1, SETTLEMENT, "S", SETL_ID="S", x="bad", **more)
    await delivered(rig, 2, refuses=["S"])
    return rig


async def test_a_refused_record_closes_its_letter_when_a_later_version_is_accepted():
    """The clerk mended it in the hospital's system; nobody has to look for the letter."""
    rig = await refused_once()
    [(_, letter, _)] = told(rig)
    write(rig, 2, SETTLEMENT, "S", tail=(REPORTED,), SETL_ID="S", x="good")
    await delivered(rig, 3)
    assert [("accepted", letter, "")] == told(rig)[1:]
    assert set() == open_letters(rig)
    assert not [one for one in rig.log.messages(TOPICS.orphans) if entries.is_letter(one.key) and one.value is not None]


async def test_a_record_that_is_refused_again_has_one_open_letter():
    """And that is the one about its latest version."""
    rig = await refused_once()
    write(rig, 2, SETTLEMENT, "S", tail=(REPORTED,), SETL_ID="S", x="still bad")
    await delivered(rig, 3, refuses=["S"])
    (_, first, _), (_, second, _), (by, closed, evidence) = told(rig)
    assert ("superseded", first, second) == (by, closed, evidence)
    assert {second} == open_letters(rig)
    write(rig, 3, SETTLEMENT, "S", tail=(REPORTED,), SETL_ID="S", x="good")
    await delivered(rig, 4)
    assert set() == open_letters(rig)


async def test_a_refused_record_whose_row_is_gone_has_no_open_letter():
    """It was never reported; there is nothing to mend and nothing to take back."""
    rig = await refused_once()
    write(rig, 2, SETTLEMENT, "S", tail=(RECALL,))
    await delivered(rig, 3)
    assert ["gone"] == [by for by, *_ in told(rig)[1:]]
    assert set() == open_letters(rig)


async def test_what_others_do_leaves_a_letter_open():
    """A letter is closed by its own record alone."""
    rig = await refused_once()
    write(rig, 2, SETTLEMENT, "S2", SETL_ID="S2", x="good")
    write(rig, 3, VISIT, "S", MDTRT_ID="S", x="good")
    await delivered(rig, 4)
    assert 1 == len(told(rig)) == len(open_letters(rig))


@pytest.mark.parametrize("service", [VISIT, FEE])
async def test_a_letter_of_the_join_is_closed_by_what_becomes_of_its_record(service):
    """Accepted: by the platform's taking it. Refused: by the letter that tells of that."""
    rig = Rig()
    write(rig, 1, service, "A", tail=((CLOSES, JOINS.encode()),), x="A")
    await delivered(rig, 2)
    [(by, letter, msgid)] = told(rig)
    assert ("accepted", JOINS) == (by, letter)
    assert [msgid] == [taken.msgid for taken in rig.platform.accepted]
    refusing = Rig()
    write(refusing, 1, service, "A", tail=((CLOSES, JOINS.encode()),), x="A")
    await delivered(refusing, 2, refuses=["A"])
    (dead_class, refusal, _), (by, letter, evidence) = told(refusing)
    assert ("superseded", JOINS, refusal, "REJECTED") == (by, letter, evidence, dead_class)
    assert {refusal} == open_letters(refusing)
