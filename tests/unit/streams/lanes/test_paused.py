"""What a person paused waits at the next transaction, is told, and goes on from where it stood."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from streams.errors import Newer
from streams.lanes import lane as lanes
from streams.lanes.control_feed import ControlFeed
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import TopicPartition
from streams.lanes.steering import Steering
from streams.testing import FakeLog, wait_for
from streams.topics.control import Control
from streams.topics.steering import Paused
from tests.unit.streams.lanes.deliver.test_asides import A, B, Hospitals, told
from tests.unit.streams.lanes.lane_rig import CHANGES, READY, TOPICS, Rig
from tests.unit.streams.lanes.place.test_lane import ROWS, Place
from tests.unit.streams.lanes.place.test_lookout import FACTS, Database, lookout
from tests.unit.streams.topics.test_steering import pause

CONTROL = TopicPartition(TOPICS.control, 0)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    for module in ("streams.lanes.lane", "streams.lanes.deliver.asides"):
        monkeypatch.setattr(f"{module}.LOOK_S", 0.001)
    monkeypatch.setattr("streams.lanes.deliver.lane._ASK_AGAIN_S", 0.001)


def order(rig, of, name, *, paused=True, **more):
    rig.orders.pauses[of, name] = pause(of=of, name=name, paused=paused, **more)


async def nothing_moves(rig, lane, stage):
    """Give the lane many turns of the loop, in which it commits nothing."""
    before = rig.committed(stage)
    for _ in range(200):
        await asyncio.sleep(0)
    assert (before, []) == (rig.committed(stage), rig.deaths.reasons)
    assert lane.paused


@pytest.mark.parametrize("stage", ["join", "deliver"])
async def test_a_stage_that_is_paused_takes_nothing_new_and_goes_on_from_there(stage):
    """The database or the platform is to be left alone for a while, and nobody stops all workers for it."""
    rig = Rig()
    for number in range(1, 11):
        if stage == "join":
            rig.change(number)
        else:
            rig.ready(number)
    order(rig, Paused.STAGE, stage)
    lane = rig.join_lane() if stage == "join" else rig.deliver_lane()
    lane.put(rig.log.messages(CHANGES if stage == "join" else READY))
    lane.start()
    await wait_for(lambda: lane.buffer is not None or rig.deaths.reasons)
    await nothing_moves(rig, lane, stage)
    order(rig, Paused.STAGE, stage, paused=False)
    await wait_for(lambda: rig.committed(stage).offset >= 10 or rig.deaths.reasons)
    await lane.close()
    assert [] == rig.deaths.reasons
    assert (list(range(1, 11)) if stage == "deliver" else []) == sorted(rig.platform.numbers)


@pytest.mark.parametrize("what", [(Paused.SOURCE, "his"), (Paused.STAGE, "place")])
async def test_a_source_that_is_paused_and_stopped_goes_on_when_both_are_over(what):
    """A person's pause and a stop by the look-out are two reasons: who ends one of them does not end the other."""
    place, stopped = Place(), Control(source="his", facts=FACTS, at="", by="", reasons=("publication is gone",))
    for number in range(6):
        place.captured(number, visit="V1")
    watch = lookout(place.log, Database())
    await watch.gate.write(stopped)
    order(place, *what)
    lane = place.lane(lookout=watch)
    lane.put(place.log.messages(ROWS))
    lane.start()
    await wait_for(lambda: lane.buffer is not None or place.deaths.reasons)
    await watch.gate.write(replace(stopped, reasons=()))
    for _ in range(200):
        await asyncio.sleep(0)
    assert (0, []) == (place.committed.offset, place.deaths.reasons)
    await watch.gate.write(stopped)
    order(place, *what, paused=False)
    for _ in range(200):
        await asyncio.sleep(0)
    assert (0, []) == (place.committed.offset, place.deaths.reasons)
    await watch.gate.write(replace(stopped, reasons=()))
    await wait_for(lambda: place.committed.offset == 6 or place.deaths.reasons)
    await lane.close()
    assert [] == place.deaths.reasons


