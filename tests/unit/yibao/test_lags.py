"""What `connector status` says of lanes that do not get through: as whoever is called at night reads it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from connector.contract import Topics
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark
from streams.topics.broker import CommittedOffset
from yibao.lags import lags_of

OPENED = datetime(2024, 5, 1, 4, 0, tzinfo=UTC)
SITE = SimpleNamespace(topics=Topics(), kafka=SimpleNamespace(partitions=2), sources={"his": None}, timezone="Asia/Shanghai")


class Offsets:
    """Brokers that know what is committed. workers: how many take part in each stage."""

    def __init__(self, *plans, workers=1):
        place = PlaceMark(out=(7, 1)).text()
        joined = {0: JoinMark(seq=100, taken={"his/": 7}).text(), 1: JoinMark(seq=1, taken={"his/": 1}).text()}
        delivered = {number: DeliverMark(seq=40, plan=plan).text() for number, plan in enumerate(plans)}
        self._marks = {"rows.his": {0: place}, "visit.changes": joined, "visit.ready": delivered}
        self._workers = workers

    def members(self, _groups):
        return ["a worker"] * self._workers

    def committed(self, _group, topic, _partitions):
        return {number: CommittedOffset(offset=5, metadata=text) for number, text in self._marks[topic].items()}

    def ends(self, _topic):
        return {0: 5}


def plan(**changed):
    about = {"size": 57, "last_offset": 70, "id": "29dxs0s1te0b00", "refused": 0, "opened_at": int(OPENED.timestamp()), "cut": "c"}
    return Plan(**(about | changed))


def told(broker, *, after_s):
    return [line for lag in lags_of(SITE, broker) for line in lag.lines(OPENED + timedelta(seconds=after_s))]


@pytest.mark.parametrize(
    ("quiet", "after_s", "says"),
    [
        (True, 5, "held, nothing of it was taken"),
        (True, 900, "(15 min), held, nothing of it was taken"),
        (False, 900, "(15 min), not through"),
        (False, 60, None),
    ],
)
def test_a_plan_that_does_not_get_through_is_named_with_its_partition_since_when_and_what_to_do(quiet, after_s, says):
    """Only its worker's log knows the reason; the partition is what to look for in it. A plan on its way is no news."""
    lines = told(Offsets(None, plan(quiet=quiet)), after_s=after_s)
    assert bool(says) == bool(lines)
    if says:
        assert "deliver, partition 1: plan 29dxs0s1te0b00 (57 records) is open since 2024-05-01 12:00:00+08:00" in lines[0]
        assert says in lines[0]
        assert "lane_held" in lines[1]


def test_a_stage_without_a_worker_is_named_where_something_waits_for_it():
    """Numbers that grow, and nobody who is at fault: it was never started."""
    lines = told(Offsets(None, None, workers=0), after_s=0)
    assert ["deliver: 60 wait and no worker takes part: start it"] == lines


def test_an_institution_that_is_aside_is_named_since_when_and_where_to_look():
    """All lanes go on, so nothing else in view would tell why one hospital's records do not come."""
    broker, begun = Offsets(None, None), int(OPENED.timestamp())
    for number, waiting in enumerate((3, 4)):
        aside = {"H36110200001": Aside(number=5, offset=5, since=begun + number, waiting=waiting)}
        broker._marks["visit.ready"][number] = DeliverMark(seq=40, aside=aside).text()
    (lag,) = (one for one in lags_of(SITE, broker) if one.stage == "aside")
    what, where = lag.lines(OPENED)
    assert what.startswith("H36110200001: set aside since 2024-05-01 12:00:00+08:00, 7 of its records wait")
    assert "institution_held" in where
    assert "2024-05-01T12:00:00+08:00" == lag.document["since"]


def test_a_mark_that_is_not_ours_takes_nothing_else_from_view():
    """Its worker ends for it and says so; the other partitions are shown."""
    broker = Offsets(None, plan())
    broker._marks["visit.ready"][0] = "somebody's"
    (deliver,) = (one for one in lags_of(SITE, broker) if one.stage == "deliver")
    assert [1] == [one.partition for one in deliver.plans]
