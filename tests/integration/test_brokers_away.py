"""A broker that is away is an event of ours, told once, and the clients' own lines do not bury it."""

import asyncio
import sys
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

PARTITIONS = 12
HANDFUL = 10


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

    async def has(self, event, times):
        async def said():
            self._worker.check()
            return len(self.told(event)) >= times

        await until(said, PATIENCE_S, f"{times} x {event}: {self.lines}")


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
    site = write_site(tmp_path, prefix="away-", bootstrap_servers=bootstrap, platform_url="http://127.0.0.1:9")
    await asyncio.to_thread(apply_topics, site)
    async with forwarder(port) as way:
        await way.cut()
        monkeypatch.setenv("DETOUR", f"{port}:{way.port}")
        monkeypatch.setenv(PATIENT_VARIABLE, "1")
        command = [sys.executable, "-m", "tests.integration.detoured_worker", "join", "-c", site, "--home", tmp_path / "home"]
        async with beside(started(command, log=tmp_path / "worker.log")) as worker:
            log = Log(tmp_path / "worker.log", worker)
            await log.has("brokers_lost", 1)
            await way.mend()
            await log.has("lane_opened", PARTITIONS)
            await way.cut()
            await log.has("brokers_lost", 2)
            await way.mend()
            await log.has("brokers_returned", 2)
    for lost, returned in zip(log.told("brokers_lost"), log.told("brokers_returned"), strict=True):
        assert [bootstrap] == lost["addresses"] == returned["addresses"]
        assert lost["since"] == returned["since"]
        assert 0 < lost["away_s"] <= returned["away_s"]
        assert "ConnectionRefusedError" in lost["error"]
    libraries = [line["event"] for line in log.lines if "library" in line]
    assert 0 < len(libraries) <= HANDFUL, libraries
