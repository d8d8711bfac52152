"""The course of a demonstration, step by step; it ends when everything has an outcome, or nothing moves any more."""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from sandbox.hospital import FROZEN_ITEMS
from sandbox.stack import Endpoints, Progress, Stack, let_postgres_through
from streams.broker_wiring import broker_access, client_options
from streams.errors import YibaoError
from streams.mapping import Site, capture_sources, load_site
from streams.topics.broker import Broker
from yibao.captures.from_site import reconciler
from yibao.demonstration.backlog import Backlog
from yibao.demonstration.children import Child
from yibao.demonstration.demo_site import write_site
from yibao.demonstration.findings import Findings, read_findings
from yibao.demonstration.holds import Hold, Holds
from yibao.demonstration.hospital import Hospital
from yibao.demonstration.settings import HOME, SAMPLE, DemoSettings
from yibao.status.waits import parts_waiting
from yibao.verbs.topics import create_topics

_PLATFORM_S = 120.0
_QUIET_S = 75.0
"""Longer than any time-out of the demonstration's site: when nothing moved for so long, nothing will."""
_LOOK_S = 2.0
_PAUSES_A_LOOK = 4
"""A look reads everything anew; it must not take from the workers what it measures."""
_BACKLOG_S = 60.0
_COUNTED_WITHIN_S = 10.0
_ASK_AGAIN_S = 0.5
_HELD_S = 5.0
"""How long the live days wait for what a hold keeps back; then they begin all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a spectator sees of a running demonstration."""

    changes: int
    """Rows that were changed so far."""
    live: bool
    """Whether the hospital is live."""
    expected: Mapping[str, int]
    """Records by service, of what was committed until then."""
    findings: Findings
    """What was reported, and the judgement of it."""


class Spectator(Protocol):
    """Whoever watches."""

    def step(self, text: str) -> None:
        """Something begins."""

    def look(self, sight: Sight) -> None:
        """The state of the flow, every few seconds."""

    def held(self, holds: Sequence[Hold]) -> None:
        """What holds the delivery, as soon as it is known and whenever it changes; nothing: it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a demonstration ended."""

    rows: dict[str, int]
    """Rows in the database at the end, by table."""
    changes: int
    """Rows that were changed in all."""
    findings: Findings
    """What was reported, and the judgement of it."""
    seconds: float
    """How long it took."""
    holds: tuple[Hold, ...] = ()
    """What held the delivery at the end."""
    differing: int = 0
    """How many settlements have lines that add up to something else than they say (rule R2)."""


