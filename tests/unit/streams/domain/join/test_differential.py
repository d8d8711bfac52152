"""Random courses of a database and its capture, against an oracle that looks only at the rows that stand there in the end."""

from dataclasses import replace

import pytest

from tests.oracle.course import course
from tests.oracle.features import KEPT
from tests.oracle.verdict import faults

COURSES, BLOCK = 2_000, 250


MATCHED = replace(KEPT, lines_match=True)
MOVED = replace(KEPT, tables_move=True)


@pytest.mark.parametrize("first", range(0, BLOCK, BLOCK // 2))
def test_a_line_that_matches_its_settlement_ends_as_one_that_names_it(first):
    """By a column that both have, which the mapping does not know as its key: only that none is there yet is not known."""
    wrong = {seed: found for seed in range(first, first + BLOCK // 2) if (found := faults(course(seed, MATCHED), MATCHED))}
    assert {} == wrong


@pytest.mark.parametrize("first", range(0, BLOCK, BLOCK // 2))
def test_where_rows_are_said_to_move_between_tables_the_same_holds_in_the_end(first):
    """Only copies that say the same are one; what is deleted is told as withdrawn, if a day later."""
    wrong = {seed: found for seed in range(first, first + BLOCK // 2) if (found := faults(course(seed, MOVED), MOVED))}
    assert {} == wrong


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_the_platform_holds_what_the_database_shows_in_the_end(first):
    """However transactions interleave, whatever is read early, late or twice, and wherever capture begins to send again. `make
    oracle-proof` runs 50,000; `python -m tests.oracle --show SEED` prints one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(course(seed)))}
    assert {} == wrong
