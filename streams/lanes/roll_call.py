"""Which brokers do not answer: told once when it begins and once when it is over, whatever the clients' own lines say.

It only watches: the lanes wait for a broker by themselves. But a person wants to know which one is away, and since when.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from streams.lanes.absence import Absence
from streams.lanes.buffer import Clock
from streams.telemetry.discretion import spoken

log = structlog.get_logger()

_EVERY_S: Final = 2.0
_ANSWER_WITHIN_S: Final = 3.0
_MISSES: Final = 2
"""In a row: one may be a connection that was closed."""
_AGAIN_S: Final = 300.0
"""How often it is said again while no broker answers."""


class Asks(Protocol):
    """One question to one broker (`streams.lanes.kafka_roll.KafkaRoll`)."""

    @property
    def servers(self) -> Iterable[str]:
        """Addresses to begin with."""

    async def ask(self, address: str) -> Iterable[str]:
        """The addresses of the brokers that the one at `address` knows of. Raises whatever a client meets."""

    async def stop(self) -> None:
        """Close the connections."""


@dataclass(slots=True)
class _Absence:
    """Of one broker."""

    began: float
    """By the monotonic clock."""
    since: datetime
    misses: int = 0
    """In a row."""
    error: str = ""
    """Of the last one."""
    told: bool = False


class RollCall:
    """Asks every broker that it ever heard of whether it is there. The first ones are those of the settings; they name the others,
    and from then on brokers are known by the names that they give themselves.

    absence: where it notes how long some were away. shun: told after each call which ones do not answer while others do.
    """

    def __init__(
        self,
        asks: Asks,
        *,
        clock: Clock,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        absence: Absence | None = None,
        shun: Callable[[Collection[str]], None] = lambda _hanging: None,
    ) -> None:
        self._asks = asks
        self._absence = Absence() if absence is None else absence
        self._shun = shun
        self._clock = clock
        self._wall = wall
        self._known: set[str] = set()
        self._away: dict[str, _Absence] = {}
        self._answered = False
        self._told_at = 0.0

    async def run(self) -> None:
        """Call for ever."""
        while True:
            await self.call()
            await asyncio.sleep(_EVERY_S)

    async def call(self) -> None:
        """Call all once, and tell what changed."""
        asked = self._wanted if self._answered else self._wanted | set(self._asks.servers)
        found = dict(zip(asked, await asyncio.gather(*map(self._ask, asked)), strict=True))
        answers = {address: answer for address, answer in found.items() if not isinstance(answer, Exception)}
        self._answered = bool(answers)
        self._known = self._known.union(*answers.values())
        for address, answer in found.items():
            if isinstance(answer, Exception) and address in self._wanted:
                absence = self._away.setdefault(address, _Absence(self._clock(), self._wall()))
                absence.misses, absence.error = absence.misses + 1, spoken(answer)
        self._tell_returned(answers.keys() & self._wanted)
        self._tell_lost(answers.keys() & self._wanted)
        self._shun(self._lost.keys() if answers else ())
        self._absence.note(self._clock(), min((one.began for one in self._lost.values()), default=None))

    async def stop(self) -> None:
        """Close the connections."""
        await self._asks.stop()

    @property
    def answers(self) -> bool:
        """Whether any broker answered the last call."""
        return self._answered

    @property
    def lost(self) -> Collection[str]:
        """The addresses of those that do not answer."""
        return sorted(self._lost)

    @property
    def _wanted(self) -> set[str]:
        return self._known or set(self._asks.servers)

    @property
    def _lost(self) -> Mapping[str, _Absence]:
        return {address: absence for address, absence in self._away.items() if absence.misses >= _MISSES}

    async def _ask(self, address: str) -> frozenset[str] | Exception:
        try:
            return frozenset(await asyncio.wait_for(self._asks.ask(address), _ANSWER_WITHIN_S))
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is no answer; and who looks on must end nothing
            return exc

    def _tell_returned(self, answering: set[str]) -> None:
        # An address to begin with is forgotten when a broker answered under another name.
        ended = [address for address in self._away if address in answering or address not in self._wanted]
        absences = {address: self._away.pop(address) for address in ended}
        if told := {address: absence for address, absence in absences.items() if absence.told}:
            first = min(told.values(), key=_by_age)
            away_s = round(self._clock() - first.began, 1)
            log.info("brokers_returned", addresses=sorted(told), since=first.since, away_s=away_s, away=sorted(self._lost))

    def _tell_lost(self, answering: set[str]) -> None:
        lost, now = self._lost, self._clock()
        if all(absence.told for absence in lost.values()) and (answering or not lost or now - self._told_at < _AGAIN_S):
            return
        self._told_at = now
        first = min(lost.values(), key=_by_age)
        for absence in lost.values():
            absence.told = True
        log.warning(
            "brokers_lost",
            addresses=sorted(lost),
            since=first.since,
            away_s=round(now - first.began, 1),
            answering=sorted(answering),
            error=first.error,
        )


def _by_age(absence: _Absence) -> float:
    return absence.began
