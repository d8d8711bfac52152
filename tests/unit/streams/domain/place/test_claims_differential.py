"""Random courses of records that go to another visit and come back, before a platform that keeps what comes last."""

import pytest

from tests.oracle.claims import faults

COURSES, BLOCK = 80, 20


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_what_comes_back_as_it_was_is_not_left_as_another_visit_reported_it(first):
    """Whatever the clocks of database and capture say, and whatever the place stage has forgotten. `make oracle-proof` runs 6,000;
    `python -m tests.oracle.claims --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
