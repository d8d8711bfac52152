"""The look-out: is each source's database still what its capture was applied against? A source whose is not stops before its next
rows are placed; the others go on.

Rows that were placed since the change and before the look are out: they are among those that must be read again.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

import structlog
from aiokafka.errors import KafkaError

from connector.contract import FactsDocument, Look
from streams.errors import Fatal
from streams.lanes.buffer import Clock
from streams.lanes.place.gate import Gate, facts_of
from streams.topics.control import Control, Taken, otherwise

log = structlog.get_logger()

LookAt: TypeAlias = Callable[[str, FactsDocument | None], Look]
"""Looks at the database of a source, and compares it with what was applied. Called in a thread; raises where it cannot look."""

_AWAY: Final = (KafkaError, OSError, AssertionError, LookupError)
"""What a client of Kafka raises while no broker answers."""

_TIMES: Final = 3
"""How often is looked again because somebody wrote meanwhile."""

_BEGINS_ANEW: Final = ("server ", "replication slot ")
"""How reasons begin after which the place in the log that capture has noted is worth nothing."""

_NOTHING: Final[Mapping[str, Mapping[str, Taken]]] = {}

_KEEP_EVERY_S: Final = 3600.0
"""How often it is written down how far a log is, where nothing else is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookoutSettings:
    """How often is looked, in seconds."""

    look_s: float = 15.0
    """At each database."""
    look_within_s: float = 20.0
    """The longest look; a database that takes longer counts as not looked at."""
    control_s: float = 2.0
    """At `visit.control`, for what others wrote into it."""
    stopped_s: float = 1.0
    """The same, by a lane that stands."""


class Seen(NamedTuple):
    """The last look at a source."""

    look: Look
    at: float
    """Seconds since the epoch."""


