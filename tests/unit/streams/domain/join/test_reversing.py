"""Rule R25: a reversed settlement is never sent alone."""

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.reversals import is_reversal
from streams.domain.validate.rules import RuleOptions
from streams.domain.violations import OF_FIELD
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, mappings

WITHIN_MS = 60_000


def begin(**options):
    """A visit, and a joiner with these options."""
    dialect = replace(mappings()["his"].dialect, **options)
    of = {name: replace(one, dialect=dialect) for name, one in mappings().items()}
    join = Join(joiner=Joiner(of, LIMITS, zone=dialect.zone))
    join.change("h.visit")
    return join


def settle(join, number, total, op="c"):
    join.change("h.settle", op, settle_no=f"S{number}", total=total)


def warned(join):
    counts = join.counts["warned_R25"], join.counts[f"{OF_FIELD}R25 MEDFEE_SUMAMT"]
    assert counts[0] == counts[1]
    return counts[0]


def kept(join):
    return [key for key in join.entries[b"V1"] if is_reversal(key)]


def waited(join):
    for _ in range(2):
        join.tick(after_ms=WITHIN_MS)
    return warned(join)


@pytest.mark.parametrize(
    ("totals", "count"),
    [
        (["-20.00"], 1), (["20.00", "-20.00"], 0), (["-20.00", "20.00"], 0), (["20.01", "-20.00"], 1), (["19.99", "-20.00"], 1),
        (["20.00", "-20.00", "-20.00"], 1), (["20.00", "20.00", "-20.00", "-20.00"], 0), (["-20.00", "-20.00"], 2),
        (["-20.00", "10.00", "10.00"], 1), (["0.00"], 0), (["-0.01"], 1), (["-20.00", "?"], 1), (["?"], 0), ([], 0),
    ],
)  # fmt: skip
def test_a_reversed_settlement_without_one_of_the_same_amount_is_counted(totals, count):
    """The platform cannot take back what it never had. Each takes back one, whichever came first."""
    join = begin()
    for number, total in enumerate(totals):
        settle(join, number, total)
    join.tick(after_ms=WITHIN_MS - 1)
    assert 0 == warned(join), "what it takes back may be on its way"
    assert count == waited(join)
    assert (count, []) == (waited(join), kept(join)), "once, and nothing of it stays"


def test_how_long_the_other_one_may_be_on_its_way_is_the_sites():
    """`rule_options: {reversals_within_s: 5}`."""
    join = begin(options=RuleOptions(reversals_within_s=5))
    settle(join, 1, "-20.00")
    join.tick(after_ms=4_999)
    assert 0 == warned(join)
    join.tick(after_ms=1)
    assert 1 == warned(join)


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_the_order_in_which_they_came_says_nothing(order):
    """A snapshot reads the table of refunds before that of payments."""
    join, totals = begin(), ["20.00", "-20.00", "-20.00", "-5.00"]
    for number in order:
        settle(join, number, totals[number])
    assert 2 == waited(join)


@pytest.mark.parametrize(("op", "total"), [("u", "21.00"), ("d", "20.00")])
def test_when_the_one_that_it_takes_back_goes_it_is_looked_at_again(op, total):
    """It stands alone from then on."""
    join = begin()
    for number, amount in enumerate(("20.00", "-20.00")):
        settle(join, number, amount)
    assert 0 == waited(join)
    settle(join, 0, total, op)
    assert 1 == waited(join)


def test_of_several_only_that_is_counted_which_stands_alone_now():
    """What was counted before is not counted again."""
    join = begin()
    for number, amount in enumerate(("20.00", "-20.00", "-20.00")):
        settle(join, number, amount)
    assert 1 == waited(join)
    settle(join, 0, "20.00", "d")
    assert 2 == waited(join)


@pytest.mark.parametrize(("op", "total"), [("u", "20.00"), ("u", "-20.00"), ("d", "-20.00")])
def test_a_reversed_one_that_is_none_any_more_is_not_looked_at(op, total):
    """Whoever mends the row within the time hears nothing; one that changes otherwise is judged once."""
    join = begin()
    settle(join, 1, "-20.00")
    join.tick(after_ms=WITHIN_MS - 1)
    settle(join, 1, total, op)
    assert (total == "-20.00" and op == "u") == waited(join)
    assert [] == kept(join)


def test_a_visit_without_reversed_settlements_keeps_nothing():
    """It pays nothing for those of others."""
    join = begin()
    for number in range(3):
        settle(join, number, "20.00")
    settle(join, 1, "21.00", "u")
    settle(join, 2, "20.00", "d")
    assert ([], 0) == (kept(join), waited(join))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_site_without_the_rule_hears_nothing_of_it(when):
    """Also where it was switched off while one waited."""
    join = begin(levels={"R25": "off"} if when == "before" else {})
    settle(join, 1, "-20.00")
    assert (when == "after") == bool(kept(join))
    join.joiner = begin(levels={"R25": "off"}).joiner
    assert (0, []) == (waited(join), kept(join))


def test_it_is_judged_without_the_sums_of_lines():
    """R25 needs the amounts of settlements alone."""
    join = begin(levels={"R2": "off"})
    settle(join, 1, "-20.00")
    assert 1 == waited(join)


@pytest.mark.parametrize("seed", range(60))
def test_what_came_within_the_time_is_judged_as_adding_up_naively(seed):
    """Rows that come, change and go in any order; then nothing happens for so long."""
    chance, join, there = Random(seed), begin(), {}
    for _ in range(chance.randint(1, 14)):
        number, total = chance.randrange(6), chance.choice(("20.00", "-20.00", "5.00", "-5.00"))
        if number in there and chance.random() < 0.3:
            settle(join, number, there.pop(number), "d")
        else:
            settle(join, number, total, "u" if number in there else "c")
            there[number] = total
    amounts = [*there.values()]
    naive = sum(max(0, amounts.count(f"-{amount}") - amounts.count(amount)) for amount in ("20.00", "5.00"))
    assert naive == waited(join)
