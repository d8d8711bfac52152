"""`yibao lag` and `yibao status` while something is wrong: the number to the record, and the one reason that a person must know."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.stack import Stack
from sandbox.stack.ports import Ports, free_port
from sandbox.stack.service import CHECKOUT
from streams.mapping import load_site
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from streams.wiring import broker_access, client_options
from tests.operations.failed import Failed

_SAMPLE = CHECKOUT / "deploy" / "sites" / "sample"
_ENDS_WITHIN_S = 40.0
_WITHIN_S = 300.0
_LATE = "\nlag:\n  max_age_s: 20\n"
HELD = "H36110300002"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """The sample site, on a stack of its own."""

    folder: Path
    stack: Stack
    ports: Mapping[str, int]

    @property
    def file(self) -> Path:
        return self.folder / "site.yaml"

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "yibao", *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=_environment())
        if done.returncode not in codes:
            raise Failed(f"`yibao {' '.join(words)}` ended with {done.returncode}: {done.stderr[-600:]}{done.stdout[-600:]}")
        return done

    def asked(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document."""
        done = self.run(*words, "-o", "json", codes=(0, 1, 3))
        return done.returncode, json.loads(done.stdout)

    @contextmanager
    def going(self, *words: str) -> Iterator[None]:
        """A command that goes on until it is asked to stop."""
        with (self.folder / f"{'-'.join(words[:2])}.log").open("ab") as log:
            command = [sys.executable, "-m", "yibao", *words]
            process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=_environment())
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    with ExitStack() as running:
        site = _prepared(folder, running)
        say("the stack runs, the capture is applied, no worker runs")
        began = time.monotonic()
        site.run("hospital", "run", "--port", f"{site.ports['postgres']}", "--visits", "30", "--bad-share", "0")
        rows = _no_worker(site)
        say(f"no worker: {rows} rows wait for place, counted to the row")
        with ExitStack() as upstream:
            upstream.enter_context(site.going("worker", "place"))
            upstream.enter_context(site.going("worker", "join"))
            records = _no_deliver(site)
            say(f"no deliver worker: {records} records wait, counted to the record")
            with site.going("worker", "deliver"):
                _drained(site)
                say("drained: exactly 0 in every partition, with marks of transactions in the topics")
                _held(site, say)
                _stopped_capture(site)
                say("the capture is stopped: it is named, and nothing behind it")
        _gone(site, say)
        return f"{rows} rows and {records} records counted exactly, seven reasons named; {time.monotonic() - began:.0f} s of them"


def _prepared(folder: Path, running: ExitStack) -> _Site:
    home, taken = folder / "site", set[int]()
    shutil.copytree(_SAMPLE, home)
    ports = {name: free_port(taken) for name in ("postgres", "kafka", "connect", "platform")}
    stack = Stack(home / "stack", ports=Ports(**{name: ports[name] for name in ("postgres", "kafka", "connect")}), bound=True)
    running.callback(stack.erase)
    site = _Site(folder=home, stack=stack, ports=ports)
    text = site.file.read_text("utf-8")
    for name, port in {"postgres": "25432", "kafka": "29092", "connect": "28083", "platform": "28080"}.items():
        text = text.replace(port, f"{ports[name]}")
    site.file.write_text(text + _LATE, "utf-8")
    running.enter_context(site.going(*_platform(site)))
    stack.open_to_connect(home / "secrets")
    stack.up()
    site.run("hospital", "create", "--port", f"{ports['postgres']}", "--capture-password-file", "secrets/his.password")
    _until("the platform's keys", (home / "keys" / f"{HELD}.pub").exists)
    site.run("topics", "apply")
    site.run("connector", "apply")
    return site


def _platform(site: _Site) -> Sequence[str]:
    return "platform", "serve", "--institutions", "site.yaml", "--keys", "keys", "--port", f"{site.ports['platform']}"


def _no_worker(site: _Site) -> int:
    """Nobody places: what waits is what stands in the topic, and the first stage is named."""
    _until("all rows in the topic", lambda: _stays(lambda: _count(site, "rows.his")))
    there = _count(site, "rows.his")
    _, lag = site.asked("lag")
    _demand(_waiting(lag, "place (his)") == there, f"{there} rows stand in the topic, and lag says {lag['stages'][0]}")
    code, status = site.asked("status")
    _demand(code == 1 and _first(status) == ("place", "worker_missing"), f"no worker, and status says {_first(status)}, {code}")
    return there


def _no_deliver(site: _Site) -> int:
    _until("place and join are drained", lambda: not any(_waiting(site.asked("lag")[1], one) for one in ("place (his)", "join")))
    there = _count(site, "visit.ready")
    _, lag = site.asked("lag")
    _demand(_waiting(lag, "deliver") == there > 0, f"{there} records stand in the topic, and lag says {lag['stages'][2]}")
    kinds = sum(one["waiting"] for one in lag["kinds"])
    _demand(not lag["all_kinds"] or kinds == there, f"{there} records, {kinds} of them of an institution")
    _until("nobody delivers", lambda: _first(site.asked("status")[1]) == ("deliver", "worker_missing"))
    return there


