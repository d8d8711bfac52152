"""What a fault of some institutions costs the others is held against the same run without it."""

from types import SimpleNamespace

import pytest

from tests.chaos.course import Held
from tests.chaos.held_institutions import told

HELD = {"institutions": ("A", "B"), "calm_ms": 1_000, "from_ms": 101_000, "to_ms": 201_000}


def receipts(institution, *, before_s, during_s):
    """One record every second, which takes so long before the fault and during it."""
    for second in range(1, 200):
        at, took = second * 1_000, before_s if second < 101 else during_s
        yield SimpleNamespace(
            institution=institution, answered_at=at + round(took * 1_000), records=[SimpleNamespace(committed_at=at)]
        )


@pytest.mark.parametrize(("during_s", "too_slow"), [(1.0, False), (1.5, False), (1.6, True), (60.0, True)])
def test_the_others_take_no_more_than_half_as_long_again(during_s, too_slow):
    """In figures alone nobody would see it: a run that is too slow has failed."""
    held = Held(**HELD)
    those = [*receipts("A", before_s=1.0, during_s=90.0), *receipts("C", before_s=1.0, during_s=during_s)]
    assert f"{during_s:.2f} s (before it 1.00 s" in told(those, held)
    assert too_slow == bool(held.too_slow)


def test_a_run_that_measured_nothing_has_failed():
    """Nobody else delivered anything, which is the fault itself."""
    held = Held(**HELD)
    told([*receipts("A", before_s=1.0, during_s=90.0)], held)
    assert held.too_slow
