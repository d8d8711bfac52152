"""Random courses of a hospital whose lines find their settlement through a third table, against what its rows alone say."""

import pytest

from tests.oracle.linked import faults

COURSES, BLOCK = 200, 100


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_each_line_is_of_the_settlement_that_its_links_give_it_in_the_end(first):
    """In whatever order the three came, changed and went. `make oracle-proof` runs 5,000; `python -m tests.oracle.linked
    --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong
