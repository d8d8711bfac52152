"""A short selection of the chaos suite: the flow through crashes, frozen owners, deaths of broker and Connect, lost answers."""

import pytest

from tests.chaos.run import run_scenario
from tests.chaos.scenarios import named
from tests.own_stack import own_stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

CHANGES = 2_500
STRUCK = 10
"""Eight strikes at their moments, and at least one worker that ended itself at its point and one lost answer."""


def test_nothing_is_lost_doubled_or_out_of_order_whatever_dies(tmp_path):
    """Workers die between POST and commit, wake after their partitions were given away, broker and Connect die, answers are lost:
    every row of the hospital still has exactly the outcome that it should have. `make chaos` runs each fault alone, at length.
    """
    with own_stack() as stack:  # what it kills, nobody else may need
        result = run_scenario(named("selection"), stack=stack, home=tmp_path / "chaos", changes=CHANGES, seed=1)

    assert [] == result.verdict.examples, (result.notes, result.exits)
    assert CHANGES <= result.changes
    assert STRUCK <= result.struck, (result.acts, result.exits)
    assert result.ok, result.exits
