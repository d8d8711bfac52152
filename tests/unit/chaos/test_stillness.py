"""How long a flow stood is counted from what waited: a pause of the hospital is none of the flow's."""

from tests.chaos.stillness import Answer, Stood, longest, told


def answer(at, *committed, partition=0):
    return Answer(partition=partition, at=at, committed=committed, captured=committed)


def test_a_flow_stands_only_while_something_waits():
    """At a low rate a partition has nothing to do for half a minute; that was taken for a fault's doing."""
    assert Stood(for_ms=300, from_ms=40_000) == longest([answer(1000, 900), answer(40_300, 40_000), answer(40_400, 40_150)])


def test_what_comes_last_counts_from_when_it_began_to_wait():
    """The first record after a fault may be a young one; the old ones behind it stood as long."""
    assert Stood(for_ms=25_000, from_ms=1000) == longest([answer(1000, 900), answer(26_000, 25_900), answer(26_100, 950)])


def test_nothing_accepted_is_no_standing():
    """A scenario in which nothing was committed has nothing to tell."""
    assert Stood() == longest([])
    assert "nothing was accepted for 0.0 s" in told([], since_ms=0)


def test_the_partition_that_stood_longest_is_named():
    """Where the others flow, the whole shows nothing."""
    busy = [answer(at + 100, at) for at in range(1000, 30_000, 500)]
    said = told([*busy, answer(1200, 1000, partition=7), answer(21_200, 2000, partition=7)], since_ms=1000)
    assert "of partition 7 for 19.2 s from 1 s on (of each: [0, 19] s)" in said
