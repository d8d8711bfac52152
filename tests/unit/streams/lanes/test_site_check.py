"""A worker whose topics are bound to another site does not begin, and does not go on."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from streams.errors import Fatal
from streams.lanes.assignment import Assignment
from streams.lanes.exits import Exit
from streams.lanes.ports import TopicPartition
from streams.lanes.site_check import SiteCheck
from streams.lanes.watch import Watch
from streams.testing import FakeLog
from tests.unit.streams.lanes.lane_rig import READY, Rig
from tests.unit.streams.topics.test_binding import BOUND, COPY, SITE, entry

AT = TopicPartition("h.site.binding", 0)


@pytest.fixture
def log():
    log = FakeLog()
    log.append(AT, key=b"first", value=BOUND.dump())
    return log


def rebind(log):
    rebound = replace(BOUND, identity=COPY, entry=entry("second"), after="first")
    log.append(AT, key=b"second", value=rebound.dump())


async def test_a_lane_of_another_site_opens_nothing_and_fences_nobody(log):
    """The lane that works on the partition is the real site's: it must not be stopped by the copy's."""
    rig, steps = Rig(), []
    check = SiteCheck(log, COPY, topic=AT.topic)
    lane = rig.deliver_lane()
    lane.context = replace(lane.context, demand_site=check.demand)

    async def told(step):
        steps.append(step)

    rig.log.on_step = told
    lane.start()
    await rig.deaths.happened.wait()
    (death,) = rig.deaths.reasons
    assert (Exit.OTHER_SITE, [], 0) == (death.exit_code, steps, rig.platform.posts)
    await lane.close()


async def test_a_running_worker_notices_that_its_site_was_bound_anew(log):
    """It would go on to post to the platform that the site has left."""
    rig = Rig()

    async def no_numbers(_partitions):
        return {}

    context = replace(rig.context("deliver"), demand_site=SiteCheck(log, SITE, topic=AT.topic).demand)
    watch = Watch(Assignment([READY.topic], lambda *_: None), no_numbers, context=context)
    await watch.look()
    rebind(log)
    with pytest.raises(Fatal, match=r"--rebind platform") as ended:
        await watch.look()
    assert Exit.OTHER_SITE == ended.value.exit_code


async def test_brokers_that_do_not_say_whose_topics_these_are_do_not_blind_the_watch():
    """A deleted `site.binding` must not keep a missing number from being seen."""
    rig, asked = Rig(), []

    async def no_answer():
        raise OSError

    async def numbers(partitions):
        asked.append(partitions)
        return {}

    context = replace(rig.context("deliver"), demand_site=no_answer)
    watch = Watch(Assignment([READY.topic], lambda *_: None), numbers, context=context)
    with capture_logs() as told:
        await watch.look()
        await watch.look()
    assert ([[], []], ["site_unconfirmed"]) == (asked, [line["event"] for line in told])


async def test_the_topic_is_read_again_only_when_something_was_written(log):
    """Twelve lanes ask at every rebalance."""
    read = []

    async def told(step):
        read.append(step)

    check = SiteCheck(log, SITE, topic=AT.topic)
    log.on_step = told
    await check.demand()
    await check.demand()
    assert ["read"] == read


async def test_an_empty_topic_binds_nobody():
    """It is what an interrupted `topics apply` leaves."""
    with pytest.raises(Fatal, match="not bound to a site"):
        await SiteCheck(FakeLog(), SITE, topic=AT.topic).demand()
