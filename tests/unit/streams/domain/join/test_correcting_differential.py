"""Random courses of rows whose corrections go by a person alone, against a book of what was sent and what was asked."""

import pytest

from tests.oracle.corrections import faults

COURSES, BLOCK = 200, 50


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_nothing_that_was_reported_is_corrected_without_a_person_who_saw_it(first):
    """However rows change back and forth, go, are read again and are ordered by letters of before, through restarts. `make
    oracle-proof` runs 5,000; `python -m tests.oracle.corrections --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
