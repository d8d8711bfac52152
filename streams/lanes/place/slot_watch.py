"""The watch over the log that each source's server keeps for its capture: told long before the hospital's disk is full, and
given up where a site says so.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog

from streams.lanes.buffer import Clock
from streams.lanes.place.kept_log import Danger, Growth, KeptLog, Outlook

log = structlog.get_logger()

KeptOf: TypeAlias = Callable[[str], KeptLog | None]
"""Asks a source's server what it keeps; None where it keeps nothing for us. Called in a thread; raises where it does not answer."""

GiveUp: TypeAlias = Callable[[str, Outlook], bool]
"""Gives up what is kept for a source, if its site wants that: whether it is done. Called in a thread; raises where it cannot."""

_EVERY_S: Final = 30.0
_WITHIN_S: Final = 60.0
_GIVEN_UP_WITHIN_S: Final = 180.0
"""Brokers and Connect that hang are waited for before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPorts:
    """What the watch asks and orders."""

    kept_of: KeptOf
    """See `KeptOf`."""
    give_up: GiveUp
    """See `GiveUp`."""
    gives_up: Callable[[str, KeptLog], bool]
    """Whether what is kept for a source is so much that its site gives it up for the sake of the hospital's disk."""


class SlotWatch:
    """Looks at the servers of all sources, also of those that another worker places: while no broker answers nobody places any, and
    that is when the log grows.

    trusted: whether the topics have said, now or before this worker was restarted, that it is of the site whose sources it looks
    at. A copy of a site's file must not give up the site's slots.
    """

    def __init__(self, ports: SlotPorts, *, clock: Clock, trusted: bool) -> None:
        self.trusted = trusted
        self._ports = ports
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._growth: dict[str, Growth] = {}
        self._danger: dict[str, Danger] = {}

    def start(self, sources: Iterable[str]) -> None:
        """Look from now on, beside everything else."""
        self._task = asyncio.create_task(self.run(sources))

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def run(self, sources: Iterable[str]) -> None:
        """Look for ever."""
        every = list(sources)
        while True:
            for source in every:
                await self.look(source)
            await asyncio.sleep(_EVERY_S)

    async def look(self, source: str) -> None:
        """Look once. A server that does not answer keeps its danger: that it is away is told by the look-out."""
        try:
            kept = await asyncio.wait_for(asyncio.to_thread(self._ports.kept_of, source), _WITHIN_S)
        except Exception:  # noqa: BLE001 - whatever it is, it says nothing of the log
            return
        if kept is None:
            self._growth.pop(source, None)
            self._danger.pop(source, None)
            return
        outlook = self._growth.setdefault(source, Growth()).saw(kept, self._clock())
        self._tell(source, outlook)
        if self.trusted and self._ports.gives_up(source, kept):
            await self._give_up(source, outlook)

    def _tell(self, source: str, outlook: Outlook) -> None:
        """Once for each step towards the end, and once when it is over."""
        before, now = self._danger.get(source, Danger.NONE), outlook.danger
        if before == now or (before > now > Danger.NONE):
            return
        self._danger[source] = now
        kept, room, rate = outlook.kept.bytes, outlook.kept.room, round(outlook.growth_bytes_s)
        if now is Danger.NONE:
            log.info("slot_relieved", source=source, kept_bytes=kept, room_bytes=room, growth_bytes_s=rate)
            return
        full, mend = None if outlook.full_in_s is None else round(outlook.full_in_s), _remedy(source)
        if now is Danger.GROWING:
            log.warning(
                "slot_filled", source=source, kept_bytes=kept, room_bytes=room, growth_bytes_s=rate, full_in_s=full, remedy=mend
            )
        else:
            log.error(
                "slot_endangered", source=source, kept_bytes=kept, room_bytes=room, growth_bytes_s=rate, full_in_s=full, remedy=mend
            )

    async def _give_up(self, source: str, outlook: Outlook) -> None:
        try:
            done = await asyncio.wait_for(asyncio.to_thread(self._ports.give_up, source, outlook), _GIVEN_UP_WITHIN_S)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is tried again
            self._not_given_up(source, f"{type(exc).__name__}: {exc}"[:500])
            return
        if not done:
            self._not_given_up(source, "somebody reads with it again and again")
            return
        kept, remedy = outlook.kept, _after(source)
        log.error("slot_dropped", source=source, kept_bytes=kept.bytes, room_bytes=kept.room, remedy=remedy)

    @staticmethod
    def _not_given_up(source: str, reason: str) -> None:
        log.error("slot_drop_failed", source=source, reason=reason, remedy=_by_hand(source))


def _remedy(source: str) -> str:
    return (
        f"see why the capture does not go on: yibao connector status -s {source}; yibao doctor. Where it cannot in time, give "
        "the disk more room, or have the slot dropped: then all is read again (docs/operations.md, The hospital's disk)"
    )


def _after(source: str) -> str:
    return (
        "the hospital's disk was chosen (give_up_slot): changes that capture had not read are gone from the log. When all is well: "
        f"yibao connector forget {source}; yibao resume {source} --why …; and the yibao resnapshot that it names"
    )


def _by_hand(source: str) -> str:
    return (
        f"the hospital's disk is in danger: yibao connector stop {source}, and have the database's administrator drop the slot "
        "(SELECT pg_drop_replication_slot(…); yibao doctor names it). It is tried again every half a minute"
    )