async def test_an_institution_that_is_paused_waits_for_itself_and_catches_up_in_order():
    """Also over a restart of the worker, which must not send what a person keeps back."""
    site = Hospitals()
    site.more(40)
    order(site, Paused.INSTITUTION, A)
    logs = await site.pass_by()
    assert ([], site.all_of(B)) == (site.taken(A), sorted(site.taken(B)))
    (entry,) = site.mark.aside.values()
    assert (True, 10, "paused") == (entry.is_paused, entry.waiting, entry.cause)
    assert [A] == [one["institution"] for one in told(logs, "institution_paused")]
    assert [] == told(logs, "institution_held")
    site.more(8)
    await site.pass_by()
    assert [] == site.taken(A)
    order(site, Paused.INSTITUTION, A, paused=False)
    await site.come_in()
    assert site.all_of(A) == sorted(site.taken(A))
    assert sorted(range(1, 49)) == sorted(site.platform.numbers)


async def test_a_pause_that_has_an_end_ends_by_itself():
    """Nobody writes anything then: each worker looks at its clock."""
    site = Hospitals()
    site.more(8)
    until = datetime.fromtimestamp(site.now_ms / 1000, UTC) + timedelta(hours=1)
    order(site, Paused.INSTITUTION, A, until=until.isoformat())
    await site.pass_by()
    assert [] == site.taken(A)
    site.now_ms += 3_600_000
    await site.come_in()
    assert site.all_of(A) == sorted(site.taken(A))


async def test_of_a_service_that_is_paused_the_next_record_waits_with_what_comes_behind_it():
    """What comes behind may belong to it: a line never goes before its settlement."""
    site = Hospitals()
    site.more(24)  # every third is a fee line, the others are settlements
    order(site, Paused.SERVICE, "fee_list_d")
    first = {name: min(number for number in site.all_of(name) if number % 3 == 0) for name in (A, B)}
    await site.run(
        lambda: (
            site.mark.seq == 25
            and site.mark.plan is None
            and len(site.taken(A)) + len(site.taken(B)) == _before(site, A) + _before(site, B)
        ),
        what="all but what is behind a fee line",
    )
    for name, number in first.items():
        assert [one for one in site.all_of(name) if one < number] == sorted(site.taken(name))
    order(site, Paused.SERVICE, "fee_list_d", paused=False)
    await site.come_in()
    assert all(site.all_of(name) == sorted(site.taken(name)) for name in (A, B))


def _before(site, name):
    numbers = site.all_of(name)
    return numbers.index(min(number for number in numbers if number % 3 == 0))


async def test_a_version_that_knows_no_pause_does_not_let_an_institution_go_on_that_is_paused():
    """It would take the entry for one whose fault may be mended, and post. It ends with 77."""
    site = Hospitals()
    site.more(4)
    order(site, Paused.INSTITUTION, A)
    await site.pass_by()
    text = site.committed("deliver").metadata
    assert '"h":1' in text
    with pytest.raises(Newer):  # as this version does with a member that it does not know
        deliver_mark(text.replace('"h":1', '"i":1'))
    assert deliver_mark(replace(deliver_mark(text), rows={"x": 1})._shorter().text()).aside[A].is_paused


async def test_a_worker_reads_what_is_paused_before_its_first_record_and_tells_it_once():
    """One that starts during a pause must not send before it looked."""
    log = FakeLog()
    log.append(CONTROL, key=b"k", value=pause(of=Paused.STAGE, name="deliver", until="").dump())
    steering = Steering("deliver", ControlFeed(log, topic=TOPICS.control), wall_ms=lambda: 1_800_000_000_000)
    with capture_logs() as logs:
        await steering.open()
        await steering.open()
        assert steering.stage is not None
        log.append(CONTROL, key=b"k", value=pause(of=Paused.STAGE, name="deliver", paused=False, by="wang@office").dump())
        await steering.open()
        assert steering.stage is None
    assert [("work_paused", "li@office"), ("work_resumed", "wang@office")] == [(one["event"], one["by"]) for one in logs]


async def test_a_lane_opens_only_when_it_could_read_what_is_paused():
    """What cannot be read is not taken for nothing."""
    rig = Rig()
    rig.ready(1)
    rig.log.append(CONTROL, key=b"k", value=pause().dump().replace(b'"form":1', b'"form":9'))
    lane = rig.deliver_lane()
    object.__setattr__(lane.context, "steering", Steering("deliver", ControlFeed(rig.log, topic=TOPICS.control), wall_ms=lambda: 0))
    lane.put(rig.log.messages(READY))
    with pytest.raises(Newer):
        await lane.run()
    assert ([], lanes.LOOK_S) == (rig.platform.numbers, 0.001)