class Lookout:
    """Looks at the databases of this process's sources.

    look_at: see `LookAt`. now: the time in ISO form. who: writes into `visit.control`. taken: by source and table, as what the
    mapping here takes their rows.
    """

    def __init__(  # noqa: PLR0913 - made in one place, from a site's settings
        self,
        gate: Gate,
        look_at: LookAt,
        *,
        settings: LookoutSettings,
        clock: Clock,
        now: Callable[[], str],
        who: str,
        taken: Mapping[str, Mapping[str, Taken]] = _NOTHING,
    ) -> None:
        self.gate = gate
        self.settings = settings
        self._look_at = look_at
        self._clock = clock
        self._now = now
        self._who = who
        self._taken = taken
        self._blind: set[str] = set()
        self._told: set[str] = set()
        self._unconfirmed = False
        self._kept: dict[str, float] = {}
        self._facts: dict[str, FactsDocument] = {}
        self.seen: dict[str, Seen] = {}
        """By source: what was seen last."""

    async def run(self, sources: Callable[[], Iterable[str]]) -> None:
        """Look for ever at the sources that this process places now."""
        looked_at = self._clock()
        while True:
            await asyncio.sleep(self.settings.control_s)
            await self._refresh()
            mine = list(sources())
            for source in mine:
                self._tell(source)
            if self._clock() - looked_at >= self.settings.look_s:
                looked_at = self._clock()
                await asyncio.gather(*(self.look(source) for source in mine))

    async def open(self, source: str) -> None:
        """Before the first row of a source is taken: read what is in force, and look at its database."""
        await self.gate.refresh()
        await self.look(source)
        await self._compare(source)
        self._tell(source)

    async def _compare(self, source: str) -> None:
        """Write down as what the rows of a source are taken here. Those that were taken as something else are owed from then on:
        they stay what they were until they change or are read again.
        """
        control, taken = self.gate.of(source), self._taken.get(source, {})
        if control is None or control.taken == taken:
            return
        changed = otherwise(control.taken, taken)
        owed = tuple(dict.fromkeys((*control.read_again, *changed)))
        with suppress(*_AWAY):  # it is in force here, and written when a broker takes it
            await self.gate.write(replace(control, taken=taken, read_again=owed, at=self._now(), by=self._who, why=""))
        if changed:
            log.warning(
                "mapping_changed",
                source=source,
                changes=[f"{table}: {', '.join(words)}" for table, words in changed.items()],
                remedy="; ".join(f"yibao resnapshot {table} --source {source} --wait" for table in owed),
            )

    async def look(self, source: str) -> None:
        """Look at one database now, and write down what is new. One that does not let itself be looked at stops nothing."""
        for _ in range(_TIMES):
            control = self.gate.of(source)
            found = await self._look(source, facts_of(control))
            if found is None:
                return
            await self._refresh()
            if self.gate.of(source) == control:  # or somebody wrote meanwhile, whose word must not be taken back
                await self._judge_and_tell(source, control, found)
                return

    async def _look(self, source: str, applied: FactsDocument | None) -> Look | None:
        try:
            looking = asyncio.to_thread(self._look_at, source, self._newest(source, applied))
            found = await asyncio.wait_for(looking, self.settings.look_within_s)
        except Fatal:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, it says nothing of the database
            if source not in self._blind:
                log.warning("capture_unwatched", source=source, error=type(exc).__name__, reason=f"{exc}"[:500])
            self._blind.add(source)
            return None
        self.seen[source] = Seen(found, time.time())
        if source in self._blind:
            self._blind.discard(source)
            log.info("capture_watched", source=source)
        return found

    async def _judge_and_tell(self, source: str, control: Control | None, found: Look) -> None:
        """What no broker takes now is in force here, and is written when one does."""
        try:
            await self._judge(source, control, found)
        except _AWAY as exc:
            if not self._unconfirmed:
                log.warning("control_unconfirmed", source=source, error=type(exc).__name__)
            self._unconfirmed = True
        else:
            self._unconfirmed = False

    def _newest(self, source: str, applied: FactsDocument | None) -> FactsDocument | None:
        """What was applied, with the end of the log as it was seen last; nothing else of it differs."""
        seen = self._facts.get(source)
        if applied is None or seen is None or {**seen, "log": 0} != {**applied, "log": 0}:
            return applied
        return seen

    async def _judge(self, source: str, control: Control | None, found: Look) -> None:
        if found.drifts:
            await self._stop(source, control, found)
            return
        self._facts[source] = found.facts
        if control is None or found.adds or self._clock() - self._kept.setdefault(source, self._clock()) > _KEEP_EVERY_S:
            known = control or Control(source=source, facts=found.facts, at="", by="", taken=self._taken.get(source, {}))
            await self.gate.write(replace(known, facts=found.facts, at=self._now(), by=self._who))
            self._kept[source] = self._clock()

    async def _stop(self, source: str, control: Control | None, found: Look) -> None:
        """Write that it is stopped, once for each new reason."""
        if control is None:
            return  # nothing differs from what nobody wrote down
        reasons = tuple(dict.fromkeys((*control.reasons, *map(str, found.drifts))))
        if reasons == control.reasons:
            return
        tables = dict.fromkeys((*control.read_again, *(table for drift in found.drifts for table in drift.tables)))
        now = self._now()
        stopped = replace(
            control, reasons=reasons, read_again=tuple(tables), since=control.since or now, at=now, by=self._who, why=""
        )
        self._told.discard(source)
        try:
            await self.gate.write(stopped)
        finally:
            self._tell(source)

    def _tell(self, source: str) -> None:
        """Tell that a source stands, once for each time that it is stopped, and that it goes on."""
        control = self.gate.of(source)
        if control is None or control.stopped == (source in self._told):
            return
        if not control.stopped:
            self._told.discard(source)
            log.info("source_resumed", source=source, by=control.by, why=control.why)
            return
        self._told.add(source)
        log.error(
            "source_stopped",
            source=source,
            reasons=list(control.reasons),
            read_again=list(control.read_again),
            since=control.since,
            remedy=remedy(source, control.read_again, control.reasons),
        )

    async def _refresh(self) -> None:
        """A broker that is away leaves what was true; that it is away is told elsewhere."""
        with suppress(*_AWAY):
            await self.gate.refresh()


def remedy(source: str, tables: Iterable[str], reasons: Iterable[str]) -> str:
    """What a person does about a source that is stopped, in this order. reasons: why it is."""
    anew = any(reason.startswith(_BEGINS_ANEW) for reason in reasons)
    forget = f"yibao connector forget {source}, which begins anew where its place in the log is lost; then: " if anew else ""
    again = "; ".join(f"yibao resnapshot {table} --source {source} --wait" for table in tables)
    return f"mend it or make sure that it is meant, then: {forget}yibao resume {source} --why …; then: {again}"
