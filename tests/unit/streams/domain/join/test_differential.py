"""Random courses of a database and its capture, against an oracle that looks only at the rows that stand there in the end."""

import pytest

from tests.oracle.course import course
from tests.oracle.verdict import faults

COURSES, BLOCK = 2_000, 250


@pytest.mark.parametrize("first", range(0, COURSES, BLOCK))
def test_the_platform_holds_what_the_database_shows_in_the_end(first):
    """However transactions interleave, whatever is read early, late or twice, and wherever capture begins to send again. `make
    oracle-proof` runs 50,000; `python -m tests.oracle --show SEED` prints one.
    """
    wrong = {seed: found for seed in range(first, first + BLOCK) if (found := faults(course(seed)))}
    assert {} == wrong
