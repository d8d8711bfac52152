"""Random courses of rows that claim what rows of other visits claim, before a platform that keeps what comes last of a record."""

import pytest

from tests.oracle.collisions import faults

COURSES, BLOCK = 24, 6


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_of_two_visits_that_claim_one_record_one_is_reported_and_the_other_is_told(first):
    """Otherwise the platform has one patient's visit under another one's number, and nobody knows. `make oracle-proof` runs 3,000;
    `python -m tests.oracle.collisions --first SEED --count 1` runs one.
    """
    assert {} == {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
