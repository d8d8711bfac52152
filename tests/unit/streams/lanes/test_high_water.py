"""An older copy of the brokers' data: a lane that was further on this machine does not go on from it."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.lanes.high_water import FILE, HighWater, forget, noted, reached_in, unnoted
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark
from streams.lanes.ports import Committed, TopicPartition

READY = TopicPartition("visit.ready", 3)


def mark(seq, log="abc"):
    return Committed(offset=seq * 2, metadata=DeliverMark(seq=seq, log=log).text())


def of(home, worker="deliver-0", now=None):
    times = iter(now or ())
    return HighWater(home / worker, clock=lambda: next(times, 1e9), wall_ms=lambda: 7)


def demand(home, committed, worker="deliver-0", at=READY):
    of(home, worker).demand(at, committed, stage="deliver")


@pytest.fixture(autouse=True)
def _quiet():
    yield
    structlog.reset_defaults()


def test_a_lane_that_was_further_does_not_go_on(tmp_path):
    """Offsets and logs of a restored copy fit together: nothing else could tell, and everything since would be sent again."""
    of(tmp_path).note(READY, mark(9))
    demand(tmp_path, mark(9))
    demand(tmp_path, mark(12))
    with pytest.raises(Fatal, match=r"older copy: deliver of visit\.ready-3 is at number 8, and this machine had it at 9") as ended:
        demand(tmp_path, mark(8))
    assert Exit.SHORT_LOG == ended.value.exit_code


def test_another_worker_of_the_machine_knows_it_too(tmp_path):
    """After a restart partitions are spread otherwise."""
    of(tmp_path, "deliver-0").note(READY, mark(9))
    with pytest.raises(Fatal, match="older copy"):
        demand(tmp_path, mark(8), worker="deliver-1")


def test_other_numbers_are_no_older_ones(tmp_path):
    """Topics that were made anew begin at 1, and their own check finds them; another partition counts for itself."""
    of(tmp_path).note(READY, mark(9))
    demand(tmp_path, mark(1, log="another"))
    demand(tmp_path, mark(1), at=TopicPartition("visit.ready", 4))
    demand(tmp_path, Committed(offset=1, metadata=DeliverMark(seq=1).text()))


def test_notes_are_written_once_a_second_and_when_a_lane_closes(tmp_path):
    """A lane commits thirty times a second; the disk must not become its clock."""
    known = of(tmp_path, now=[0.0, 0.5, 1.2, 1.2])
    for number in (1, 2):
        known.note(READY, mark(number))
    assert 1 == noted(tmp_path)["visit.ready-3"].number
    known.note(READY, mark(3))
    assert 3 == noted(tmp_path)["visit.ready-3"].number
    known.note(READY, mark(4))
    known.write()
    assert 4 == noted(tmp_path)["visit.ready-3"].number


def test_what_was_noted_before_a_restart_stays_though_other_lanes_write(tmp_path):
    """A worker that has only one of its former partitions still knows of the others."""
    of(tmp_path).note(READY, mark(9))
    of(tmp_path).note(TopicPartition("visit.ready", 1), mark(5))
    assert {"visit.ready-3": 9, "visit.ready-1": 5} == {name: one.number for name, one in noted(tmp_path).items()}


def test_a_person_lets_them_go_on(tmp_path):
    """After the way of the page; what is forgotten is told, for the audit log."""
    of(tmp_path).note(READY, mark(9))
    assert 9 == forget(tmp_path)["visit.ready-3"].number
    demand(tmp_path, mark(8))
    assert {} == forget(tmp_path)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"visit.ready-3":1}', b'{"visit.ready-3":["a","b","c"]}'])
def test_a_damaged_note_is_none(tmp_path, damaged):
    """It is a second witness and no state: a torn file must not stop a site."""
    of(tmp_path).note(READY, mark(9))
    (tmp_path / "deliver-0" / FILE).write_bytes(damaged)
    demand(tmp_path, mark(8))


def test_a_disk_that_takes_nothing_is_told_once_and_the_lanes_go_on(tmp_path):
    """Delivering needs no disk, and must not begin to."""
    (tmp_path / "deliver-0").write_text("a file where the folder should be", "utf-8")
    known = of(tmp_path)
    with capture_logs() as told:
        known.note(READY, mark(1))
        known.note(READY, mark(2))
    assert ["high_water_write_failed"] == [one["event"] for one in told]


def test_every_stage_has_a_number_that_never_goes_back():
    """Place counts what it handed on, join what it made, deliver what it is done with, whatever stands aside."""
    assert ("a", 7) == reached_in(PlaceMark(out=(3, 4), born="a").text())
    assert ("a", 5) == reached_in(JoinMark(seq=5, born="a").text())
    assert ("t", 6) == reached_in(DeliverMark(seq=6, log="t").text())
    aside = json.dumps({"seq": "2", "at": 6, "log": "t", "aside": {}})
    assert ("t", 6) == reached_in(aside)


def test_where_no_folder_is_nothing_is_noted():
    """In a dry run, and in a test of something else."""
    known = unnoted()
    known.note(READY, mark(9))
    known.write()
    known.demand(READY, mark(1), stage="deliver")
