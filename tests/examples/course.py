"""One example, from its rows to accepted records on a real stack: made, captured, edited step by step, held against its SQL."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.stack import Endpoints
from streams.broker_wiring import broker_access
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from tests.examples.files import Example, lines
from tests.examples.hospital import Expected, Hospital, Row
from tests.examples.reported import Accepted, open_letters
from tests.examples.typed import Copy, Wrong, at, copied
from tests.examples.verdict import Found, Identity, faults
from tests.patience import PATIENCE_S
from yibao.demonstration.backlog import Backlog

_LOOK_S = 0.2
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an example came to at its end."""

    rows: int
    """Rows that count."""
    accepted: int
    """Records that stand at the platform."""
    dead: int
    """Letters of rows that are not reported."""
    waiting: int
    """Rows that wait."""
    gone: int
    """Records that were reported and withdrawn."""

    def __str__(self) -> str:
        return f"{self.accepted} + {self.dead} + {self.waiting} = {self.rows}"


def play(example: Example, endpoints: Endpoints, folder: Path, *, say: Callable[[str], object]) -> Figures:
    """Play an example whole. folder: for its copy, and new. Raises Wrong, with what differs."""
    copy = copied(example, endpoints, folder)
    with ExitStack() as stack:
        accepted = Accepted(url=stack.enter_context(copy.platform()))
        hospital = stack.enter_context(Hospital(example, host=endpoints.postgres_host, port=endpoints.postgres_port))
        hospital.make(password=copy.write_password())
        stack.enter_context(at(folder))
        for words in ("check", "connector plan", "check --live", "mapping test", "topics apply"):
            copy.type(words)
        site = load_site(copy.file)
        for source in site.sources:
            stack.callback(copy.try_to, f"connector delete {source} --yes")
        copy.type("connector apply")
        stack.enter_context(copy.worker())
        broker = stack.enter_context(Broker(broker_access(site)))
        run = Run(hospital=hospital, copy=copy, site=site, accepted=accepted, broker=broker, say=say)
        run.hold("what stood in the database")
        for step in example.steps:
            hospital.play(step)
            for words in step.commands:
                copy.type(words)
            run.hold(step.words)
        _asked(copy, example)
        run.hold("after the commands")
        demand_once(accepted.stats())
        return run.figures(hospital.expected())


def _asked(copy: Copy, example: Example) -> None:
    """Type what the example's page tells to ask."""
    for line in lines(example.folder / "README.md"):
        copy.type(line.removeprefix("yibao "))


def demand_once(stats: Mapping[str, object]) -> None:
    """Nothing was accepted twice, and nothing before its parents."""
    order = stats["order_violations"]
    if stats["doubled_unchanged"] or not isinstance(order, dict) or order["total"]:
        raise Wrong(f"the platform counts: doubled_unchanged {stats['doubled_unchanged']}, order_violations {order}")


@dataclass(slots=True, kw_only=True)
class Run:
    """What is known while the hospital lives."""

    hospital: Hospital
    copy: Copy
    site: Site
    accepted: Accepted
    broker: Broker
    say: Callable[[str], object]
    before: dict[Identity, Row] = field(default_factory=dict)
    """All that was to be reported at one time."""

    def hold(self, words: str) -> None:
        """Wait until the platform has what the hospital's tables say, also once all that was captured until then has passed. A step
        that is to change nothing may be looked at before it was captured: what it does all the same is found at a later one.
        """
        began = time.monotonic()
        ends = began + PATIENCE_S
        self._wait_until_right(ends, words)
        passed = Backlog(self.broker, self.site.topics, sources=self.site.sources, partitions=self.site.kafka.partitions)
        while not passed.is_reported():
            _demand_time(ends, words, ["the stages come to no end"])
            time.sleep(_LOOK_S)
        self._wait_until_right(ends, words)
        self.say(f"{time.monotonic() - began:6.1f} s  {words}")

    def _wait_until_right(self, ends: float, words: str) -> None:
        while found := self._faults():
            _demand_time(ends, words, found)
            time.sleep(_LOOK_S)

    def figures(self, expected: Expected) -> Figures:
        """As they are now."""
        gone = self.before.keys() - expected.records.keys()
        return Figures(
            rows=expected.rows,
            accepted=len(self.accepted.records.keys() - gone),
            dead=sum(expected.letters.values()),
            waiting=sum(expected.waiting.values()),
            gone=len(gone),
        )

    def _faults(self) -> Sequence[str]:
        expected = self.hospital.expected()
        self.before |= expected.records
        gone = {identity: row for identity, row in self.before.items() if identity not in expected.records}
        waiting = json.loads(self.copy.type("join pending --limit 0 -o json"))["kinds"]
        found = Found(
            records=self.accepted.read(),
            letters=open_letters(self.site),
            waiting={one["kind"]: one["rows"] for one in waiting},
        )
        return list(faults(expected, found, gone=gone))


def _demand_time(ends: float, words: str, found: Sequence[str]) -> None:
    if time.monotonic() > ends:
        raise Wrong("\n  ".join([f"{words}:", *found[:_MOST]]))
