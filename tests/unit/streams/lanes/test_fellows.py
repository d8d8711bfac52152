"""Workers of one stage with different mappings: nobody works beside another one, and nobody who works is disturbed."""

import asyncio

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError
from structlog.testing import capture_logs

from streams.errors import Fatal, Unreachable
from streams.lanes import fellows
from streams.lanes.exits import Exit
from streams.lanes.fellows import Fellow, Fellowship, fellow_of

OLD, NEW = "0a0a0a0a", "ffffffff"


def worker(index, mapping, since_ms):
    return Fellow(name=f"yibao-first-join-{index}", mapping=mapping, since_ms=since_ms)


class Group:
    """The members of a group, and a clock that goes on while somebody waits. goes: by question, who has gone before it."""

    def __init__(self, *members, goes=(), away=0, error=KafkaConnectionError):
        self.members, self.goes, self.away, self.asked, self.now = list(members), dict(goes), away, 0, 0.0
        self.error = error

    async def __call__(self):
        self.asked += 1
        if self.asked <= self.away:
            raise self.error
        self.members = [one for one in self.members if one is not self.goes.get(self.asked)]
        return [(one if isinstance(one, str) else one.client_id, "/10.0.0.3") for one in self.members]

    def seen_by(self, me):
        return Fellowship(me, self, group="yibao-join", servers="b:1", clock=lambda: self.now)

    async def sleep(self, for_s):
        self.now += for_s


@pytest.fixture
def pausing(monkeypatch):
    """Lets time of a group pass where somebody waits for it."""

    def of(group):
        monkeypatch.setattr(fellows.asyncio, "sleep", group.sleep)
        return group

    return of


def test_a_worker_is_known_by_its_name_whatever_the_site_is_called():
    """The name is all that the brokers tell of a member; a worker of an earlier version says nothing, and is no reason to wait."""
    me = Fellow(name="yibao-第一医院.m1-join-0", mapping=OLD, since_ms=1_795_931_046_553)
    found = fellow_of(me.client_id, "/10.0.0.3")
    assert (me.name, OLD, me.since_ms, "10.0.0.3") == (found.name, found.mapping, found.since_ms, found.host)
    assert None is fellow_of("yibao-first-join-0", "/10.0.0.3")


async def test_one_that_comes_waits_until_those_with_another_mapping_have_gone(pausing):
    """Workers that are replaced one by one: the new ones begin when the last old one has gone, and nobody has to order that."""
    first, second = worker(0, OLD, 1), worker(1, OLD, 2)
    group = pausing(Group(first, second, "yibao-first-join-7", goes={3: first, 50: second}))
    told = []
    with capture_logs() as logs:
        await group.seen_by(worker(2, NEW, 3)).wait(patient=False, standing_by=told.append)
    assert 50 == group.asked
    assert ["", "yibao-first-join-1 at 10.0.0.3 with mapping 0a0a0a0a"] == [*reversed(told)][:2], "the last, and that it has gone"
    assert ["mapping_awaited"] * 2 == [one["event"] for one in logs]
    assert ["yibao-first-join-0 at 10.0.0.3 with mapping 0a0a0a0a", "yibao-first-join-1 at 10.0.0.3 with mapping 0a0a0a0a"] == logs[
        0
    ]["others"]


async def test_brokers_that_do_not_say_who_works_are_asked_again_and_not_for_ever(pausing):
    """A coordinator that moves says nothing for a moment; silence must not be taken for an empty group."""
    await pausing(Group(away=3)).seen_by(worker(0, NEW, 1)).wait(patient=False)
    with pytest.raises(Unreachable, match="who works in yibao-join"):
        await pausing(Group(away=1000)).seen_by(worker(0, NEW, 1)).wait(patient=False)


async def test_a_worker_at_work_waits_for_the_brokers_and_not_for_one_that_refuses(pausing):
    """An outage ends no worker; a missing right does, for it does not come back by itself."""
    away = pausing(Group(away=1000))
    await away.seen_by(worker(0, NEW, 1)).demand(1)
    await pausing(Group(away=1000)).seen_by(worker(0, NEW, 1)).wait(patient=True)
    assert 1001 == away.asked
    with pytest.raises(Unreachable, match="GroupAuthorizationFailedError"):
        await pausing(Group(away=1, error=GroupAuthorizationFailedError)).seen_by(worker(0, NEW, 1)).demand(1)


@pytest.mark.parametrize("members", [[worker(0, OLD, 1), worker(1, NEW, 2)], [worker(0, OLD, 1), worker(1, NEW, 1)]])
async def test_of_two_that_begin_together_the_later_one_ends_and_the_other_goes_on(members):
    """Both asked before either was there. If both ended, or neither, the mapping would be left to chance."""
    group = Group(*members)
    first, second = map(group.seen_by, members)
    await first.demand(7)
    with pytest.raises(Fatal, match=r"0a0a0a0a.*stop all workers of the stage") as ended:
        await second.demand(7)
    assert Exit.OTHER_MAPPING == ended.value.exit_code


async def test_each_generation_of_the_group_is_asked_about_once():
    """A process with many partitions opens as many lanes; a member that comes makes another generation."""
    me, group = worker(0, OLD, 2), Group(worker(0, OLD, 2))
    fellowship = group.seen_by(me)
    await asyncio.gather(*(fellowship.demand(1) for _ in range(12)))
    group.members.append(worker(1, NEW, 1))
    with pytest.raises(Fatal):
        await fellowship.demand(2)
    assert 2 == group.asked
