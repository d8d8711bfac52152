"""What a supervisor does when workers end, and what a dying worker says."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import textwrap

import orjson
import psutil
import pytest

from streams.errors import Fatal
from streams.lanes.exits import Exit
from streams.telemetry.discretion import Discreet, cause_of, stack_of
from streams.telemetry.outcomes import DECLARED, Outcomes
from streams.telemetry.progress import Progress
from tests.patience import PATIENCE_S
from yibao.liveness import Silence
from yibao.restarts import Ended, History, decide


def after(*ends):
    history = History()
    for end in ends:
        history = history.after(end)
    return decide(history)


def test_restarts_wait_longer_each_time_and_not_for_ever():
    """A worker that ends at once must not hammer the brokers, and must come back soon after what ailed it."""
    waits = [after(*(Ended(exit_code=70, at=float(at)) for at in range(count))).delay_s for count in range(1, 8)]
    assert [3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0] == waits
    assert 3.0 == after(Ended(exit_code=70, at=0.0), Ended(exit_code=70, at=700.0)).delay_s


def test_many_ends_call_a_person():
    """One end is a rebalance; six in ten minutes are not."""
    ends = [Ended(exit_code=70, at=float(at)) for at in range(6)]
    assert "" == after(*ends[:5]).page
    assert "6 ends" in after(*ends).page


@pytest.mark.parametrize("code", [Exit.FOREIGN_OFFSET, Exit.NOT_VISIBLE, Exit.OTHER_SITE])
def test_a_reset_group_or_a_lost_commit_calls_a_person_at_once(code):
    """No restart mends either."""
    assert after(Ended(exit_code=code, at=0.0, reason="why")).page


def test_the_same_hole_twice_calls_a_person_even_hours_later():
    """Records that are gone do not come back; another hole may be a broker that was slow."""
    hole = Ended(exit_code=Exit.HOLE, at=0.0, reason="number 7 of changes-3")
    assert "" == after(hole).page
    assert "missing again" in after(hole, Ended(exit_code=Exit.HOLE, at=5000.0, reason="number 7 of changes-3")).page
    assert "" == after(hole, Ended(exit_code=Exit.HOLE, at=5.0, reason="number 9 of changes-3")).page


def test_why_a_worker_died_says_nothing_of_what_a_record_held():
    """The text of a foreign error may quote a patient; types and places do not."""
    try:
        try:
            int("张三")
        except ValueError as exc:
            raise Fatal("the fold met ValueError") from exc
    except Fatal as fatal:
        told = cause_of(fatal) + stack_of(fatal)
    assert "ValueError" in told
    assert "test_supervisor.py" in told
    assert "张三" not in told


def test_what_a_library_logs_of_an_error_says_nothing_of_what_a_record_held():
    """Faust and asyncio print exceptions whole, in the message and as a traceback."""
    try:
        int("张三")
    except ValueError as exc:
        record = logging.LogRecord("faust", logging.ERROR, "", 0, "agent crashed: %r", (exc,), (type(exc), exc, exc.__traceback__))
    assert Discreet().filter(record)
    told = logging.Formatter().format(record)
    assert "ValueError" in told
    assert "test_supervisor.py" in told
    assert "张三" not in told


def test_only_declared_outcomes_are_counted():
    """A misspelled name would be a count that nobody looks at."""
    outcomes = Outcomes("join")
    outcomes.count("dead_letter", 2, label="DECODE")
    assert {"dead_letter_DECODE": 2} == outcomes.snapshot()
    with pytest.raises(KeyError):
        outcomes.count("deadletter")
    assert all(DECLARED.values())


def test_progress_is_told_once_per_change(capsys):
    """A worker that has nothing to do must not fill the log."""
    outcomes = Outcomes("join")
    progress = Progress(outcomes)
    progress.tell()
    outcomes.count("folded", 3)
    progress.tell()
    progress.tell()
    assert 1 == capsys.readouterr().out.count("progress")


SUPERVISOR = textwrap.dedent(
    """
    import sys
    from yibao.supervisor import Supervisor, end_with_parent
    if sys.argv[1] == "child":
        end_with_parent()
        import time
        print("the child is up", flush=True)
        time.sleep(60)
    else:
        child = [sys.executable, __file__, "child"]
        sys.exit(Supervisor({"a-0": child, "b-0": child}).run() if sys.argv[1] == "two"
                 else Supervisor({"a-0": [sys.executable, "-c", "raise SystemExit(3)"]}).run())
    """
)


@pytest.fixture
def supervisor(tmp_path):
    """A supervisor in a process of its own, with two children that sleep."""
    script = tmp_path / "supervised.py"
    script.write_text(SUPERVISOR)
    started = []

    def start(kind):
        process = subprocess.Popen(
            [sys.executable, str(script), kind], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."}
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def ups(process):
    """The children, once both have come up. Their words may stand in one line with the supervisor's, for all write to one pipe."""
    said = 0
    for line in process.stdout:
        said += line.count("the child is up")
        if said == 2:
            return psutil.Process(process.pid).children()
    raise AssertionError("the children did not come up")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_worker_outlives_its_supervisor(supervisor, number, code):
    """An orphan would hold partitions that a new worker waits for. The exit code tells a service manager's stop from a person's."""
    process = supervisor("two")
    children = ups(process)
    process.send_signal(number)
    gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert 2 == len(gone)
    assert [] == alive
    assert process.wait(PATIENCE_S) == code


