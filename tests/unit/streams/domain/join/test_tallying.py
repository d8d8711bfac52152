"""Rule R2: the lines of a settlement add up to what it says, to the cent."""

from dataclasses import replace

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.tallies import head_of, is_tally, key_of, load, told_in
from streams.domain.normalise.settled_by import Linked, Listed, Match
from streams.domain.normalise.tallied import tallied
from streams.domain.validate.rules import RuleOptions
from streams.domain.violations import OF_FIELD
from streams.errors import Newer
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, mappings

WITHIN_MS = 60_000
HEAD = head_of(b"V1", "his")
OF_S1 = key_of(HEAD, "S1")


def begin(**options):
    """A visit with a settlement of 20.00, and a joiner with these options."""
    dialect = replace(mappings()["his"].dialect, **options)
    of = {name: replace(one, dialect=dialect) for name, one in mappings().items()}
    join = Join(joiner=Joiner(of, LIMITS, zone=dialect.zone))
    join.change("h.visit")
    join.change("h.settle")
    return join


def warned(join):
    return join.counts["warned_R2"], join.counts[f"{OF_FIELD}R2 MEDFEE_SUMAMT"]


def sums(join):
    return {key for key in join.entries[b"V1"] if is_tally(key)}


@pytest.mark.parametrize(
    ("amounts", "count"),
    [
        (["20.00"], 0), (["20.01"], 1), (["19.99"], 1), (["10.00", "10.00"], 0), (["25.00", "-5.00"], 0), (["0.00"], 1),
        ([], 0), (["?"], 0), (["20.00", "?"], 0),
    ],
)  # fmt: skip
def test_a_settlement_whose_lines_differ_by_a_cent_is_counted(amounts, count):
    """A wrong link leaves two settlements that do not add up. Without lines, or with one that nobody can read, it is not judged:
    the line has its letter.
    """
    join = begin()
    for number, amount in enumerate(amounts):
        join.change("h.charge", charge_id=f"C{number}", amount=amount, quantity="1.0000", price=f"{amount}0000")
    join.tick(after_ms=WITHIN_MS - 1)
    assert (0, 0) == warned(join), "its lines may be on their way"
    for _ in range(3):
        join.tick(after_ms=WITHIN_MS)
    assert (count, count) == warned(join)


def test_a_difference_is_counted_once_and_anew_after_the_amounts_were_equal():
    """Lines that come one by one make no alarm of each."""
    join = begin()
    for amount, count in (("1.00", 1), ("2.00", 1), ("20.00", 1), ("3.00", 2), ("4.00", 2)):
        join.change("h.charge", "u", amount=amount)
        for _ in range(2):
            join.tick(after_ms=WITHIN_MS)
        assert (count, count) == warned(join)
    assert told_in(OF_S1, join.entries[b"V1"][OF_S1])
    join.change("h.charge", "d")
    assert not told_in(OF_S1, join.entries[b"V1"][OF_S1])
    join.change("h.settle", "d")
    assert {HEAD} == sums(join)


def test_of_two_settlements_nobody_knows_which_is_meant():
    """A line that names none belongs to the visit's only settlement."""
    join = begin()
    join.change("m.register")
    join.change("m.bill")
    join.change("m.other_bill")
    for _ in range(3):
        join.tick(after_ms=WITHIN_MS)
    assert (0, 0) == warned(join)


def test_how_long_lines_may_be_on_their_way_is_the_sites():
    """`rule_options: {lines_within_s: 5}`."""
    join = begin(options=RuleOptions(lines_within_s=5))
    join.change("h.charge", amount="1.00")
    join.tick(after_ms=4_999)
    assert (0, 0) == warned(join)
    join.tick(after_ms=1)
    assert (1, 1) == warned(join)


def test_a_site_without_the_rule_has_no_sums():
    """It pays nothing for them, and what was there goes: it would be wrong when the rule is wanted again."""
    join = begin(levels={"R2": "off"})
    join.change("h.charge", amount="1.00")
    assert set() == sums(join)
    both = begin()
    assert {HEAD, OF_S1} == sums(both)
    both.joiner = join.joiner
    both.change("h.charge", amount="1.00")
    assert set() == sums(both)


