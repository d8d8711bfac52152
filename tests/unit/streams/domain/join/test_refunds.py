"""Rule R9: a refund line follows the line that it takes back, and takes back no more than was charged."""

import pytest

from tests.unit.streams.domain.join import join_rig
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, Join, whole

BACK = {"charge_id": "C9", "quantity": "-2.0000", "amount": "-20.00"}
REFUND = "fee_list_d C9"


@pytest.fixture
def levelled(monkeypatch):
    """The site with R9 at another level."""

    def level(value):
        mappings = join_rig.mappings()
        for mapping in mappings.values():
            monkeypatch.setitem(mapping.dialect.levels, "R9", value)

    return level


def test_a_refund_waits_for_the_line_that_it_takes_back():
    """The platform refuses a refund of what it has never seen charged."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", **BACK)
    assert REFUND not in join.reported()
    join.change("h.charge")
    assert join.reported()[-2:] == ["fee_list_d C1", REFUND]
    assert (join.letters(), join.waiting()) == ([], [])


def test_a_refund_of_nothing_is_told_after_the_waiting_time():
    """It would take back money that nobody paid; a clerk has to see it."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", **BACK)
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.letters() == ["JOIN_INCOMPLETE MISSING_POSITIVE_LINE"]
    assert "R9" in join.dead[0].message
    join.change("h.charge")
    assert join.reported()[-2:] == ["fee_list_d C1", REFUND]


def test_a_refund_that_the_clock_frees_counts_like_the_line_that_it_follows():
    """A lookup's row that comes late lets both go in one moment; neither is late since the day of its commit."""
    join = Join(patients={})
    join.change("h.charge", **BACK)
    whole(join)
    join.tick(after_ms=LIMITS.wait_ms)
    join.patients["P1",] = PATIENT
    join.tick(after_ms=LIMITS.wait_ms)
    assert ["fee_list_d C1", REFUND] == join.reported()[2:]
    assert {(join.now, join.now)} == {(one.committed_at, one.captured_at) for one in join.ready}


def test_a_refund_waits_as_long_as_its_line_does():
    """A line that waits for its settlement is there: its refund must not be given up before it."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", settle_no=None)
    join.change("h.charge", **BACK)
    join.tick(after_ms=10 * LIMITS.wait_ms)
    assert (join.letters(), REFUND in join.reported()) == ([], False)
    join.change("h.charge", "u")
    assert join.reported()[-2:] == ["fee_list_d C1", REFUND]


def test_a_refund_whose_waiting_line_is_given_up_or_deleted_is_given_up_after_it():
    """Nothing may wait for ever without a word."""
    for end in ("refused", "deleted"):
        join = Join()
        join.change("h.visit")
        join.change("h.settle")
        join.change("h.charge", settle_no=None)
        join.change("h.charge", **BACK)
        join.change("h.charge", "u" if end == "refused" else "d", level="?")
        join.tick(after_ms=LIMITS.wait_ms)
        assert join.letters()[-1] == "JOIN_INCOMPLETE MISSING_POSITIVE_LINE"


def test_a_line_that_is_mended_frees_its_refund():
    """The refund had a letter; what was missing came after all."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", level="?")
    join.change("h.charge", **BACK)
    join.tick(after_ms=LIMITS.wait_ms)
    join.change("h.charge", "u")
    assert join.reported()[-2:] == ["fee_list_d C1", REFUND]


def test_taking_back_more_than_was_charged_is_counted():
    """Half of the country's hospitals round refunds: it is a warning."""
    join = whole(Join())
    join.change("h.charge", **BACK)
    assert join.counts["warned_R9"] == 0
    join.change("h.charge", **BACK | {"charge_id": "C8"})
    assert (join.reported()[-1], join.counts["warned_R9"], join.letters()) == ("fee_list_d C8", 1, [])


def test_a_reported_refund_is_corrected_whatever_became_of_its_line():
    """Its order was right when it went; the correction must not be kept from the platform."""
    join = whole(Join())
    join.change("h.charge", **BACK)
    join.change("h.charge", "d")
    join.change("h.charge", "u", **BACK | {"item": "头孢"})
    assert join.reported()[-1] == REFUND
    assert join.reported().count(REFUND) == 2


def test_a_site_decides_about_the_rule(levelled):
    """Off: as it comes. Warn: as it comes, and counted. Refuse: more than was charged is refused too."""
    seen = {}
    for level in ("off", "warn", "refuse"):
        levelled(level)
        join = Join()
        join.change("h.visit")
        join.change("h.settle")
        join.change("h.charge", **BACK)
        first = REFUND in join.reported()
        join.change("h.charge", amount="10.00", quantity="1.0000")
        seen[level] = first, join.counts["warned_R9"], join.letters()
    assert seen == {"off": (True, 0, []), "warn": (True, 1, []), "refuse": (False, 0, ["VALIDATION R9"])}


def test_a_line_of_another_institution_is_no_charge():
    """Two institutions share the database; the numbers of their visits may meet."""
    join = Join()
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", org="P")
    join.change("h.charge", **BACK)
    assert REFUND not in join.reported()
