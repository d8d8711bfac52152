"""Orders in `visit.control`: the last one of each thing counts, beside the sources' own entries, and a pause may end by itself."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from streams.errors import Fatal, Newer
from streams.topics.control import Control, Controls, load
from streams.topics.steering import LimitOrder, Pause, Paused, pauses_in_force

NOW = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
PAUSE = Pause(
    of=Paused.INSTITUTION,
    name="H36110200001",
    paused=True,
    since="2026-11-30T13:00:00+08:00",
    until="",
    at="2026-11-30T13:00:00+08:00",
    by="li@office",
    why="the platform asked for it",
)


def pause(**changes):
    return Pause(**{name: getattr(PAUSE, name) for name in PAUSE.__slots__} | changes)


def read(*values):
    controls = Controls()
    controls.take(values)
    return controls


def test_the_last_order_of_each_thing_counts_and_the_others_stay():
    """To resume one institution must not let another one go on."""
    other = pause(name="P36110200002")
    controls = read(PAUSE.dump(), other.dump(), pause(paused=False, by="wang@office").dump())
    assert (other,) == controls.orders.in_force(NOW)
    assert controls.orders.of(Paused.INSTITUTION, "H36110200001", NOW) is None


@pytest.mark.parametrize(
    ("until", "holds"), [("", True), ("2026-11-30T14:00:01+08:00", True), ("2026-11-30T14:00:00+08:00", False)]
)
def test_a_pause_with_an_end_ends_by_itself(until, holds):
    """Nobody gets up at night to resume what was to wait until then."""
    assert holds == bool(pauses_in_force([pause(until=until).dump()], NOW))


def test_a_pause_of_a_source_and_its_stop_are_two_entries():
    """Whoever resumes one of them must not resume the other."""
    stopped = Control(source="his", facts={}, at="", by="place-0@here", reasons=("publication is gone",))
    paused = pause(of=Paused.SOURCE, name="his")
    controls = read(stopped.dump(), paused.dump())
    assert (True, (paused,)) == (controls.by_source["his"].stopped, controls.orders.in_force(NOW))
    controls.take([Control(source="his", facts={}, at="", by="li@office").dump()])
    assert (False, (paused,)) == (controls.by_source["his"].stopped, controls.orders.in_force(NOW))
    assert stopped.key != paused.key


def test_limits_are_read_as_they_were_written():
    """What is None is as site.yaml has it."""
    order = LimitOrder(institution="H36110200001", in_flight=2, records_per_s=12.5, at="now", by="li@office", why="first load")
    controls = read(LimitOrder(requests_per_s=3.0, at="", by="", why="").dump(), order.dump())
    assert (order, 3.0) == (controls.orders.limits["H36110200001"], controls.orders.limits[""].requests_per_s)


def test_an_order_of_a_kind_that_is_not_known_is_passed_over():
    """It is of the same form, so that version says that nobody needs to know it."""
    controls = read(orjson.dumps({"form": 1, "order": "offsets recover", "at": "2026"}), PAUSE.dump(), None)
    assert (PAUSE,) == controls.orders.in_force(NOW)
    assert load(PAUSE.dump()) is None, "and a version before this one passes over all of them"


def test_what_a_later_version_wrote_ends_the_worker_and_what_is_nobodys_too():
    """A pause that is misread is none."""
    with pytest.raises(Newer):
        read(PAUSE.dump().replace(b'"form":1', b'"form":2'))
    for wrong in (b'"of":"hospital"', b'"of":"stage","since":"2026-11-30T13:00:00"'):
        with pytest.raises(Fatal, match="this product did not write"):
            read(PAUSE.dump().replace(b'"of":"institution"', wrong).replace(b',"since":"2026-11-30T13:00:00+08:00"', b"", 1))
    with pytest.raises(Fatal):
        read(LimitOrder(requests_per_s=3.0, at="", by="", why="").dump().replace(b"3.0", b"-3.0"))


def test_what_a_person_reads_of_a_pause():
    """Who, why, since when, until when."""
    line = pause(until=(NOW + timedelta(hours=1)).isoformat()).line
    assert all(word in line for word in ("institution H36110200001", "li@office", "asked for it", "13:00:00", "2026-11-30T07:00"))
