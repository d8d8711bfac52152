"""Two versions at once, as a rolling restart has them for a moment, or a slip for an hour, as docs/upgrade.md has it.

Versions are wheels of commits of this checkout. One that works beside this one, in both directions, is held to that; of one whose
forms are older it is held that its workers end with 77 before they commit anything, and that all is right once they are gone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.stack import Stack
from streams.broker_wiring import broker_access
from streams.errors import Newer
from streams.topics.broker import Broker
from tests.operations.another_version import Installed, installed
from tests.operations.failed import Failed
from tests.operations.plain_night import PlainNight
from tests.replay.days import Days

_VISITS: Final = 16
_RATE: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that sites may come from. With each release: one entry more, of its commit (CONTRIBUTING.md)."""

    name: str
    """What it is called here."""
    commit: str
    """Of the main line."""
    together: bool
    """Whether it works beside this version, in both directions. False: its workers end with 77 once this version wrote."""


RELEASES: Final = (
    Release(name="first-place", commit="13d9875", together=False),
    Release(name="operated", commit="156626a", together=True),
)
"""The first version that has the place stage; and the last one that landed before this."""


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    stack, figures = Stack(folder / "stack", durable=False), []
    try:
        endpoints = stack.up()
        for number, release in enumerate(RELEASES):
            say(f"{release.name}: the wheel of {release.commit}")
            other = installed(release.commit, release.name, folder / release.name)
            night = PlainNight(folder / f"night-{number}", endpoints, name=f"rolled{number}")
            night.folder.mkdir()
            try:
                figures.append(f"{release.name}: {_Rolling(night, other, release, say).run()}")
            finally:
                night.end()
    finally:
        stack.erase()
    return "; ".join(figures)


class _Rolling:
    """One release, beside this version."""

    def __init__(self, night: PlainNight, other: Installed, release: Release, say: Callable[[str], None]) -> None:
        self._night, self._other, self._release, self._say = night, other, release, say
        self._days = Days(night.connect, visits=_VISITS)
        self._next = 10 * _VISITS

    def run(self) -> str:
        night = self._night
        night.ready()
        self._before()
        self._forward()
        back = self._back()
        night.until(lambda: night.is_drained(self._days), "all records, after the way back")
        return f"{night.judged(self._days, by_letters=self._release.together)}; {back}"

    def _before(self) -> None:
        """The site as the other version runs it."""
        night = self._night
        night.version = self._other
        night.yibao("topics", "apply")
        night.yibao("connector", "apply")
        night.run_workers("other")
        self._days.before()
        night.until(night.accepted, "records by the other version")
        self._say(f"{self._release.name}: it works; {len(night.accepted())} records accepted")

    def _forward(self) -> None:
        """This version beside it, while the hospital works, and then alone."""
        night = self._night
        night.version = None
        night.yibao("topics", "apply")
        night.yibao("connector", "apply")
        night.run_workers("now")
        night.until(lambda: self._lanes("now") >= {"join", "deliver"}, "lanes of this version beside the other one")
        self._days.after(rate=_RATE)
        night.until(lambda: night.is_drained(self._days), "all records, by both versions")
        mixed = len(night.accepted())
        self._stop("other")
        self._more()
        night.until(lambda: night.is_drained(self._days), "all records, by this version alone")
        self._say(f"{self._release.name}: {mixed} records accepted by both, {len(night.accepted()) - mixed} by this version alone")

    def _back(self) -> str:
        """The other version beside this one, and then alone."""
        night = self._night
        night.version = self._other
        night.run_workers("back")
        night.until(lambda: self._is_in("back"), "the other version beside this one")
        night.stop("now")
        if self._release.together:
            seen = len(night.accepted())
            self._more()
            night.until(lambda: len(night.accepted()) > seen, "records by the other version alone")
            return "both directions, both at once"
        # What it may not read it leaves alone: whatever it is asked, it commits nothing and posts nothing.
        night.until(
            lambda: self._refusing("back") == {"place", "join", "deliver"}, "the other version to end with 77, in each stage"
        )
        before, seen = self._offsets(), len(night.accepted())
        self._more()
        self._refused_again()
        if (after := self._offsets()) != before or len(night.accepted()) != seen:
            raise Failed(f"a version that does not know the forms worked on: {before} became {after}")
        self._stop("back")
        night.version = None
        night.run_workers("again")
        return f"back refused with 77 {len(self._newer('back'))} times, nothing committed"

    def _is_in(self, name: str) -> bool:
        return bool(self._night.said(name, "lane_opened") or self._newer(name))

    def _lanes(self, name: str) -> set[str]:
        """The stages of which it has lanes, or had. The place stage has one lane a source: one of two workers stands by."""
        return {f"{one['stage']}" for one in self._night.said(name, "lane_opened")}

    def _newer(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self._night.said(name, "worker_ended") if one["exit_code"] == Newer.EXIT_CODE]

    def _refusing(self, name: str) -> set[str]:
        """The stages of which a worker ended with 77."""
        return {f"{one['worker']}".partition("-")[0] for one in self._newer(name)}

    def _refused_again(self) -> None:
        """Its supervisor tries again only after minutes: a person who tries at once sees the same."""
        self._stop("back")
        seen = len(self._newer("back"))
        self._night.run_workers("back")
        self._night.until(lambda: len(self._newer("back")) >= seen + 3, "the same, tried again with rows that wait")

    def _stop(self, name: str) -> None:
        """In order. A supervisor ends with what its workers end with."""
        codes = {one["exit_code"] for one in self._night.said(name, "worker_ended")}
        if wrong := codes - ({0} if self._release.together else {0, Newer.EXIT_CODE}):
            raise Failed(f"workers of {name} ended with {sorted(wrong)}")
        self._night.stop(name)

    def _offsets(self) -> dict[tuple[str, int], int]:
        """How far the stages are, by topic and partition."""
        site, topics = self._night.site, self._night.site.topics
        partitions = range(site.kafka.partitions)
        wanted = {"join": (topics.changes, partitions), "deliver": (topics.ready, partitions)}
        with Broker(broker_access(site)) as broker:
            said = {stage: broker.committed(topics.group(stage), *where) for stage, where in wanted.items()}
        return {(stage, number): one.offset for stage, each in said.items() for number, one in each.items()}

    def _more(self) -> None:
        """Visits more, in all partitions."""
        self._days.more(first=self._next, visits=_VISITS, rate=_RATE)
        self._next += _VISITS
