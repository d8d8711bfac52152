"""Rows that are deleted because they are old, and deletions that are too many to be people's work."""

from dataclasses import replace

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, Join, mappings, whole

HELD, TOLD = "WITHDRAWN WITHDRAWALS_HELD", "WITHDRAWN DELETED_AFTER_REPORT"
LINES = [f"L{number}" for number in range(20)]


def joiner(*, per_hour=5, share=0.5, days=None):
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=1_000, per_hour=per_hour, share=share))
    known = {source: replace(one, ignore_deletions_after_days=days) for source, one in mappings().items()}
    return Joiner(known, limits, zone=known["his"].dialect.zone)


def reported(join):
    """A visit with twenty lines."""
    whole(join)
    for line in LINES:
        join.change("h.charge", charge_id=line)
    return join


def archive(join, lines=LINES):
    """The night's job."""
    for line in lines:
        join.change("h.charge", "d", charge_id=line, tx=7)
    return join


def test_a_night_that_deletes_everything_is_one_letter():
    """A million letters would bury the one that a person must read."""
    join = archive(reported(Join(joiner=joiner())))
    for _ in range(3):
        join.tick(after_ms=DAY_MS)
    assert [HELD] == join.letters()
    assert len(LINES) == join.counts["withdrawal_held"]


def test_what_is_held_is_told_when_somebody_looked_at_it_and_the_letter_is_closed():
    """The limits are the answer: nothing else has to be done, and nothing is lost."""
    join = archive(reported(Join(joiner=joiner())))
    join.tick(after_ms=DAY_MS)
    join.joiner = joiner(per_hour=100)
    for _ in range(3):
        join.tick(after_ms=1_000)
    assert [HELD, *[TOLD] * len(LINES)] == join.letters()
    assert ["WITHDRAWALS_HELD "] == join.closed()


def test_what_is_held_and_comes_back_is_told_to_nobody():
    """Somebody restored the rows. What the platform has is right, and unchanged."""
    join = archive(reported(Join(joiner=joiner())))
    join.tick(after_ms=DAY_MS)
    sent = len(join.ready)
    for line in LINES:
        join.change("h.charge", charge_id=line, tx=8)
    join.joiner = joiner(per_hour=100)
    join.tick(after_ms=DAY_MS)
    assert ([HELD], sent) == (join.letters(), len(join.ready))


@pytest.mark.parametrize("limits", [{"per_hour": 20}, {"per_hour": 0}, {"share": 0.9}])
def test_people_may_delete(limits):
    """So many in an hour, or so many of what is going on."""
    join = reported(Join(joiner=joiner(**limits)))
    for line in LINES:
        join.change("h.charge", "d", charge_id=line, tx=7)
        join.change("h.visit", "u", ward="外科")
    join.tick(after_ms=DAY_MS)
    assert [TOLD] * len(LINES) == join.letters()


def test_rows_that_are_old_may_go_without_a_word_and_come_back():
    """The platform keeps the record, and the hospital its archive. What comes from there again is what the platform has."""
    join = archive(reported(Join(joiner=joiner(days=30), now=1_714_700_000_000 + 40 * DAY_MS)))
    join.tick(after_ms=DAY_MS)
    assert ([], len(LINES)) == (join.letters(), join.counts["deletion_ignored"])
    sent = len(join.ready)
    join.change("h.charge", charge_id=LINES[0], tx=9)
    assert sent == len(join.ready)
    join.change("h.charge", "u", charge_id=LINES[0], tx=9, item="头孢")
    assert sent + 1 == len(join.ready)


def test_rows_that_are_not_old_are_withdrawn_as_ever():
    """Ninety days are an archive; a week is a correction."""
    join = archive(reported(Join(joiner=joiner(days=30))), LINES[:2])
    join.tick(after_ms=DAY_MS)
    assert [TOLD] * 2 == join.letters()


def test_old_rows_that_are_held_go_when_the_mapping_says_so():
    """The usual answer to the letter."""
    join = archive(reported(Join(joiner=joiner(), now=1_714_700_000_000 + 40 * DAY_MS)))
    join.tick(after_ms=DAY_MS)
    mended = joiner(days=30, per_hour=6)
    join.joiner = mended
    join.tick(after_ms=DAY_MS)
    assert ([HELD], len(LINES)) == (join.letters(), join.counts["deletion_ignored"])