class Demonstration:
    """The parts of a demonstration, started in order and stopped in reverse."""

    def __init__(self, settings: DemoSettings, spectator: Spectator) -> None:
        self.settings = settings
        self._words = settings.words
        self._spectator = spectator
        self.stack = Stack(settings.home / "stack", durable=False, bound=not settings.keep)
        self.platform = Child("platform", home=settings.home)
        self.worker = Child("worker", home=settings.home)
        self._holds = Holds(self.worker.log)
        self._held: tuple[Hold, ...] = ()

    def run(self) -> Outcome:
        """From nothing to a judgement. What was started is stopped at the end, unless it is to be kept."""
        started = time.monotonic()
        with self.captured() as (site, hospital):
            findings = self._live(site, hospital)
            differing = sum(parts_waiting(site, within_s=_COUNTED_WITHIN_S).differing.values())
        rows = dict(sorted(hospital.rows.items()))
        return Outcome(
            rows=rows,
            changes=hospital.changes,
            findings=findings,
            seconds=time.monotonic() - started,
            holds=self._held,
            differing=differing,
        )

    @contextmanager
    def captured(self) -> Iterator[tuple[Site, Hospital]]:
        """A context in which everything runs and the rows that stood in the database are captured, before the live days begin.
        Stopped as by `run`.
        """
        with self._cleared():
            endpoints = self.stack.up(self._told)
            hospital = Hospital(self.settings, endpoints)
            try:
                self._spectator.step(self._words.hospital)
                hospital.create(endpoints)
                site = self._site(endpoints)
                self._capture(site, hospital)
                yield site, hospital
            finally:
                hospital.stop()

    def stop(self) -> bool:
        """Stop everything that an earlier demonstration kept running. Returns whether anything ran. Raises Misconfigured for a home
        that is not ours.
        """
        self.settings.folder.demand_ours()
        children = [child.stop() for child in (self.worker, self.platform)]
        return bool(self.stack.down(self._told)) or any(children)

    def stop_kept(self) -> None:
        """Stop what `--keep` left running, and say so where nothing ran. Raises YibaoError where no demonstration has its home."""
        where = {"home": self.settings.home, "usual": HOME}
        self.settings.folder.demand_ours()
        if not self.settings.folder.is_made:
            raise YibaoError(self._words.no_home.format(**where))
        if not self.stop():
            self._spectator.step(self._words.nothing_ran.format(**where))

    def left(self) -> str:
        """What an interruption has left, for whoever interrupted."""
        children = [child.name for child in (self.worker, self.platform) if child.is_alive]
        running = [*children, *(one.service for one in self.stack.status() if one.pid)]
        words = self._words.runs_on if running else self._words.interrupted
        home = self.settings.home
        return words.format(names=", ".join(running), home=home, quoted=shlex.quote(str(home)))

    @contextmanager
    def _cleared(self) -> Iterator[None]:
        """Begin with an empty home; leave no process behind.

        Raises Misconfigured where the home, or something in it, is not ours or cannot be used, and then has touched nothing.
        """
        self.stack.demand_tellable()
        home = self.settings.folder
        home.demand_erasable()
        self.stack.demand_erasable()
        self.stop()
        self.stack.erase()
        home.empty()
        home.claim()
        let_postgres_through(home.root)
        try:
            yield
        except BaseException:
            try:
                self.stop()
            except YibaoError as error:  # what went wrong first is what must be told
                self._spectator.step(f"not everything could be stopped: {error}")
            raise
        if not self.settings.keep:
            self.stop()

    def _site(self, endpoints: Endpoints) -> Site:
        settings = self.settings
        keys = settings.home / "keys"
        url = settings.platform_url or self._platform()
        write_site(settings, endpoints, platform_url=url, keys=keys)
        return load_site(settings.site_file)

    def _platform(self) -> str:
        settings = self.settings
        faults = self._words.faults.get(settings.faults, self._words.other_faults.format(name=settings.faults))
        self._spectator.step(self._words.platform.format(faults=faults))
        frozen = [f"--frozen={code}" for code in sorted(FROZEN_ITEMS)]
        files: list[str | Path] = [
            "--institutions",
            SAMPLE / "site.yaml",
            "--keys",
            settings.home / "keys",
            "--journal",
            settings.journal_file,
        ]
        options = ["--faults", settings.faults, "--seed", f"{settings.seed}", "--output", "json", "--refuse-orphans"]
        self.platform.start(["platform", "serve", *files, *options, *frozen], bound=not settings.keep)
        return f"{orjson.loads(self.platform.first_line(within_s=_PLATFORM_S))['url']}"

    def _capture(self, site: Site, hospital: Hospital) -> None:
        self._spectator.step(self._words.capture)
        with Broker(broker_access(site)) as broker:
            create_topics(site, broker)
        self.worker.start(["worker", "all", "--config", self.settings.site_file], bound=not self.settings.keep)
        connectors = reconciler(site)
        for source in capture_sources(site):
            connectors.apply(source)
            hospital.wait_for_capture(source.slot, tell=self.worker.check)
        self._report_what_stands(site)

    def _report_what_stands(self, site: Site) -> None:
        """Wait until the snapshot is reported, but not for ever: a platform may refuse it, and the live days go on all the same."""
        began = time.monotonic()
        until = began + _BACKLOG_S
        with Broker(broker_access(site)) as broker:
            backlog = Backlog(broker, site.topics, sources=site.sources, partitions=site.kafka.partitions)
            while not backlog.is_reported() and time.monotonic() < until:
                self.worker.check()
                time.sleep(_ASK_AGAIN_S)
                began = began if self._tell_holds() else time.monotonic()
                if time.monotonic() - began > _HELD_S:
                    return

    def _tell_holds(self) -> bool:
        """Whether something holds the delivery; the spectator hears of each change."""
        holds = self._holds.now()
        if holds != self._held:
            self._held = holds
            self._spectator.held(holds)
        return bool(holds)

    def _pause(self, seconds: float) -> None:
        """Wait for the next look, and meanwhile tell at once what holds."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            self._tell_holds()
            time.sleep(min(left_s, _ASK_AGAIN_S))

    def _live(self, site: Site, hospital: Hospital) -> Findings:
        """Let the hospital live, and look until everything has an outcome or nothing moves."""
        self._spectator.step(self._words.live)
        since = int(time.time() * 1000)
        hospital.live()
        seen: tuple[int, ...] = ()
        moved_at = time.monotonic()
        pause_s = _LOOK_S
        while True:
            self._pause(pause_s)
            self.worker.check()
            live = hospital.is_live
            looked_at = time.monotonic()
            findings = self._look(site, since)
            pause_s = max(_LOOK_S, _PAUSES_A_LOOK * (time.monotonic() - looked_at))
            self._spectator.look(Sight(changes=hospital.changes, live=live, expected=hospital.expected(), findings=findings))
            judgement = findings.judgement
            now = (hospital.changes, judgement.accepted.total(), judgement.dead_letters.total(), len(judgement.missing))
            settled, seen = now == seen, now
            if not settled:
                moved_at = time.monotonic()
            elif not live and judgement.ok:
                return findings
            elif not live and time.monotonic() - moved_at > _QUIET_S:
                return self._look(site, since, is_over=True)

    def _look(self, site: Site, since: int, *, is_over: bool = False) -> Findings:
        return read_findings(
            expected=self.settings.expected_file,
            journal=None if self.settings.platform_url else self.settings.journal_file,
            client=client_options(site),
            topics=site.topics,
            live_since_ms=since,
            is_over=is_over,
        )

    def _told(self, progress: Progress) -> None:
        phase = self._words.phases.get(progress.step, progress.step)
        self._spectator.step(self._words.phase.format(service=progress.service, phase=phase, seconds=progress.after_s))