def test_a_worker_that_cannot_begin_ends_the_supervisor_with_its_code(supervisor):
    """A wrong file or an absent broker at the first start is told at once instead of being tried for ever."""
    assert 3 == supervisor("one").wait(PATIENCE_S)


SERVED = textwrap.dedent(
    """
    import os, sys, threading, time
    if sys.argv[1:] == ["child", "hangs"]:
        parent = os.getppid()
        print("the child is up", flush=True)
        while os.getppid() == parent:
            time.sleep(0.1)
        sys.exit()
    from http import HTTPStatus
    from yibao.supervisor import Supervisor, end_with_parent
    if sys.argv[1] == "child":
        end_with_parent()
        from streams.telemetry.conditions import Condition, Reason
        from streams.telemetry.dying import tell_served
        from streams.telemetry.serving import Served, Told
        no = [Condition(Reason.LOOP_STUCK, "")] if sys.argv[2] == "dead" else []
        served = Served(Told(worker="a-0", conditions=lambda: no, metrics=lambda _: (b"", "")), host="127.0.0.1", port=0)
        tell_served(served.url)
        print("the child is up", flush=True)
        until = time.monotonic() + 600
        while time.monotonic() < until:
            if sys.argv[2] != "busy":
                time.sleep(0.1)
    else:
        child = [sys.executable, __file__, "child", sys.argv[1]]
        sys.exit(Supervisor({"a-0": child}, silent_s=2.0, start_s=5.0 if sys.argv[1] == "hangs" else 600.0).run())
    """
)


@pytest.mark.timeout(120)
def test_a_worker_that_hangs_before_it_is_served_is_killed_and_named_with_its_reason(supervisor, tmp_path):
    """It stands in a folder of a file server that is away. Nobody can ask it, and nothing else would ever end it."""
    (tmp_path / "supervised.py").write_text(SERVED)
    process = supervisor("hangs")
    (worker,) = up(process)
    assert any(f"pid={worker.pid}" in line for line in iter(process.stdout.readline, "") if "worker_stalled" in line)
    assert "it hung in its start, before it served /live, for 5 s (workers.http.start_s): killed" in ended(process)


@pytest.mark.timeout(120)
def test_a_worker_that_was_stopped_is_killed_and_started_again_and_one_that_is_busy_is_left_alone(supervisor, tmp_path):
    """One that hangs keeps its place for ever and never ends; a long computation is no reason to begin it anew."""
    (tmp_path / "supervised.py").write_text(SERVED)
    stopped, dead, busy = supervisor("stopped"), supervisor("dead"), supervisor("busy")
    (worker,) = up(stopped)
    (working,) = up(busy)
    worker.suspend()
    assert "no yes came from /live for 2 s" in ended(stopped)
    assert not worker.is_running()
    assert "no yes came from /live for 2 s" in ended(dead), "it answers, and its answer is a no"
    (_another,) = up(stopped)
    assert [working] == psutil.Process(busy.pid).children()


def ended(process):
    """What the supervisor says of the first end of a worker."""
    return next(line for line in iter(process.stdout.readline, "") if "worker_ended" in line)


def up(process):
    """The only child, once it is up."""
    assert any(line.endswith("the child is up\n") for line in iter(process.stdout.readline, ""))
    return psutil.Process(process.pid).children()


@pytest.mark.parametrize(("gaps", "lasts"), [([5, 5, 5], 15.0), ([5, 3600, 5], 30.0), ([5, 3600], 25.0), ([3600], 20.0)])
def test_what_passes_while_the_supervisor_is_held_itself_speaks_against_no_worker(gaps, lasts):
    """A terminal's Ctrl-Z holds all of them; when they go on, none of them has been silent."""
    silence = Silence(asked_at=0.0)
    for at in itertools.accumulate(gaps):
        silence = silence.after(yes=False, at=float(at), allowed_s=60.0)
    assert lasts == silence.lasts_s
    assert 0.0 == silence.after(yes=True, at=9_999.0, allowed_s=60.0).lasts_s


def test_a_last_word_is_one_line_of_json():
    """The supervisor tells two holes apart by it."""
    code = (
        "import os; from streams.errors import Fatal; from streams.telemetry.dying import die; "
        "os.environ['YIBAO_SUPERVISOR_FD'] = '1'; die(Fatal('why', exit_code=71))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert 71 == ended.returncode
    assert {"exit_code": 71, "reason": "why"} == orjson.loads(ended.stdout.splitlines()[-1])
