"""Random courses of hospitals some of whose rows do not count, against hospitals that do not have these rows."""

import pytest

from tests.oracle.counting import run

COURSES, BLOCK = 100, 25


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_a_row_that_does_not_count_is_a_row_that_is_not_there(first):
    """Drafts and cancelled receipts: one that stops counting is deleted, one that begins to is inserted, with the same records,
    withdrawals, letters and orders of settling, message by message. `make oracle-proof` runs 10,000.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := run(seed))}
    assert {} == wrong