def test_what_was_counted_stays_counted_when_sums_are_made_anew():
    """By another mapping, or once a version that kept none wrote the rows."""
    join = begin()
    join.change("h.charge", amount="1.00")
    join.tick(after_ms=WITHIN_MS)
    join.entries[b"V1"][HEAD] = b'r[11,"another"]'
    join.change("h.charge", "u", amount="2.00")
    assert (200, 2000) == load(join.entries[b"V1"][OF_S1])[::2][:2]
    join.tick(after_ms=WITHIN_MS)
    assert (1, 1) == warned(join)
    for key in sums(join):
        del join.entries[b"V1"][key]
    join.change("h.charge", "u", amount="3.00")
    assert (300, 1, 2000, 1, 0) == load(join.entries[b"V1"][OF_S1])[:5]


@pytest.mark.parametrize("now", [{"levels": {"R2": "off"}}, {}])
def test_a_difference_that_is_waited_for_is_not_counted_by_another_mapping(now):
    """Nor where the rule was switched off meanwhile: the sum is that of the mapping before."""
    join = begin()
    join.change("h.charge", amount="1.00")
    if "levels" in now:
        join.joiner = begin(**now).joiner
    else:
        join.entries[b"V1"][HEAD] = b'r[11,"another"]'
    for _ in range(3):
        join.tick(after_ms=WITHIN_MS)
    assert (0, 0) == warned(join)
    assert not join.entries[b"V1"][OF_S1].startswith(b"w"), "no tick comes to it any more"


def test_a_line_that_is_on_its_way_between_tables_is_waited_for():
    """A day table's line that has not come in the year table yet is not gone."""
    his = mappings()["his"]
    tables = {
        name: replace(one, moves="lines", moved_ms=7_200_000) if one.name == "h.charge" else one for name, one in his.tables.items()
    }
    join = Join(joiner=Joiner({**mappings(), "his": replace(his, tables=tables)}, LIMITS, zone=his.dialect.zone))
    for table in ("h.visit", "h.settle"):
        join.change(table)
    join.change("h.charge", amount="1.00")
    join.tick(after_ms=7_199_999)
    assert (0, 0) == warned(join)
    join.tick(after_ms=WITHIN_MS)
    assert (1, 1) == warned(join)


def test_sums_of_a_later_form_are_refused():
    """Written back without what was added to them, they would have lost it."""
    with pytest.raises(Newer, match="sums of settlements"):
        load(b"r[12,1,1,1,1,0]")


def _read(**more):
    his = mappings()["his"]
    tables = [replace(one, **more) if one.name == "h.charge" else one for one in his.tables.values()]
    steps = {step.name: step for record in his.records.values() for step in record.steps}
    return tallied(tables, line=steps["DET_ITEM_FEE_SUMAMT"], settlement=steps["MEDFEE_SUMAMT"])


@pytest.mark.parametrize(
    ("by", "kept"),
    [
        (Match(pairs=(("org", "org"), ("day", "settled_at"))), True),
        (None, True),
        (Listed(line="charge_id", column="lines", by=","), False),
        (Linked(pairs=(("linked", "settle_no"),)), False),
    ],
)
def test_sums_are_kept_where_rows_say_by_themselves_to_which_settlement_they_belong(by, kept):
    """What another table says of a row may have been something else when the row was counted."""
    found = _read(settlement_link=None, settled_by=by)
    assert kept is (found is not None)


def test_where_a_line_finds_its_settlement_by_the_same_values_these_bring_them_together():
    """Written in another way in the two tables, as everywhere else."""
    found = _read(settlement_link=None, settled_by=Match(pairs=(("org", "org"), ("day", "settled_at"))))
    row = begin().rows()[1]
    settlement = found.share(row)
    day = row.columns["settled_at"].replace("Z", ".000Z")
    fee = row._replace(table="h.charge", columns={"org": "H", "day": day, "amount": "1.00"})
    assert (settlement.settlement, 100, True) == found.share(fee)
    assert found.share(fee._replace(columns={"org": "H", "day": " ", "amount": "1.00"})) is None
