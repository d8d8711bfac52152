"""Which institutions the platform does not take records of: known once for a process, and probed by one of its lanes at a time."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.deliver.verdict import Held
from streams.lanes.buffer import Clock
from streams.lanes.settings import DeliverSettings

_COSTLY: Final = 5
"""A probe that was not answered is made again after so many times what it took, at least: its lane stands meanwhile."""
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
    throttled: bool = False
    """Whether the last answer was that no more of it is taken for now."""
    probing: bool = False
    """Whether somebody's probe is under way."""
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is let in."""


@dataclass(slots=True)
class _Silence:
    since: float
    """When the first of its POSTs was given up, on the clock."""
    last: float
    """When the last one was."""
    posts: int = 0
    """How many were, without an answer to any of it between them."""


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
        self._silences: dict[str, _Silence] = {}
        self._answered: dict[str, float] = {}
        """By institution: when the platform answered a POST of it last."""

    @property
    def sets_aside(self) -> bool:
        """Whether there are others that may go on."""
        return self._most > 0

    @property
    def at_fault(self) -> Mapping[str, Held | None]:
        """The institutions of which nothing is taken, each with what held it last; None where an earlier owner heard it."""
        return {name: fault.held for name, fault in self._faults.items()}

    def is_at_fault(self, institution: str) -> bool:
        """Whether the last that was heard of it is that nothing of it is taken."""
        return institution in self._faults

    def is_lasting(self, institution: str) -> bool:
        """Whether its records are to be set aside."""
        fault = self._faults.get(institution)
        if fault is None or not self._lasts(institution, fault):
            return False
        # A lane that waits for this one probes none that is aside: those are not forgotten.
        known = self._faults.keys() if fault.throttled else {institution}
        return len(self._at_fault_now | known) <= self._most

    def _lasts(self, institution: str, fault: _Fault) -> bool:
        settings, since = self._settings, fault.since
        after_s, often = settings.aside_after_s, fault.answers >= settings.aside_answers
        if fault.throttled:
            after_s = after_s if self._others_answered(institution, since) else settings.throttled_after_s
            often = often or fault.next_at - since > after_s  # it was told once, for longer
        return often and self._clock() - since >= after_s

    def _others_answered(self, institution: str, since: float) -> bool:
        return any(at >= since for name, at in self._answered.items() if name != institution)

    def floods(self, institution: str) -> bool:
        """The flood guard holds it, until this process ends; whether that is a fault of its own."""
        self._flooded.add(institution)
        return len(self._at_fault_now) <= self._most

    @property
    def _at_fault_now(self) -> set[str]:
        ends = self._clock() - _LASTS * self._settings.max_probe_s
        silent = {name for name, silence in self._silences.items() if silence.last > ends}
        return self._flooded | silent | {name for name, fault in self._faults.items() if fault.next_at > ends}

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
        now = self._clock()
        self._hears(institution)
        self._good.discard(institution)
        self._again(self._faults.setdefault(institution, _Fault(now, now)), held)

    def throttled(self, institution: str, held: Held, *, after_s: float, again: bool) -> None:
        """No more of it is taken for so long. again: a POST was answered so; if not, what was heard before is still so. It is no
        sign that the platform is there for the others.
        """
        now = self._clock()
        self._good.discard(institution)
        fault = self._faults.setdefault(institution, _Fault(now, now))
        fault.throttled, fault.held = True, held
        fault.answers += again
        fault.next_at = max(fault.next_at, now + after_s)

    def unanswered(self, institution: str, held: Held, *, took_s: float) -> None:
        """Nobody knows what became of a POST, as held says it. Where that lasts, and others are answered, it is a fault of this
        institution.
        """
        now = self._clock()
        fault = self._faults.get(institution)
        if fault is None or fault.throttled:  # that no more of it was taken for a while says nothing of a lost answer
            silence = self._silences.setdefault(institution, _Silence(now, now))
            silence.posts, silence.last = silence.posts + 1, now
            if not self._is_its_own(institution, silence):
                return
            del self._silences[institution]
            self._good.discard(institution)
            fault = self._faults.setdefault(institution, _Fault(silence.since, now))
            fault.since, fault.answers = silence.since, silence.posts - 1
        self._again(fault, held, at_least_s=_COSTLY * took_s)

    def _is_its_own(self, institution: str, silence: _Silence) -> bool:
        after_s = self._settings.silent_after_s * (1 if self._others_answered(institution, silence.since) else 2)
        lasts = silence.posts >= self._settings.aside_answers and self._clock() - silence.since >= after_s
        # A lane that tries one of them again and again probes none that is aside: those faults are not forgotten here.
        return lasts and len(self._at_fault_now | self._faults.keys()) <= self._most

    def _again(self, fault: _Fault, held: Held, *, at_least_s: float = 0.0) -> None:
        """It is held once more, and probed later."""
        settings = self._settings
        wait_s = min(settings.probe_s * 2.0 ** min(fault.answers, 16), settings.max_probe_s)
        fault.next_at = self._clock() + max(wait_s, at_least_s)
        fault.answers, fault.held, fault.throttled = fault.answers + 1, held, False

    def _hears(self, institution: str) -> None:
        self._answered[institution] = self._clock()
        self._silences.pop(institution, None)

    def postpone(self, institution: str) -> None:
        """Nothing could be tried: whoever is aside is probed later."""
        if (fault := self._faults.get(institution)) is not None:
            fault.next_at = max(fault.next_at, self._clock() + self._settings.probe_s)

    def answered(self, institution: str) -> None:
        """A POST was taken, or its content was judged: the institution is let in."""
        self._hears(institution)
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
