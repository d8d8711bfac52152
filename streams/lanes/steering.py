"""What persons ordered in `visit.control`, as the lanes of a process keep to it: what is paused, and the limits in force."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from aiokafka.errors import KafkaError

from streams.lanes.control_feed import ControlFeed
from streams.topics.maintenance import Maintenance, Windows
from streams.topics.steering import LimitOrder, Orders, Pause, Paused

log = structlog.get_logger()

LOOK_S: Final = 1.0
"""How often a lane that is paused looks whether it may go on."""
_READ_S: Final = 2.0
"""How often it is asked for what was ordered meanwhile."""
_NO_WINDOWS: Final = Windows(zone=ZoneInfo("UTC"))
_AWAY: Final = (KafkaError, OSError, AssertionError, LookupError)
"""What a client of Kafka raises while no broker answers."""


class Steering:
    """The orders that count for one stage.

    feed: where they are read; None in a test that gives orders itself. wall_ms: milliseconds since the epoch.
    windows: in which the platform is maintained; only the deliver stage waits for that.
    """

    def __init__(
        self,
        stage: str,
        feed: ControlFeed | None,
        *,
        wall_ms: Callable[[], int],
        orders: Orders | None = None,
        windows: Windows = _NO_WINDOWS,
    ) -> None:
        self._stage = stage
        self._feed = feed
        self._wall_ms = wall_ms
        self._orders = Orders() if orders is None else orders
        self._windows = windows
        self._told: dict[tuple[Paused, str], Pause] = {}
        self._told_window: Maintenance | None = None

    async def open(self) -> None:
        """Before the first record of a lane is taken: read what is in force. Raises as `ControlFeed.refresh`."""
        if self._feed is not None:
            await self._feed.refresh()
            self._tell()

    async def run(self) -> None:
        """Read for ever. While no broker answers, what was known stays in force."""
        while True:
            await asyncio.sleep(_READ_S)
            with suppress(*_AWAY):
                await self.open()
            self._tell()

    @property
    def stage(self) -> Pause | None:
        """The pause of the whole stage; of the deliver stage also while the platform is maintained."""
        return self._of(Paused.STAGE, self._stage) or self._window_pause()

    @property
    def is_of_platform(self) -> bool:
        """Whether the stage waits for the platform's maintenance."""
        return self._stage == "deliver"

    @property
    def maintenance(self) -> Maintenance | None:
        """The window in which the platform is maintained, or what waited in it is sent now; None of another stage."""
        if not self.is_of_platform or not (self._windows.recurring or self.orders.maintenance):
            return None
        return self._windows.at(self.orders.maintenance, self._now())

    async def until_open(self) -> None:
        """Wait while the platform is maintained."""
        while (window := self.maintenance) is not None and window.inside:  # noqa: ASYNC110 - its time is over, or another process ends it
            await asyncio.sleep(LOOK_S)

    def _window_pause(self) -> Pause | None:
        window = self.maintenance
        if window is None or not window.inside:
            return None
        begins, ends = (one.isoformat(timespec="seconds") for one in (window.begins, window.ends))
        return Pause(
            of=Paused.STAGE, name=self._stage, paused=True, since=begins, until=ends, at=begins, by=window.by, why=window.why
        )

    def source(self, name: str) -> Pause | None:
        """The pause of a source: its own, or that of the place stage."""
        return self._of(Paused.SOURCE, name) or self._of(Paused.STAGE, "place")

    def institution(self, code: str) -> Pause | None:
        """The pause of an institution."""
        return self._of(Paused.INSTITUTION, code)

    @property
    def services(self) -> Collection[str]:
        """Codes of the services that are paused."""
        orders = self.orders
        if not orders.pauses:
            return ()
        now = self._now()
        return {name for of, name in orders.pauses if of is Paused.SERVICE and orders.of(of, name, now) is not None}

    @property
    def limits(self) -> Mapping[str, LimitOrder]:
        """The limits in force by institution; `""`: of all."""
        return self.orders.limits

    @property
    def orders(self) -> Orders:
        """All of them."""
        return self._orders if self._feed is None else self._feed.controls.orders

    def _of(self, what: Paused, name: str) -> Pause | None:
        orders = self.orders
        return orders.of(what, name, self._now()) if orders.pauses else None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall_ms() / 1000, UTC)

    @property
    def in_force(self) -> Sequence[Pause]:
        """The pauses that concern this stage now."""
        return [pause for pause in self.orders.in_force(self._now()) if self._concerns(pause)]

    def _tell(self) -> None:
        """Tell what waits from now on, and what does not any more, once for each."""
        now = {(pause.of, pause.name): pause for pause in self.in_force}
        for what, pause in now.items():
            if self._told.get(what) != pause:
                log.warning(
                    "work_paused",
                    of=pause.of.value,
                    name=pause.name,
                    since=pause.since,
                    until=pause.until,
                    by=pause.by,
                    why=pause.why,
                )
        for what in self._told.keys() - now.keys():
            log.info("work_resumed", of=what[0].value, name=what[1], by=self._resumer(what))
        self._told = now
        self._tell_window()

    def _tell_window(self) -> None:
        """Tell when a window begins and when it is over, once for each."""
        window, before = self.maintenance, self._told_window
        self._told_window = window = window if window is not None and window.inside else None
        if window is not None and before is None:
            begins, ends = (one.isoformat(timespec="seconds") for one in (window.begins, window.ends))
            log.info("maintenance_opened", begins=begins, ends=ends, by=window.by, why=window.why)
        if window is None and before is not None:
            log.info("maintenance_ended", began=before.begins.isoformat(timespec="seconds"))

    def _resumer(self, what: tuple[Paused, str]) -> str:
        """Who ended a pause; `""` where its time was over."""
        last = self.orders.pauses[what]
        return "" if last.paused else last.by

    def _concerns(self, pause: Pause) -> bool:
        match pause.of:
            case Paused.STAGE:
                return pause.name == self._stage
            case Paused.SOURCE:
                return self._stage == "place"
            case Paused.INSTITUTION | Paused.SERVICE:
                return self._stage == "deliver"


def unsteered() -> Steering:
    """Nobody orders anything: in a test of something else."""
    return Steering("", None, wall_ms=lambda: 0)
