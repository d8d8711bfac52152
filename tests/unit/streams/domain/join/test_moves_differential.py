"""Random courses of rows that move between visits of several partitions, before a platform that keeps what comes last."""

import pytest

from tests.oracle import asides
from tests.oracle.moves import faults

COURSES, BLOCK = 60, 15


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_no_older_version_of_a_record_comes_after_a_newer_one(first):
    """However slow the lanes of the partitions are that a row left, and whoever takes them over. `make oracle-proof` runs 6,000;
    `python -m tests.oracle.moves --first SEED --count 1` runs one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(seed))}
    assert {} == wrong


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_neither_does_it_where_institutions_are_set_aside_and_nobody_else_waits_for_those(first):
    """Rows become another institution's records, and the former one's again. `python -m tests.oracle.asides` runs as the other."""
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := asides.faults(seed))}
    assert {} == wrong
