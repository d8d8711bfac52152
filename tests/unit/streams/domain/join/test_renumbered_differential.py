"""Random courses of lines that come again under new ids, against a list of what each of them is."""

import pytest

from tests.oracle.renumbered import faults

COURSES, BLOCK = 60, 30


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_a_line_that_comes_again_is_the_record_that_its_transaction_deleted(first):
    """Equal ones in order, in no other transaction, and the same after repeats, readings and other workers. `make oracle-proof`
    runs 5,000; `python -m tests.oracle.renumbered --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
