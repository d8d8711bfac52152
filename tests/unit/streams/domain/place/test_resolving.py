"""Links through several headers, and what becomes of one whose mapping changed."""

import orjson
import pytest

from streams.domain.changes import Incoming, decode
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placer
from streams.domain.place.headers import DEEPEST, LinkedTable, LinkedTables, Patience
from streams.domain.place.partitions import partition_of
from streams.domain.ticks import tick_value
from streams.domain.trail import leaving
from streams.lanes.place.state import PlaceState
from streams.lanes.ports import TopicPartition

WAIT_MS = 1_000
PARTITIONS = 4


def table(name, upper, *, forwarded=False, named=True):
    return LinkedTable(
        name=f"h.{name}",
        key=("id",),
        columns=frozenset({"id", "up"}),
        visit_key=VisitKey(("up",)) if upper is None else None,
        under=() if upper is None else (f"h.{upper}",),
        header=() if upper is None else ("up",),
        named_by=("id",) if named else (),
        forwarded=forwarded,
    )


def chain(length):
    """A line that is so many headers away from its visit: `line` → `h1` → … → the one that names it."""
    headers = [table(f"h{each}", f"h{each + 1}" if each < length else None) for each in range(1, length + 1)]
    return LinkedTables([table("line", "h1", forwarded=True, named=False), *headers], Patience(wait_ms=WAIT_MS))


class Source:
    def __init__(self, tables):
        self.state, self.number, self.server, self.lsn = PlaceState(TopicPartition("place.state", 0)), 0, "", None
        self.over(tables)

    def over(self, tables):
        self.placer = Placer({}, partitions=PARTITIONS, linked={"his": tables})

    def take(self, value):
        self.number += 1
        incoming = Incoming("rows.his", 0, self.number, None, value, (), self.number)
        folded = self.placer.fold(incoming, self.state, source="his", server=self.server)
        self.state.apply(folded.state, position=self.number)
        self.last = folded
        return folded

    def put(self, name, key, up, op="c"):
        at = self.number if self.lsn is None else self.lsn
        place = {"connector": "postgresql", "name": "his", "schema": "h", "table": name, "ts_ms": at, "lsn": at}
        folded = self.take(orjson.dumps({"op": op, "before": None, "after": {"id": key, "up": up}, "source": place}))
        return [(one.key, decode(one.value).op.value) for one in folded.placed]


@pytest.mark.parametrize("length", range(1, DEEPEST + 1))
def test_a_line_follows_the_header_that_names_its_visit_through_all_between(length):
    """Line, item, order, prescription, registration: some systems have them all."""
    source = Source(chain(length))
    assert [] == source.put("line", 1, "a1")
    for each in range(1, length):
        assert [] == source.put(f"h{each}", f"a{each}", f"a{each + 1}")
    assert [(b"V1", "u")] == source.put(f"h{length}", f"a{length}", "V1")
    assert [(b"V1", "d"), (b"V2", "u")] == source.put(f"h{length}", f"a{length}", "V2", op="u")


def test_lines_that_follow_their_header_say_which_partition_they_left():
    """Each line of a stay waits for the lanes there, and costs a few bytes for that, however many move at once."""
    source = Source(chain(1))
    source.put("h1", "a1", "V1")
    for line in range(3):
        source.put("line", line, "a1")
    source.put("h1", "a1", "V2", op="u")
    arrived = [one.headers for one in source.last.placed if one.key == b"V2"]
    assert [(leaving(partition_of("V1", PARTITIONS)),)] * 3 == arrived
    assert {()} == {one.headers for one in source.last.placed if one.key == b"V1"}


def test_a_line_further_away_than_links_are_followed_is_told_and_stops_nobody():
    """`check` refuses such a mapping; rows of an earlier one may still be remembered."""
    source = Source(chain(DEEPEST + 1))
    source.put("line", 1, "a1")
    for each in range(1, DEEPEST + 1):
        source.put(f"h{each}", f"a{each}", f"a{each + 1}")
    assert [] == source.put(f"h{DEEPEST + 1}", f"a{DEEPEST + 1}", "V1")
    (told,) = source.take(tick_value(10 * WAIT_MS, [])).placed
    assert "HEADER_WITHOUT_VISIT" == decode(told.value).told.why


def test_a_row_that_is_read_again_after_its_link_changed_in_the_mapping_goes_where_it_belongs_now():
    """Nothing of the row changed; the mapping was wrong."""
    source = Source(chain(2))
    source.put("h2", "a1", "V2")
    source.put("h1", "a1", "a1")
    assert [(b"V2", "c")] == source.put("line", 1, "a1")
    source.over(LinkedTables([table("line", "h2", forwarded=True, named=False), table("h2", None)], Patience(wait_ms=WAIT_MS)))
    source.put("h2", "a1", "V3", op="u")
    assert [(b"V2", "d"), (b"V3", "r")] == source.put("line", 1, "a1", op="r")
    assert [(b"V3", "d"), (b"V4", "u")] == source.put("h2", "a1", "V4", op="u")


def test_a_header_that_another_server_writes_at_a_lower_place_and_an_earlier_time_is_no_repetition():
    """All rows under it would stay with the visit of before."""
    source = Source(chain(1))
    for _ in range(5):
        source.put("h1", "a1", "V1")
    source.put("line", 1, "a1")
    source.server, source.lsn = "1", 2
    assert [(b"V1", "d"), (b"V2", "u")] == source.put("h1", "a1", "V2", op="u")
    assert [] == source.put("h1", "a1", "V2", op="u")


def test_a_table_that_left_the_mapping_is_passed_over():
    """Its rows wait for nothing any more, and a tick must not end the source."""
    source = Source(chain(1))
    source.put("line", 1, "a1")
    source.over(LinkedTables([table("h1", None)], Patience(wait_ms=WAIT_MS)))
    assert () == source.take(tick_value(10 * WAIT_MS, [])).placed
    assert None is source.state.next_deadline
    assert [] == source.put("h1", "a1", "V1")
