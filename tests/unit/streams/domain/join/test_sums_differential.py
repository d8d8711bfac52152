"""Random courses of settlements and lines, against sums that are added up from the rows that are left."""

import pytest

from tests.oracle.sums import faults

COURSES, BLOCK = 200, 50


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_which_settlements_are_warned_of_depends_on_the_rows_that_are_left(first):
    """In whatever order they came, after restarts, an update from a version without sums, and a rule that was off for a while.
    `make oracle-proof` runs 5,000; `python -m tests.oracle.sums --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
