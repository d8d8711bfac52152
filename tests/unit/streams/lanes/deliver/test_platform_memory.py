"""Which doubles remain when a platform forgets msgids, and which setting keeps them out: `docs/doubles.md`, as a run."""

from dataclasses import replace

import pytest
import structlog

from tests.unit.streams.lanes.deliver.deliver_worker import Setup, Thing
from tests.unit.streams.lanes.deliver.deliver_world import World
from tests.unit.streams.lanes.deliver.forgetful_platform import Fate, ForgetfulPlatform
from tests.unit.streams.lanes.stepped import silence

MEMORY_S = 3600.0
GOOD, BAD = Thing(kind=0, visit=0), Thing(kind=0, visit=0, bad=True)


@pytest.fixture(autouse=True)
def _quiet():
    silence()
    yield
    structlog.reset_defaults()


@pytest.fixture
def begin():
    worlds = []

    def begin_(things, **platform):
        world = World(lambda loop: ForgetfulPlatform(loop, **platform))
        worlds.append(world)
        for thing in things:
            world.produce(thing)
        return world

    yield begin_
    for world in worlds:
        world.loop.end()


def go(world, worker, until):
    """Let a worker go on until something is so."""
    worker.feed(world.log, 20)
    for _ in range(500):
        if until():
            return
        if not worker.step():
            world.loop.advance(1.0)
    raise AssertionError(f"it did not come to that: {worker.gate} {worker.lane.held}")


def crash_unheard(world, setup):
    """A worker dies between a POST and its answer."""
    worker = world.start(setup)
    go(world, worker, lambda: worker.gate == "answer")
    worker.dead = True


def finished(world):
    return lambda: world.mark.seq == world.next_number and world.mark.plan is None


def test_a_crash_before_the_answer_doubles_nothing_while_the_platform_remembers(begin):
    """The plan is on record, so the next owner asks under the same msgid."""
    world = begin([GOOD], forgets_after_s=MEMORY_S)
    crash_unheard(world, Setup())
    go(world, world.start(Setup()), finished(world))
    assert {1: 1} == world.platform.times


def test_a_crash_before_the_answer_doubles_when_the_next_owner_comes_after_the_platform_forgot(begin):
    """This is what remains without the setting: nobody knows the outcome, and the platform takes it for new."""
    world = begin([GOOD], forgets_after_s=MEMORY_S)
    crash_unheard(world, Setup())
    world.loop.advance(MEMORY_S + 1.0)
    go(world, world.start(Setup()), finished(world))
    assert {1: 2} == world.platform.times
    assert {1: 1} == world.outcome.receipts


def test_with_the_platforms_memory_set_the_lane_holds_instead(begin):
    """Asking a person costs an hour; a double settlement at the platform costs more."""
    world = begin([GOOD], forgets_after_s=MEMORY_S)
    guarded = Setup(msgid_memory_s=MEMORY_S - 60.0)
    crash_unheard(world, guarded)
    world.loop.advance(MEMORY_S + 1.0)
    worker = world.start(guarded)
    go(world, worker, lambda: bool(worker.lane.held))
    assert "longer than the platform remembers" in worker.lane.held
    assert {1: 1} == world.platform.times


def test_what_never_reached_the_platform_is_not_held_for_its_memory(begin):
    """After a day without a connection every lane would stand, and nothing could have been doubled."""
    world = begin([GOOD], forgets_after_s=MEMORY_S)
    world.platform.weather.append(Fate.UNREACHABLE)
    worker = world.start(Setup(msgid_memory_s=MEMORY_S - 60.0))
    go(world, worker, lambda: not world.platform.weather)
    world.loop.advance(MEMORY_S)
    go(world, worker, finished(world))
    assert {1: 1} == world.platform.times


@pytest.mark.parametrize("knows", [True, False])
def test_a_platform_that_remembers_refusals_is_asked_only_where_the_site_says_so(begin, knows):
    """Unasked, a record that the platform refused would get a receipt: `repeats_refused` must be set for such a platform."""
    world = begin([BAD], remembers_refused=True)
    setup = Setup(repeats_refused=knows)
    crash_unheard(world, setup)
    worker = world.start(setup)
    go(world, worker, lambda: bool(worker.lane.held) or bool(world.outcome.receipts) or bool(world.violations))
    assert knows == worker.lane.held.startswith("repeated_after_refusal")
    assert knows == (not world.violations)


def test_a_request_that_is_late_doubles_where_a_platform_takes_what_it_refused_before(begin):
    """The halves of a refused batch have ids of their own; the whole one that comes late and pleases now is new to the platform."""
    world = begin([GOOD, BAD])
    world.platform.weather.append(Fate.SLOW)
    worker = world.start(Setup())
    go(world, worker, finished(world))
    (late,) = world.platform.network
    assert 40000 == world.platform.arrive(late)
    assert {1: 1} == world.platform.times
    assert 200 == world.platform.arrive(replace(late, bad=False))
    assert {1: 2, 2: 1} == world.platform.times
