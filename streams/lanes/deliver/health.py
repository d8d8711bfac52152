"""Which institutions the platform does not take records of: known once for a process, and probed by one of its lanes at a time."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from streams.deliver.verdict import Held
from streams.lanes.buffer import Clock
from streams.lanes.settings import DeliverSettings

_LASTS: Final = 4
"""A fault that nobody probed for so many of the longest waits is forgotten: its lanes may have gone to another process."""


@dataclass(slots=True)
class _Fault:
    since: float
    """When it was heard first, on the clock."""
    next_at: float
    """When the next probe may go."""
    held: Held | None = None
    """The last answer that held it; None for one that an earlier owner heard."""
    answers: int = 0
    """How many held it."""
    probing: bool = False
    """Whether somebody's probe is under way."""
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is let in."""


class Health:
    """most: when more institutions than so many are at fault at once, the fault is thought to be the platform's or ours, and none
    is set aside.
    """

    def __init__(self, settings: DeliverSettings, *, clock: Clock, most: int) -> None:
        self._settings = settings
        self._clock = clock
        self._most = most
        self._faults: dict[str, _Fault] = {}
        self._good: set[str] = set()
        self._flooded: set[str] = set()

    @property
    def sets_aside(self) -> bool:
        """Whether there are others that may go on."""
        return self._most > 0

    def is_at_fault(self, institution: str) -> bool:
        """Whether the last that was heard of it is that nothing of it is taken."""
        return institution in self._faults

    def is_lasting(self, institution: str) -> bool:
        """Whether its records are to be set aside."""
        fault, settings = self._faults.get(institution), self._settings
        return (
            fault is not None
            and fault.answers >= settings.aside_answers
            and self._clock() - fault.since >= settings.aside_after_s
            and len(self._at_fault_now) <= self._most
        )

    def floods(self, institution: str) -> bool:
        """The flood guard holds it, until this process ends; whether that is a fault of its own."""
        self._flooded.add(institution)
        return len(self._at_fault_now) <= self._most

    @property
    def _at_fault_now(self) -> set[str]:
        ends = self._clock() - _LASTS * self._settings.max_probe_s
        return self._flooded | {name for name, fault in self._faults.items() if fault.next_at > ends}

    def suspect(self, institutions: Iterable[str]) -> None:
        """An earlier owner set these aside: one lane finds out whether they are let in now."""
        now = self._clock()
        for one in institutions:
            if one not in self._good and one not in self._faults:
                self._faults[one] = _Fault(now, now)

    def why(self, institution: str) -> Held | None:
        """The last answer that held it; None where there was none."""
        fault = self._faults.get(institution)
        return None if fault is None else fault.held

    def failed(self, institution: str, held: Held) -> None:
        """A POST was answered: it is held for a cause of this institution."""
        now, settings = self._clock(), self._settings
        self._good.discard(institution)
        fault = self._faults.setdefault(institution, _Fault(now, now))
        fault.next_at = now + min(settings.probe_s * 2.0 ** min(fault.answers, 16), settings.max_probe_s)
        fault.answers, fault.held = fault.answers + 1, held

    def answered(self, institution: str) -> None:
        """A POST was taken, or its content was judged: the institution is let in."""
        self._good.add(institution)
        if (fault := self._faults.pop(institution, None)) is not None:
            fault.mended.set()

    def probe(self, institution: str) -> bool:
        """Whether a POST of it may go now. Where that is a probe, nobody else probes until `leave`."""
        fault = self._faults.get(institution)
        if fault is None:
            return True
        if fault.probing or self._clock() < fault.next_at:
            return False
        fault.probing = True
        return True

    def leave(self, institution: str) -> None:
        """Whoever might probe it is done."""
        if (fault := self._faults.get(institution)) is not None:
            fault.probing = False

    def wait_s(self, institution: str) -> float:
        """In how long it is worth while to ask again."""
        fault = self._faults.get(institution)
        return 0.0 if fault is None else max(fault.next_at - self._clock(), 1.0 if fault.probing else 0.0)

    async def mended(self, institution: str, *, within_s: float) -> None:
        """Wait until it is let in, at most so long."""
        if (fault := self._faults.get(institution)) is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await fault.mended.wait()
        except TimeoutError:
            return
