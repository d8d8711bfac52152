"""One example, from its rows to accepted records on a real stack: made, captured, edited step by step, held against its SQL."""

import json
import os
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.stack import Endpoints
from streams.broker_wiring import broker_access
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from tests.bench.processes import started
from tests.examples.files import Example, commands
from tests.examples.hospital import Hospital, Row
from tests.examples.reported import Accepted, open_letters
from tests.examples.verdict import Found, Identity, faults
from tests.in_process import yibao
from tests.walk.readme import with_ports
from yibao.demonstration.backlog import Backlog

_STEP_S = 240.0
_LOOK_S = 0.2
_PORTS = {"postgres": 25432, "kafka": 29092, "connect": 28083, "platform": 28080}
"""As the examples' files have them."""


class Wrong(Exception):
    """Something came of an example that its SQL does not say, or a command ended otherwise than it must."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What an example came to."""

    rows: int = 0
    """Rows that count, at the end."""
    accepted: int = 0
    """Records that stand at the platform."""
    dead: int = 0
    """Letters of rows that are not reported."""
    waiting: int = 0
    """Rows that wait."""
    gone: int = 0
    """Records that were reported and withdrawn."""
    steps: int = 0
    """States of the database that were held against the platform."""
    typed: list[str] = field(default_factory=list)
    """Commands that were typed."""


def play(example: Example, endpoints: Endpoints, folder: Path, *, say: Callable[[str], object]) -> Figures:
    """Play an example whole. folder: for its copy, and new. Raises Wrong, with all that differs."""
    figures = Figures()
    site = _copied(example, endpoints, folder)
    with ExitStack() as stack:
        accepted = Accepted(url=stack.enter_context(_platform(site)))
        hospital = stack.enter_context(Hospital(example, endpoints, password=_password(site)))
        _edited(site, {_PORTS["platform"]: int(accepted.url.rpartition(":")[2])})
        stack.enter_context(_at(folder))
        for words in ("check", "connector plan", "mapping test", "topics apply"):
            _typed(figures, words)
        loaded = load_site(site)
        for source in loaded.sources:
            stack.callback(yibao, "connector", "delete", source, "--yes")
        _typed(figures, "connector apply")
        stack.enter_context(_started_worker(site))
        run = _Run(example, hospital, loaded, accepted, figures, say, broker=stack.enter_context(Broker(broker_access(loaded))))
        run.snapshot()
        run.steps()
        for line in commands(example.folder / "README.md"):
            _typed(figures, line.removeprefix("yibao "))
        run.still()
    return figures


