"""What `connector status` says of lanes that do not get through: as whoever is called at night reads it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from connector.contract import Topics
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark
from streams.seal import generate_key_pair
from streams.topics.broker import CommittedOffset, Member
from yibao.lags import lags_of

CODE = "H36110200001"
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

    def taking_part(self, groups):
        return dict.fromkeys(groups, [Member("a worker", frozenset())] * self._workers)

    def committed(self, _group, topic, _partitions):
        return {number: CommittedOffset(offset=5, metadata=text) for number, text in self._marks[topic].items()}

    def ends(self, _topic):
        return {0: 5}


def keyed_site(file):
    """SITE with an institution whose public key stands in a file."""
    institution = SimpleNamespace(code=CODE, public_key_file=file)
    return SimpleNamespace(**vars(SITE), institutions=[institution], file="site.yaml")


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
    assert [
        "place (his): no worker takes part: start it",
        "join: no worker takes part: start it",
        "deliver: 60 wait and no worker takes part: start it",
    ] == lines


def test_what_needs_a_person_is_told_by_the_exit_code_too():
    """A pipeline that watches it would call a hospital well whose records wait for days."""
    aside, begun = Offsets(None, None), int(OPENED.timestamp())
    entry = Aside(number=5, offset=5, since=begun, waiting=3)
    aside._marks["visit.ready"][0] = DeliverMark(seq=40, aside={CODE: entry}).text()
    held = Offsets(None, None)
    held._marks["visit.ready"][0] = DeliverMark(seq=40, plan=plan(), why="unknown_code 0").text()
    brokers = [Offsets(None, plan()), Offsets(None, plan(quiet=True)), Offsets(None, None, workers=0), aside, held]
    assert [True, False, False, False, False] == [all(one.is_well for one in lags_of(SITE, broker)) for broker in brokers]
    (deliver,) = (one for one in lags_of(SITE, held) if one.stage == "deliver")
    assert ("unknown_code 0", True) == (deliver.plans[0].cause, "[unknown_code 0]" in deliver.lines(OPENED)[0])


def test_a_wrong_key_is_named_with_its_file_and_fingerprint(tmp_path):
    """Another hospital's key is pasted soon, and what it is called is all that two people on the telephone can compare."""
    pair, file = generate_key_pair(), tmp_path / "h.pem"
    file.write_text(pair.public.pem)
    broker, site = Offsets(None, None), keyed_site(file)
    for cause, key in (("answer_code 40006", f"{file}, fingerprint {pair.public.fingerprint}"), ("answer_code 40002", "")):
        entry = Aside(number=5, offset=5, since=1, cause=cause)
        broker._marks["visit.ready"][0] = DeliverMark(seq=40, aside={CODE: entry}).text()
        (lag,) = (one for one in lags_of(site, broker) if one.stage == "aside")
        assert (key, [cause]) == (lag.document["key"], list(lag.document["causes"]))
        assert f"held for {cause}" in lag.lines(OPENED)[0]
        assert bool(key) == any("its key" in line for line in lag.lines(OPENED))


def test_an_institution_that_is_aside_is_named_since_when_and_where_to_look():
    """All lanes go on, so nothing else in view would tell why one hospital's records do not come."""
    broker, begun = Offsets(None, None), int(OPENED.timestamp())
    for number, waiting in enumerate((3, 4)):
        aside = {"H36110200001": Aside(number=5, offset=5, since=begun + number, waiting=waiting)}
        broker._marks["visit.ready"][number] = DeliverMark(seq=40, aside=aside).text()
    (lag,) = (one for one in lags_of(SITE, broker) if one.stage == "aside")
    what, where = lag.lines(OPENED)
    assert what.endswith("let in, or its worker has not asked yet; the others go on")
    assert what.startswith("H36110200001: set aside since 2024-05-01 12:00:00+08:00, 7 of its records wait")
    assert "institution_held" in where
    assert "2024-05-01T12:00:00+08:00" == lag.document["since"]


def test_a_mark_that_is_not_ours_takes_nothing_else_from_view():
    """Its worker ends for it and says so; the other partitions are shown."""
    broker = Offsets(None, plan())
    broker._marks["visit.ready"][0] = "somebody's"
    (deliver,) = (one for one in lags_of(SITE, broker) if one.stage == "deliver")
    assert [1] == [one.partition for one in deliver.plans]


def test_an_institution_that_a_person_paused_is_not_told_as_a_fault():
    """Nobody is called at night to find out what somebody ordered in the afternoon."""
    broker = Offsets(None, None)
    entry = Aside(number=5, offset=5, since=int(OPENED.timestamp()), waiting=3, cause="paused")
    broker._marks["visit.ready"][0] = DeliverMark(seq=40, aside={CODE: entry}).text()
    (line,) = [one for one in told(broker, after_s=5) if CODE in one]
    assert "3 of its records wait: a person paused it" in line
