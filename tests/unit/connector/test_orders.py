"""An order is carried out when the tasks say so, and not when the connector does."""

from types import SimpleNamespace

import pytest

from connector import orders
from connector.connect import ConnectorStatus, TaskStatus
from connector.errors import Refused
from connector.orders import Wish, carried_out

HIS = "capture-his"


def status(state, *tasks, trace=None):
    told = tuple(TaskStatus(number=number, state=one, worker="c:8083", trace=trace) for number, one in enumerate(tasks))
    return ConnectorStatus(connector=HIS, state=state, worker="c:8083", trace=None, tasks=told)


RUNNING, PAUSED, STOPPED = status("RUNNING", "RUNNING"), status("PAUSED", "PAUSED"), status("STOPPED")
FAILED = status("RUNNING", "FAILED", trace="the publication is gone")


class Looked:
    """A Connect that is seen in one state after the other; the last one stays. Each look takes a second of a clock that is set."""

    def __init__(self, *states):
        self.states, self.looks, self.now = list(states), 0, 0.0

    def status(self, _connector):
        self.now += 1.0
        self.looks += 1
        return self.states[min(self.looks, len(self.states)) - 1]


@pytest.fixture
def outcome(monkeypatch):
    """How many looks an order takes to be carried out, or why it is not."""

    def wait(wish, *states, readers=()):
        connect, reading = Looked(*states), list(readers)
        monkeypatch.setattr(orders, "time", SimpleNamespace(monotonic=lambda: connect.now, sleep=lambda _: None))
        try:
            carried_out(connect, HIS, wish, reader=lambda: reading.pop(0) if reading else None, within_s=20)
        except Refused as refused:
            return f"{refused}"
        return connect.looks

    return wait


def test_a_state_counts_when_it_lasts(outcome):
    """Just after the order the old state is still told, and a task can fail just after it began to run."""
    assert 3 == outcome(Wish.RUNNING, RUNNING)
    assert 5 == outcome(Wish.PAUSED, RUNNING, status("PAUSED", "RUNNING"), PAUSED)
    assert 6 == outcome(Wish.RUNNING, RUNNING, status("RUNNING", "RESTARTING"), status("RUNNING"), RUNNING)


@pytest.mark.parametrize(
    ("wish", "last", "words"),
    [
        (Wish.PAUSED, status("PAUSED", "RUNNING"), "its tasks 0: RUNNING at c:8083"),
        (Wish.STOPPED, status("STOPPED", "RUNNING"), "its tasks 0: RUNNING"),
        (Wish.RUNNING, status("RUNNING"), "its tasks none"),
        (Wish.RUNNING, FAILED, "the publication is gone"),
        (Wish.STOPPED, RUNNING, "is not stopped after 20 s"),
        (Wish.PAUSED, None, "yibao connector apply"),
    ],
)
def test_a_connector_whose_tasks_say_otherwise_is_not_what_is_wished(outcome, wish, last, words):
    """A person who stops a capture before work on the database must be able to rely on it."""
    assert words in outcome(wish, last)


def test_a_stopped_capture_whose_task_still_reads_the_log_is_not_stopped(outcome):
    """A worker that lost its cluster runs its task on, and Connect says STOPPED with no task; only the database knows."""
    assert "process 7" in outcome(Wish.STOPPED, STOPPED, readers=["process 7"] * 30)
    assert 5 == outcome(Wish.STOPPED, STOPPED, readers=["process 7"] * 2)


def test_an_order_that_another_one_takes_back_is_not_carried_out(outcome):
    """Two people at two desks: the first must not be told that it is stopped while it runs."""
    assert "its state is RUNNING" in outcome(Wish.STOPPED, STOPPED, RUNNING)
