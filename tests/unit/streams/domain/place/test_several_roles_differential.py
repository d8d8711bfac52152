"""Random courses of hospitals whose bills are visits and settlements at once, against hospitals with a table for each."""

import pytest

from tests.oracle.several_roles import faults

COURSES, BLOCK = 40, 20


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_a_row_that_is_two_things_is_as_two_rows(first):
    """Bills that come, change, get other keys and numbers, move, go unseen and are emptied, with the same records and letters.
    `make oracle-proof` runs 5,000; `python -m tests.oracle.several_roles --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
