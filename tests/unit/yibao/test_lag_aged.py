"""How old the oldest is, and of whom: what is read for it is bounded, and what was not read is not guessed."""

from dataclasses import replace

from streams.domain.ready import Emission, encode
from streams.domain.records import Record
from streams.lanes.deliver.aside import Aside
from streams.lanes.marks import DeliverMark
from streams.spec.fields import ServiceCode
from streams.topics.ahead import Ahead, Seen
from tests.unit.yibao.test_lags import SITE
from tests.unit.yibao.test_status_lines import H1, H2, NOW, marks
from yibao.lag.aged import aged
from yibao.lag.counted import Kind, counted


class Topics:
    """What stands behind offsets, as far as it is read. asked: for which places."""

    def __init__(self, **found):
        self._found, self.asked = found, []

    def behind(self, offsets, **_bounds):
        self.asked += offsets
        return {place: self._found[f"{place[0].replace('.', '_')}_{offset}"] for place, offset in offsets.items()}


def ready(number, institution, *, captured_at, offset):
    record = Record(ServiceCode.FEE, institution, "4205", f"F{number}", b"{}", "0" * 32, "m", "2025-06-02", "1.00")
    emission = Emission(record=record, visit_key=b"V", position="1", committed_at=1, captured_at=captured_at)
    return Seen(offset, NOW, tuple(encode(emission, number)[2]))


def of_stage(found, topics, stage):
    (lag,) = (one for one in aged(counted(found, SITE.topics), found, SITE.topics, topics) if one.stage == stage and one.waiting)
    return lag


def test_nothing_is_read_of_a_stage_that_is_drained():
    """A site that is watched all night must not be read all night."""
    topics, found = Topics(), marks()
    lags = aged(counted(found, SITE.topics), found, SITE.topics, topics)
    assert ([], {0}, {False}) == (topics.asked, {lag.waiting for lag in lags}, {lag.at_most for lag in lags})


def test_rows_that_were_not_looked_at_are_told_as_a_bound():
    """100,000 offsets may be 99,999 rows; to say that they are 100,000 is to say what nobody knows."""
    rows = [Seen(5, NOW - 9_000, ()), Seen(7, NOW - 90_000, ())]
    few, many = (Topics(rows_his_5=Ahead(seen=rows, left=left)) for left in (0, 40))
    found = marks(rows=(48, 5))
    exact, bound = (of_stage(found, topics, "place") for topics in (few, many))
    assert [(2, False), (42, True)] == [(lag.waiting, lag.at_most) for lag in (exact, bound)]
    assert {NOW - 90_000} == {lag.oldest_ms for lag in (exact, bound)}


def test_the_oldest_row_of_the_join_is_the_first_with_a_number_that_it_wants():
    """Ticks are as old as the night is long, and other sources' rows are not this one's."""
    seen = [
        Seen(1, 1, ()),
        Seen(2, 2, (("from", b"his/"), ("seq", b"6"))),
        Seen(3, 3, (("from", b"lis/"), ("seq", b"9"))),
        Seen(4, 4, (("from", b"his/"), ("seq", b"7"))),
    ]
    found = marks(out=9, taken=7)
    none, first = (of_stage(found, Topics(visit_changes_1=Ahead(seen=one, left=3)), "join") for one in (seen[:3], seen))
    assert [(2, None), (2, 4)] == [(lag.waiting, lag.oldest_ms) for lag in (none, first)]


def test_ticks_wait_for_nobody():
    """A join that is paused overnight and idle has its ticks before it; a person who is woken for 'rows' finds none."""
    tick = Seen(3, NOW - 80_000, (("from", b"his/"), ("seq", b"7")), True)
    row = Seen(4, NOW - 9_000, (("from", b"his/"), ("seq", b"8")))
    found = marks(out=8, taken=7)
    idle = aged(counted(found, SITE.topics), found, SITE.topics, Topics(visit_changes_1=Ahead(seen=[tick])))
    assert [0] == [one.waiting for one in idle if one.stage == "join" and one.partition == 0]
    found = marks(out=9, taken=7)
    looks = {left: of_stage(found, Topics(visit_changes_1=Ahead(seen=[tick, row], left=left)), "join") for left in (0, 40)}
    assert [(1, NOW - 9_000, False), (1, NOW - 9_000, True)] == [(x.waiting, x.oldest_ms, x.at_most) for x in looks.values()]
    found = marks(rows=(7, 5))
    placed = of_stage(found, Topics(rows_his_5=Ahead(seen=[tick._replace(offset=5), row._replace(offset=6)])), "place")
    assert (1, NOW - 9_000) == (placed.waiting, placed.oldest_ms)


def test_what_is_aside_is_counted_from_its_own_place_and_what_lies_beyond_the_look_is_said_to_be_missing():
    """The one that waits for days stands before the lane's offset, between records of others that are settled."""
    lane = [ready(10, H1, captured_at=NOW - 5_000, offset=20), ready(11, H2, captured_at=NOW - 6_000, offset=21)]
    before = [
        ready(4, H1, captured_at=NOW - 99_000, offset=4),
        ready(5, H1, captured_at=NOW - 80_000, offset=5),
        ready(6, H2, captured_at=NOW - 70_000, offset=6),
    ]
    mark = DeliverMark(seq=10, aside={H1: Aside(number=5, offset=4, since=1, waiting=1)})
    found = marks(seq=12, delivered=mark)
    found = replace(found, delivered={**found.delivered, 0: found.delivered[0]._replace(offset=20)})
    looks = {"visit_ready_20": Ahead(seen=lane), "visit_ready_4": Ahead(seen=before, left=14)}
    part = of_stage(found, Topics(**looks), "deliver")
    assert {(H1, "fee_list_d"): Kind(2, NOW - 80_000), (H2, "fee_list_d"): Kind(1, NOW - 6_000)} == part.kinds
    assert (3, NOW - 80_000, False) == (part.waiting, part.oldest_ms, part.all_kinds)
    reached = Ahead(seen=[*before, lane[0]], left=14)
    assert of_stage(found, Topics(**(looks | {"visit_ready_4": reached})), "deliver").all_kinds
