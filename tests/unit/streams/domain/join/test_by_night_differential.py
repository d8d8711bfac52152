"""Random courses of jobs that move rows between day and year tables, against a hospital in which nothing moves."""

import pytest

from tests.oracle.by_night import faults

COURSES, BLOCK = 60, 15


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_what_moves_between_tables_is_reported_once_for_each_content_and_never_withdrawn(first):
    """In one transaction or hours apart, deleted or inserted first, numbered anew or not. `make oracle-proof` runs 3,000;
    `python -m tests.oracle.by_night --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
