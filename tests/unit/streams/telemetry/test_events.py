"""What every line of a process carries, whoever writes it."""

import subprocess
import sys
import textwrap
from datetime import datetime, timedelta

import orjson
import pytest

SPEAKING = textwrap.dedent(
    """
    import asyncio, gc, logging, threading, warnings
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo
    import structlog
    from streams.errors import Fatal
    from streams.telemetry.dying import die, speak_discreetly
    from streams.telemetry.events import Speaker, configure

    configure(Speaker(site="first", worker="join-1", stage="join", index=1, zone=ZoneInfo("Asia/Shanghai")), human=False)
    speak_discreetly()
    structlog.get_logger().info("lane_opened", since=datetime.fromtimestamp(0, UTC))
    structlog.get_logger().info("worker_started", worker="deliver-0")
    logging.getLogger("aiokafka.conn").error("no broker %s", 1)
    warnings.warn("an old way")

    def fail(*_):
        raise ValueError("张三")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    class Falling:
        __del__ = fail

    Falling()

    async def forgotten():
        task = asyncio.ensure_future(asyncio.to_thread(fail))
        await asyncio.wait([task])
        del task
        gc.collect()
        asyncio.get_running_loop().call_soon(fail, "李四")
        await asyncio.sleep(0)

    asyncio.run(forgotten())
    die(Fatal("why", exit_code=71))
    """
)


@pytest.fixture(scope="module")
def ended():
    """A worker that said all of it and died."""
    return subprocess.run([sys.executable, "-c", SPEAKING], capture_output=True, check=False)


def test_every_line_says_when_where_and_who(ended):
    """Ours, the libraries', warnings, threads, and the last one: lines without them cannot be put in order or be searched for."""
    lines = [orjson.loads(line) for line in ended.stderr.splitlines()]
    assert 71 == ended.returncode
    for line in lines:
        assert timedelta(hours=8) == datetime.fromisoformat(line["timestamp"]).utcoffset(), line
        assert ("first", "join", 1) == tuple(line[name] for name in ("site", "stage", "index")), line
    assert ["join-1", "deliver-0"] + ["join-1"] * (len(lines) - 2) == [line["worker"] for line in lines]
    assert {"lane_opened", "worker_started", "no broker 1", "error_uncaught", "worker_died"} <= {line["event"] for line in lines}
    assert {"aiokafka.conn", "py.warnings", "asyncio"} <= {line.get("library") for line in lines}
    assert {"thread", "clean-up"} == {line["where"] for line in lines if line["event"] == "error_uncaught"}
    assert "1970-01-01T08:00:00.000+08:00" == lines[0]["since"]


def test_what_nobody_caught_says_nothing_of_what_a_record_held(ended):
    """Python and asyncio print errors, tasks and arguments whole; a record is a patient."""
    told = ended.stderr.decode()
    assert told.count("ValueError") >= 4
    assert "张三" not in told
    assert "李四" not in told
