"""How much a library may say when a broker is away."""

import logging

import pytest

from streams.telemetry.chatter import RateLimit

# What the clients of one worker said in twelve seconds without a broker: how often, and the text before anything is filled in.
OUTAGE = (
    ("aiokafka.consumer.fetcher", "Failed fetch messages from %s: %r", 20),
    ("aiokafka", "Unable connect to node with id %s: %s", 9),
    ("aiokafka", "Unable to update metadata from %s", 10),
    ("aiokafka", "Unable to request metadata from node with id %s: %r", 1),
    ("aiokafka.consumer.group_coordinator", "Error sending %s to node %s [%s]", 1),
    ("aiokafka.consumer.group_coordinator", "Marking the coordinator dead (node %s)for group %s.", 1),
    ("aiokafka.consumer.group_coordinator", "Heartbeat send request failed: %s", 1),
    ("aiokafka.consumer.group_coordinator", "Group Coordinator Request failed: %s", 17),
)


class Clock:
    """One that is set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def line(name="aiokafka", text="no broker %s", *arguments):
    return logging.LogRecord(name, logging.ERROR, "", 0, text, arguments, None)


@pytest.fixture
def clock():
    return Clock()


def test_an_outage_is_a_handful_of_lines(clock):
    """Ten minutes of it were thousands; what somebody must see drowned in them."""
    limit = RateLimit(clock=clock)
    passed = 0
    for clock.now in range(0, 600, 12):
        for name, text, times in OUTAGE:
            passed += sum(limit.filter(line(name, text)) for _ in range(times))
    assert len(OUTAGE) <= passed <= 2 * len(OUTAGE) + 2


def test_the_first_of_each_is_let_through_and_says_later_what_was_kept_back(clock):
    """A line that is kept back in silence looks like a library that was content."""
    limit = RateLimit(per_minute=2, again_s=50.0, clock=clock)
    assert [True, False, False] == [limit.filter(line("aiokafka", "no broker %s", number)) for number in range(3)]
    clock.now = 61.0
    again = line()
    assert limit.filter(again)
    assert 2 == again.kept_back
    once_more = line("aiokafka", "something else")
    assert limit.filter(once_more)
    assert not hasattr(once_more, "kept_back")


def test_one_library_does_not_silence_another(clock):
    """A broker that is away must not hide a task that failed."""
    limit = RateLimit(per_minute=2, clock=clock)
    for number in range(50):
        limit.filter(line("aiokafka.conn", f"message {number}"))
    assert limit.filter(line("asyncio", "Task exception was never retrieved"))


def test_what_is_remembered_is_bounded(clock):
    """A library that fills in its texts by itself never says the same twice."""
    limit = RateLimit(per_minute=10_000, clock=clock)
    for number in range(5_000):
        limit.filter(line("faust", f"message {number}"))
    assert len(limit._told) < 1_000
