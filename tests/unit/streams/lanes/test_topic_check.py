"""A worker that starts while brokers are away: it waits, and says so."""

import asyncio

from structlog.testing import capture_logs

from streams.lanes import topic_check
from streams.lanes.topic_check import told
from streams.testing import wait_for


async def test_a_worker_that_waits_for_brokers_says_for_which(monkeypatch):
    """A restarted worker was silent for 100 s, and looked like one that hangs."""
    monkeypatch.setattr(topic_check, "_FIRST_TOLD_S", 0.0)
    answers = asyncio.Event()

    async def work():
        await answers.wait()
        return "there"

    with capture_logs() as logs:
        waiting = asyncio.ensure_future(told(work(), "a:1,b:2"))
        await wait_for(lambda: logs)
        answers.set()
        assert "there" == await waiting
    assert [("brokers_awaited", ["a:1", "b:2"])] == [(entry["event"], entry["servers"]) for entry in logs]