def _drained(site: _Site) -> None:
    """Nothing waits, although the ends of the topics say that something does."""
    _until("all is drained", lambda: not any(one["waiting"] for one in site.asked("lag")[1]["stages"]))
    code, lag = site.asked("lag")
    _demand(code == 0 and {one["waiting"] for one in lag["partitions"]} == {0}, f"drained, and lag ends with {code}")
    loaded = load_site(site.file)
    with Broker(broker_access(loaded)) as broker:
        group, topic = loaded.topics.group("deliver"), loaded.topics.ready
        committed = broker.committed(group, topic, range(loaded.kafka.partitions))
        beyond = sum(end - committed[number].offset for number, end in broker.ends(topic).items())
    _demand(beyond > 0, "no mark of a transaction stands behind the committed offsets: nothing was tried")
    _demand(all(one["owner"] for one in lag["partitions"]), "a partition has no owner, although every stage has its worker")
    _until("status is well", lambda: site.asked("status")[0] == 0)


def _held(site: _Site, say: Callable[[str], None]) -> None:
    """Another hospital's key: 40006 for one institution, and the others go on."""
    key = site.folder / "keys" / f"{HELD}.pub"
    right = key.read_text("utf-8")
    key.write_text(generate_key_pair().public.pem, "utf-8")
    _hospital(site, first=31)
    _until("the institution is named", lambda: _first(site.asked("status")[1]) == ("institution", "held"))
    code, status = site.asked("status")
    (held,) = (one for one in status["parts"] if one["name"] == HELD)
    told = f"{held['says']} {held['mend']}"
    _demand(code == 1 and "40006" in told and f"{key.name}" in told, f"held for its key, and status says: {told}")
    others = {one["reason"] for one in status["parts"] if one["part"] in ("capture", "place", "join", "deliver")}
    _demand(not others & {"held", "worker_missing", "stands"}, f"one institution is held, and status accuses others: {others}")
    say(f"one institution is held: {held['waiting']} of its records wait, {told[:60]}…")
    key.write_text(right, "utf-8")
    _until("it is let in", lambda: site.asked("status")[0] == 0 and not any(_all_waiting(site)))


def _stopped_capture(site: _Site) -> None:
    site.run("connector", "stop", "his")
    _until("the capture is named", lambda: _first(site.asked("status")[1]) == ("capture", "capture_stopped"))
    site.run("connector", "resume", "his")
    _until("the capture runs", lambda: site.asked("status")[0] == 0)


def _gone(site: _Site, say: Callable[[str], None]) -> None:
    """Connect away, then the brokers: each is said, with what the others still know."""
    loaded, stack = load_site(site.file), site.stack
    stack.kill("connect")
    code, status = site.asked("status")
    _demand((code, _first(status)) == (3, ("site", "connect_away")), f"Connect is away, and status says {_first(status)}, {code}")
    say("Connect is away: it is named")
    stack.kill("kafka")
    code, status = site.asked("status")
    _demand((code, _first(status)) == (3, ("site", "brokers_away")), f"no broker runs, and status says {_first(status)}, {code}")
    say(f"no broker of {loaded.kafka.bootstrap_servers} runs: it is named")


def _hospital(site: _Site, *, first: int) -> None:
    more = ("--visits", "20", "--first", f"{first}", "--bad-share", "0")
    site.run("hospital", "run", "--port", f"{site.ports['postgres']}", *more)


def _all_waiting(site: _Site) -> list[int]:
    return [one["waiting"] for one in site.asked("lag")[1]["stages"]]


def _waiting(lag: Mapping[str, Any], stage: str) -> int:
    (found,) = (one["waiting"] for one in lag["stages"] if one["stage"] == stage)
    return int(found)


def _first(status: Mapping[str, Any]) -> tuple[str, str] | None:
    first = status["first"]
    return None if first is None else (f"{first['part']}", f"{first['reason']}")


def _count(site: _Site, name: str) -> int:
    """The committed messages that stand in a topic, one by one."""
    loaded = load_site(site.file)
    return sum(1 for _ in read_whole(client_options(loaded), f"{loaded.kafka.topic_prefix}{name}"))


def _stays(count: Callable[[], int]) -> bool:
    """Whether it is above 0 and does not grow any more."""
    before = count()
    time.sleep(2.0)
    return 0 < before == count()


def _until(what: str, holds: Callable[[], object]) -> None:
    until = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > until:
            raise Failed(f"not within {_WITHIN_S:.0f} s: {what}")
        time.sleep(1.0)


def _demand(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}
