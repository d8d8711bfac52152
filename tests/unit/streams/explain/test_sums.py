"""Rule R2: which settlements have lines that add up to something else, as a person sees them."""

import pytest

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.join.entries import dump, key_of
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import TOLD, Tally, head_of
from streams.domain.join.tallies import dump as dump_tally
from streams.domain.join.tallies import key_of as tally_key
from streams.explain.remembered import state_shape
from streams.explain.standing import standings
from streams.explain.subject import Keys, Subject
from streams.explain.sums import WantedSums, differing_sums
from tests.unit.streams.domain.join.join_rig import CLINIC_SETTLE, HOSPITAL, PHARMACY, SETTLE, mappings
from tests.unit.streams.explain.in_memory import Logs, index_of

AT = 1_764_000_000_000


def settled(number, *, visit=b"V1", org="H", table="h.settle", source="his", columns=SETTLE, **more):
    """A settlement as the join remembers it."""
    row = StoredRow(TableRole.SETTLEMENT, source, table, (number,), columns | {"settle_no": number, "org": org}, (7,), AT)
    return key_of(visit, row.role, source, table, row.key), dump(row._replace(**more))


def summed(number, lines, stated, *, visit=b"V1", source="his", deadline=TOLD, **more):
    """The sums of one."""
    sums = Tally(lines_cents=lines, lines=2, stated_cents=stated, settlements=1, deadline=deadline)._replace(**more)
    return tally_key(head_of(visit, source), number), dump_tally(sums)


class State:
    """A partition of `visit.state`, as it is asked by the indexes."""

    class topics:  # noqa: N801 - as the attribute is named
        state = "visit.state"

    def __init__(self, *entries):
        self.messages = [Incoming("visit.state", 0, at, key, value, (), AT + at) for at, (key, value) in enumerate(entries)]
        self.index = index_of(state_shape(Keys(mappings()).institutions), self.messages)
        self.asked = 0

    def state(self, question):
        self.asked += 1
        return question(self.index)

    def at(self, _topic, places):
        return [one for one in self.messages if (one.partition, one.offset) in places]


SEVERAL = (
    settled("S1"),
    settled("S2", visit=b"V2", org="P"),
    summed("S1", 1_000, 2_000),
    summed("S2", 2_500, 2_000, visit=b"V2"),
    summed("S3", 2_000, 2_001, visit=b"V3"),
    summed("S4", 2_000, 2_001, visit=b"V4", deadline=AT),
    summed("S5", 2_000, 2_000, visit=b"V5", deadline=0),
)


def found(*entries, clear=False, at_once=2_000, **wanted):
    return list(differing_sums(State(*entries), Keys(mappings(), clear=clear), WantedSums(**wanted), at_once=at_once))


def test_the_largest_difference_is_listed_first_with_both_sums():
    """A bill that is missing is looked for before a cent. What may still add up by itself is none; of one whose row is not there
    any more nobody says what it is.
    """
    assert [
        ("his", "V1", "h.settle/S1", HOSPITAL, 1_000, 2_000, -1_000, 2, AT + 2),
        ("his", "V2", "h.settle/S2", PHARMACY, 2_500, 2_000, 500, 2, AT + 3),
        ("his", "V3", "", "", 2_000, 2_001, -1, 2, AT + 4),
    ] == [
        (one.source, one.visit, one.settlement, one.institution, one.lines_cents, one.stated_cents, one.off, one.lines, one.since)
        for one in found(*SEVERAL)
    ]


@pytest.mark.parametrize(
    ("wanted", "visits"),
    [
        ({"source": "his"}, ["V1", "V2", "V3"]),
        ({"source": "clinic"}, []),
        ({"institution": PHARMACY}, ["V2"]),
        ({"source": "his", "institution": HOSPITAL}, ["V1"]),
    ],
)
def test_an_office_sees_its_own(wanted, visits):
    """The offices of two hospitals share the site."""
    assert visits == [one.visit for one in found(*SEVERAL, **wanted)]


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_all_are_found_whatever_is_read_at_once(at_once):
    """Also where many differ by as much, so that a page ends between them."""
    entries = [summed(f"S{number}", 2_000 + number // 3, 2_000, visit=b"V%d" % number) for number in range(3, 20)]
    told = found(*entries, at_once=at_once)
    assert {f"V{number}" for number in range(3, 20)} == {one.visit for one in told}
    assert [one.off for one in told] == sorted((number // 3 for number in range(3, 20)), reverse=True)


def test_no_more_is_read_than_is_listed():
    """Of a site where every settlement differs, the first fifty are shown in a moment."""
    state = State(*(summed(f"S{number}", number, 0, visit=b"V%d" % number) for number in range(1, 60)))
    several = differing_sums(state, Keys(mappings()), WantedSums(), at_once=2)
    assert [59, 58, 57] == [next(several).off for _ in range(3)]
    assert state.asked <= 4


def test_what_was_written_anew_since_the_index_was_asked_is_left_out():
    """It is compacted away, and may add up by now."""
    state = State(*SEVERAL)
    state.messages = [one for one in state.messages if one.offset != 2]
    assert ["V2", "V3"] == [one.visit for one in differing_sums(state, Keys(mappings()), WantedSums())]


def test_the_number_of_a_person_is_hidden_unless_that_was_asked_for():
    """The visit's only settlement is named by its row, as every other one."""
    of = {"visit": b"11010519491231002X", "source": "clinic"}
    entries = (
        settled("11010519491231002X", table="c.settle", columns=CLINIC_SETTLE, **of),
        summed("", 100, 200, **of),
    )
    (masked,), (clear,) = found(*entries), found(*entries, clear=True)
    assert "11010519491231002X" not in f"{masked} {masked.visit} {masked.settlement}"
    assert ("11010519491231002X", "c.settle/11010519491231002X") == (clear.visit, clear.settlement)


def explained(*entries):
    messages = [Incoming("visit.state", 0, at, key, value, (), AT + at) for at, (key, value) in enumerate(entries)]
    evidence = Logs(messages, [], [], [], []).evidence(b"V1")
    return [one.facts for one in standings(evidence, Subject(Keys(mappings())))]


def test_explain_says_of_a_settlement_that_its_lines_add_up_to_something_else():
    """Who is asked about one bill need not read the list."""
    (facts,) = explained(settled("S1"), summed("S1", 1_000, 2_005), summed("S2", 1, 2))
    assert {
        "lines add up to": "10.00",
        "it says": "20.05",
        "differs by": "-10.05",
        "differs since": f"{AT + 1}",
    }.items() <= facts.items()


@pytest.mark.parametrize("sums", [summed("S2", 1, 2), summed("S1", 1, 2, deadline=AT), summed("S1", 2, 2, deadline=0)])
def test_explain_says_nothing_of_sums_that_agree_or_may_still(sums):
    """As long as lines may be on their way, nothing is said."""
    (facts,) = explained(settled("S1"), sums)
    assert "differs by" not in facts
