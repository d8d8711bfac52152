"""A short selection of the chaos suite: the whole flow through crashes, frozen owners, a broker's death and lost answers."""

import pytest

from tests.chaos.run import run_scenario
from tests.chaos.scenarios import named

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

CHANGES = 2_500


def test_nothing_is_lost_doubled_or_out_of_order_whatever_dies(embedded, tmp_path):
    """Workers die between POST and commit, wake after their partitions were given away, the broker dies, answers are lost: every
    row of the hospital still has exactly the outcome that it should have. `make chaos` runs each fault alone, at length.
    """
    result = run_scenario(named("selection"), stack=embedded, home=tmp_path / "chaos", changes=CHANGES, seed=1)

    assert [] == result.verdict.examples
    assert CHANGES <= result.changes
    assert 8 <= result.struck, result.acts
    assert result.ok, result.exits
