"""The admin connection: what a broker that has just started says is not its last word."""

import pytest
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from connector.contract import Topics
from streams.errors import Unreachable
from streams.topics import broker as subject
from streams.topics.broker import Broker
from streams.topics.stages import stages


class FreshBroker:
    """Knows no topic, and has no coordinator until it was asked `asked` times."""

    def __init__(self, asked: int, error: type[Exception] = CoordinatorNotAvailableError) -> None:
        self.asked, self.error = asked, error

    def list_group_offsets(self, groups):
        self.asked -= 1
        if self.asked >= 0:
            raise self.error
        return {group: {} for group in groups}

    def list_topics(self):
        return []


def plan(admin):
    broker = object.__new__(Broker)
    broker._where, broker._servers, broker._admin = "Kafka at here", "here:9092", admin
    return broker.plan_first_offsets(stages(Topics(), ["his"]), partitions=2, marks={"place": "", "join": "", "deliver": ""})


@pytest.mark.parametrize("error", [CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError])
def test_a_new_broker_is_given_time_to_find_its_coordinator(monkeypatch, error):
    """`stack up` and `topics apply` in one line must work, with three brokers, too: the first question makes the topic."""
    monkeypatch.setattr(subject, "_ASK_AGAIN_S", 0.0)
    assert len(plan(FreshBroker(3, error)).write) == 5


def test_a_broker_without_a_coordinator_is_told_of_in_the_end(monkeypatch):
    """Waiting for ever would look like work."""
    monkeypatch.setattr(subject, "_COORDINATOR_S", -1.0)
    with pytest.raises(Unreachable, match="read the committed offsets"):
        plan(FreshBroker(1))
