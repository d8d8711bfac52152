"""How long a reading waits for stages that do not take what was read."""

from yibao.captures.absent_rows import Standstill


def standstill():
    return Standstill(stalled_s=300.0, absent_s=60.0, began=1_000.0)


def test_a_worker_that_was_killed_has_time_to_come_back():
    """Its supervisor starts it again, and it takes part after the session of the one before. Nobody has to read a table again."""
    stages = standstill()
    assert not stages.is_final((5, 5), at_work=True, at=1_001.0)
    assert not stages.is_final((5, 5), at_work=False, at=1_030.0)
    assert not stages.is_final((5, 5), at_work=True, at=1_059.0)
    assert not stages.is_final((6, 5), at_work=False, at=1_080.0)


def test_where_no_worker_comes_and_where_none_moves_it_ends():
    """Somebody waits for the command, and has to start a worker, or to look why it stands."""
    gone, stands = standstill(), standstill()
    gone.is_final((5, 5), at_work=False, at=1_001.0)
    stands.is_final((5, 5), at_work=True, at=1_001.0)
    assert gone.is_final((5, 5), at_work=False, at=1_062.0)
    assert not stands.is_final((5, 5), at_work=True, at=1_301.0)
    assert stands.is_final((5, 5), at_work=True, at=1_302.0)
