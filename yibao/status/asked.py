"""What brokers, Connect and databases say of a site, each also without the others: what `yibao status` judges."""

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from connector.connect import ConnectorStatus
from connector.contract import CaptureSource
from connector.errors import CaptureError
from connector.profiles import profile_of
from streams.broker_wiring import broker_access
from streams.errors import Unreachable, YibaoError
from streams.mapping import Site
from streams.topics.broker import Broker
from streams.topics.steering import Orders
from yibao.captures.asked import asked_connect, captures, heartbeats
from yibao.captures.facts import Stand
from yibao.captures.from_site import database_password, silent_after_s
from yibao.captures.shown import Shown
from yibao.lag.asked import Measured, Measuring
from yibao.lag.stages import stage_lags
from yibao.monitored import seen
from yibao.status.facts import Slot, SlotLook
from yibao.status.parts import Asked
from yibao.status.waits import NONE, parts_waiting
from yibao.steering import now_at, orders_of

_BETWEEN_S: Final = 2.0
"""Between the two looks of a first answer: how fast it goes is the difference."""
_ROOM: Final = 64 << 20
"""Bytes without which a worker does not go on for long."""


class Asking:
    """Asks again and again. Connections to the brokers stay open."""

    def __init__(self, site: Site, sources: Sequence[CaptureSource]) -> None:
        self._site = site
        self._sources = sources
        self._open: ExitStack | None = None
        self._broker: Broker | None = None
        self._measuring: Measuring | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def ask(self) -> Asked:
        """Ask all of them. Nobody who is away is waited for longer than it takes to be sure."""
        site = self._site
        states, connect_away = asked_connect(site, self._sources)
        brokers_away, measured, shown = "", None, self._unlooked(states)
        orders, parts, now = Orders(), NONE, now_at(site)
        windows = site.platform.maintenance.plan(site.timezone)
        try:
            broker, measuring = self._connected()
            first = self._measuring is None
            measured = self._measured(measuring, twice=first)
            shown = captures(site, self._sources, states, heartbeats(site, broker, self._sources))
            orders, parts = orders_of(site), parts_waiting(site)
            self._measuring = measuring
        except Unreachable as away:
            brokers_away, measured = f"{away}", None
            self._close()
        return Asked(
            at_ms=time.time_ns() // 1_000_000,
            brokers_away=brokers_away,
            connect_away=f"{connect_away or ''}",
            captures=shown,
            slots={} if brokers_away else {one.source.name: _slot(one) for one in shown if one.silent},
            measured=measured,
            stages=() if measured is None else stage_lags(site, measured.marks),
            pauses=orders.in_force(now),
            maintenance=None if brokers_away else windows.at(orders.maintenance, now),
            limits=[order for _name, order in sorted(orders.limits.items()) if order.limits],
            parts=parts.only(sources=[one.name for one in self._sources]),
            heard=seen(site.workers.home),
            full=_full(site.workers.home),
        )

    def _connected(self) -> tuple[Broker, Measuring]:
        if self._broker is not None and self._measuring is not None:
            return self._broker, self._measuring
        self._open = ExitStack()
        self._broker = self._open.enter_context(Broker(broker_access(self._site)))
        return self._broker, self._open.enter_context(Measuring(self._site, self._broker))

    def _measured(self, measuring: Measuring, *, twice: bool) -> Measured:
        found = measuring.look()
        if twice and any(lag.waiting for lag in found.lags):
            time.sleep(_BETWEEN_S)
            found = measuring.look()
        return found

    def _unlooked(self, states: Mapping[str, ConnectorStatus | None] | None) -> list[Shown]:
        """What Connect alone says."""
        return [
            Shown(
                source=each,
                status=None if states is None else states[each.name],
                heartbeat_age_s=None,
                silent_after_s=silent_after_s(self._site),
                stand=Stand(source=each.name, control=None, found=None),
                asked=states is not None,
            )
            for each in self._sources
        ]

    def _close(self) -> None:
        opened, self._open, self._broker, self._measuring = self._open, None, None, None
        if opened is not None:
            with suppress(YibaoError):
                opened.close()


def _slot(shown: Shown) -> SlotLook:
    """How the slot of a source stands that is silent. One that was not made yet is not lost."""
    if shown.stand.unseen or not profile_of(shown.source.kind).keeps_log:
        return SlotLook(Slot.UNKNOWN)
    with suppress(YibaoError, CaptureError):
        kept = profile_of(shown.source.kind).read_room(shown.source, password=database_password(shown.source)).kept
        if kept is None or kept.status == "lost":
            return SlotLook(Slot.UNKNOWN if shown.heartbeat_age_s is None else Slot.LOST)
        return SlotLook(Slot.READ if kept.active else Slot.UNREAD, kept.bytes)
    return SlotLook(Slot.UNKNOWN)


def _full(home: Path) -> str:
    with suppress(OSError):
        free = shutil.disk_usage(home).free
        if free < _ROOM:
            return f"{home}, {free >> 20} MiB are free"
    return ""
