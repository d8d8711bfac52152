"""A broker that is away is an event of ours, told once, and the clients' own lines do not bury it."""

import asyncio
import sys
from collections import Counter
from contextlib import ExitStack, asynccontextmanager

import orjson
import pytest

from tests.bench.bench_site import write_site
from tests.bench.processes import started
from tests.bench.topics import apply_topics
from tests.integration.forwarder import forwarder
from tests.integration.serving import until
from tests.patience import PATIENCE_S
from yibao.supervisor import PATIENT_VARIABLE

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

PARTITIONS = 3
A_MINUTE = 5
"""Most lines of one library in a minute."""


class Log:
    """What a worker has said so far."""

    def __init__(self, file, worker):
        self._file = file
        self._worker = worker

    @property
    def lines(self):
        return [orjson.loads(line) for line in self._file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]

    def told(self, event):
        return [line for line in self.lines if line["event"] == event]

    @property
    def cuts(self):
        """The broker refused connections. A slow machine may also lose it for a moment, by time-outs."""
        return [line for line in self.told("brokers_lost") if "ConnectionRefusedError" in line["error"]]

    @property
    def returns(self):
        """What was told of the end of each absence, by its begin."""
        return {line["since"]: line for line in self.told("brokers_returned")}

    async def has(self, condition, what):
        async def said():
            self._worker.check()
            return condition()

        await until(said, PATIENCE_S, f"{what}: {self.lines}")


@asynccontextmanager
async def beside(running):
    """A program whose end is waited for in a thread: it still needs the forwarder, which runs in this loop."""
    with ExitStack() as stack:
        yield stack.enter_context(running)
        await asyncio.to_thread(stack.pop_all().close)


async def test_a_broker_that_is_away_is_told_once_at_the_start_and_at_work(kafka, tmp_path, monkeypatch):
    """It was 84 lines of libraries in twelve seconds and none that said which broker, since when, and that it is over."""
    bootstrap = kafka.bootstrap_servers
    port = int(bootstrap.rpartition(":")[2])
    about = {"prefix": "away-", "platform_url": "http://127.0.0.1:9", "partitions": PARTITIONS}
    site = write_site(tmp_path, bootstrap_servers=bootstrap, **about)
    await asyncio.to_thread(apply_topics, site)
    async with forwarder(port) as way:
        await way.cut()
        monkeypatch.setenv("DETOUR", f"{port}:{way.port}")
        monkeypatch.setenv(PATIENT_VARIABLE, "1")
        command = [sys.executable, "-m", "tests.integration.detoured_worker", "join", "-c", site, "--home", tmp_path / "home"]
        async with beside(started(command, log=tmp_path / "worker.log")) as worker:
            log = Log(tmp_path / "worker.log", worker)
            for at_work in (False, True):
                if at_work:
                    await way.cut()
                before = len(log.cuts) if at_work else 0
                await log.has(lambda before=before: len(log.cuts) > before, "the broker is lost")
                await way.mend()
                await log.has(lambda: all(line["since"] in log.returns for line in log.told("brokers_lost")), "it is back")
                await log.has(lambda: len(log.told("lane_opened")) >= PARTITIONS, "the lanes open")
    lost = log.told("brokers_lost")
    assert len({line["since"] for line in lost}) == len(lost), "each absence is told once"
    for line in log.cuts:
        assert [bootstrap] == line["addresses"] == log.returns[line["since"]]["addresses"]
        assert 0 < line["away_s"] <= log.returns[line["since"]]["away_s"]
    libraries = Counter((line["library"].partition(".")[0], line["timestamp"][:16]) for line in log.lines if "library" in line)
    assert libraries, "what they say is not lost either"
    assert max(libraries.values()) <= 2 * A_MINUTE, "a minute of theirs may begin in the middle of one of the clock's"