class _Run:
    """The steps, each until the platform has what the hospital's tables say."""

    def __init__(
        self, example: Example, hospital: Hospital, site: Site, accepted: Accepted, figures: Figures, say: Callable[[str], object], *, broker: Broker
    ) -> None:
        self._example = example
        self._hospital = hospital
        self._site = site
        self._accepted = accepted
        self._figures = figures
        self._say = say
        self._broker = broker
        self._before: dict[Identity, Row] = {}

    def snapshot(self) -> None:
        """What stood there before capture."""
        self._held("what stood in the database")

    def steps(self) -> None:
        """The live edits."""
        for step in self._example.steps:
            self._hospital.play(step)
            self._held(step.words)

    def still(self) -> None:
        """Nothing came after it, nothing was accepted twice, and nothing before its parents."""
        self._held("after the commands")
        stats = self._accepted.stats()
        order = stats["order_violations"]
        if stats["doubled_unchanged"] or (isinstance(order, Mapping) and order["total"]):
            raise Wrong(f"the platform counts: doubled_unchanged {stats['doubled_unchanged']}, out of order {order}")

    def _held(self, words: str) -> None:
        """Wait until it is so, let all pass that is under way, and look again."""
        began, until = time.monotonic(), time.monotonic() + _STEP_S
        while found := self._faults():
            if time.monotonic() > until:
                raise Wrong(f"{self._example.name}: {words}:\n  " + "\n  ".join(found[:20]))
            time.sleep(_LOOK_S)
        passed = Backlog(self._broker, self._site.topics, sources=self._site.sources, partitions=self._site.kafka.partitions)
        while not passed.is_reported():
            if time.monotonic() > until:
                raise Wrong(f"{self._example.name}: {words}: the stages do not come to an end")
            time.sleep(_LOOK_S)
        if found := self._faults():
            raise Wrong(f"{self._example.name}: {words}: was right, and then:\n  " + "\n  ".join(found[:20]))
        self._figures.steps += 1
        self._say(f"{time.monotonic() - began:6.1f} s  {self._example.name}: {words}")

    def _faults(self) -> Sequence[str]:
        expected = self._hospital.expected()
        self._before |= expected.records
        gone = {identity: row for identity, row in self._before.items() if identity not in expected.records}
        _, told, _ = yibao("join", "pending", "--limit", "0", "-o", "json")
        waiting = {one["kind"]: one["rows"] for one in json.loads(told)["kinds"]}
        found = Found(records=self._accepted.read(), letters=open_letters(self._site), waiting=waiting)
        self._figures.rows, self._figures.gone = expected.rows, len(gone)
        self._figures.accepted = len(found.records) - len(gone)
        self._figures.dead = sum(expected.letters.values())
        self._figures.waiting = sum(expected.waiting.values())
        return list(faults(expected, found, gone=gone))


def _copied(example: Example, endpoints: Endpoints, folder: Path) -> Path:
    """The example's files in a folder of their own, with the stack's addresses; its site.yaml."""
    shutil.copytree(example.folder, folder)
    site = folder / "site.yaml"
    instead = {
        _PORTS["postgres"]: endpoints.postgres_port,
        _PORTS["kafka"]: int(endpoints.bootstrap_servers.rpartition(":")[2]),
        _PORTS["connect"]: int(endpoints.connect_url.rpartition(":")[2]),
    }
    _edited(site, instead)
    site.write_text(site.read_text("utf-8").replace(" secrets/", f" {endpoints.secrets}/"), "utf-8")
    return site


def _edited(site: Path, instead: Mapping[int, int]) -> None:
    site.write_text(with_ports(site.read_text("utf-8"), instead), "utf-8")


def _password(site: Path) -> str:
    """A fresh one, written where the site says."""
    (line,) = (line for line in site.read_text("utf-8").splitlines() if "password_file:" in line)
    file, password = Path(line.split()[1]), secrets.token_urlsafe(24)
    file.write_text(password, "utf-8")
    file.chmod(0o600)
    return password


@contextmanager
def _at(folder: Path) -> Iterator[None]:
    """In the site's folder, as a person who types there."""
    before, asked = Path.cwd(), os.environ.pop("YIBAO_CONFIG", None)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        if asked is not None:
            os.environ["YIBAO_CONFIG"] = asked


@contextmanager
def _platform(site: Path) -> Iterator[str]:
    """The simulator, strict about parents; its address."""
    keys = site.parent / "keys"
    command = [sys.executable, "-m", "yibao", "platform", "serve", "--institutions", site, "--keys", keys, "--refuse-orphans", "-o", "json"]
    with started(command, log=site.parent / "platform.log") as running:
        assert running.process.stdout is not None
        yield json.loads(running.process.stdout.readline())["url"]


@contextmanager
def _started_worker(site: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "yibao", "worker", "all", "--config", site, "--home", site.parent / "workers"]
    with started(command, log=site.parent / "worker.log"):
        yield


def _typed(figures: Figures, words: str) -> str:
    """What a command printed. Raises Wrong where it does not end with 0."""
    code, out, err = yibao(*shlex.split(words))
    if code:
        raise Wrong(f"`yibao {words}` ended with {code}: {out[-3000:]}{err[-3000:]}")
    figures.typed.append(words)
    return out
