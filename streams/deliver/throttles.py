"""Who takes no more for now: one institution, or all of them. Nobody knows before another one was answered.

An institution that is throttled stands as long as it was asked to, and then goes on with one request at a time until one of them is
answered otherwise. At first all others stand, too, but no longer than `others_after_s`: then one request of theirs finds out.

| since an institution was throttled              | that is          | who stands                                             |
|-------------------------------------------------|------------------|--------------------------------------------------------|
| another one was asked, and answered otherwise   | its own          | it alone                                               |
| nobody else was asked, and it is for 5 s or less | open            | it alone, until another one is throttled, too          |
| nobody else was asked                           | open             | all, at most `others_after_s`; then one request goes   |
| the same, while another one's is its own        | open             | all, at most 5 s; then one request goes                |
| each one that was asked was throttled, too      | that of them all | each for its own time; one request each `others_after_s` |
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from streams.deliver.throttle import Throttle, Whose, throttled

OTHERS_AFTER_S: Final = 30.0
"""So long the others stand at most for what one institution was asked to wait."""
_OF_ONE_AGAIN_S: Final = 5.0
"""The same while a throttle of one of them is known to be its own: the next one most likely is, too."""
_SHORT_S: Final = 5.0
"""Where one of them is asked to wait no longer, the others go on: to stand costs them more than one request too many."""
_OTHERS_FIRST_S: Final = 1.0
"""So much longer it stands itself while none of them was asked: if it asked again first each time, nobody else ever would."""
_AGAIN_S: Final = 0.1
"""After so long it is worth while to ask again whether another request found out."""
LOOK_S: Final = 1.0
"""The answer of the request that finds out is waited for, at most so long at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Why a request does not go now."""

    after_s: float
    """When to come again."""
    whose: Whose
    """Who is throttled."""
    asking: "Turn | None" = field(default=None, compare=False)
    """The request that finds out meanwhile."""


@dataclass(slots=True, eq=False)
class Turn:
    """A request that may go. Whoever has it gives it back by `Throttles.leave`."""

    institution: str
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was given back."""


@dataclass(slots=True, kw_only=True)
class _Own:
    """What one institution was told, until it is answered otherwise."""

    since: float
    """When it was told first."""
    throttle: Throttle = field(default_factory=Throttle)
    alone: bool = False
    """Whether another one was answered since."""
    asking: Turn | None = None
    """The one request that goes meanwhile."""


class Throttles:
    """others: whether there is more than one institution. now: seconds of a clock that never goes back."""

    def __init__(self, *, others: bool, now: Callable[[], float], others_after_s: float = OTHERS_AFTER_S) -> None:
        self._others = others
        self._now = now
        self._others_after_s = others_after_s
        self._all = Throttle()
        self._asking: Turn | None = None
        self._own: dict[str, _Own] = {}

    @property
    def all(self) -> Throttle:
        """That of all institutions together."""
        return self._all

    def stand(self, institution: str) -> Stand | None:
        """Why a request of it does not go now; None where it may."""
        now, own = self._now(), self._own.get(institution)
        if own is not None and own.throttle.until > now:
            return Stand(after_s=own.throttle.until - now, whose=Whose.INSTITUTION)
        if own is not None and own.asking is not None:
            return Stand(after_s=_AGAIN_S, whose=Whose.INSTITUTION, asking=own.asking)
        return self._stands_with_all(own, now) if self._all.times else None

    def _stands_with_all(self, own: _Own | None, now: float) -> Stand | None:
        if self._all.until > now:
            return Stand(after_s=self._all.until - now, whose=Whose.ALL)
        if self._asking is not None:
            return Stand(after_s=_AGAIN_S, whose=Whose.ALL, asking=self._asking)
        if self._others and own is not None and now < own.throttle.until + _OTHERS_FIRST_S:
            return Stand(after_s=_AGAIN_S, whose=Whose.INSTITUTION)
        return None

    async def settled(self, institution: str) -> Stand | None:
        """The same as `stand`, where a request finds out after that was answered or given up; at most `LOOK_S` later."""
        stand = self.stand(institution)
        if stand is None or stand.asking is None:
            return stand
        try:
            async with asyncio.timeout(LOOK_S):
                await stand.asking.left.wait()
        except TimeoutError:
            return stand
        return self.stand(institution)

    def admit(self, institution: str) -> Turn | Stand:
        """A turn for a request that goes this moment, or why there is none."""
        if (stand := self.stand(institution)) is not None:
            return stand
        turn, own = Turn(institution), self._own.get(institution)
        if own is not None:
            own.asking = turn
        if self._all.times:
            self._asking = turn
        return turn

    def leave(self, turn: Turn) -> None:
        """The request was answered or given up."""
        turn.left.set()
        own = self._own.get(turn.institution)
        if own is not None and own.asking is turn:
            own.asking = None
        if self._asking is turn:
            self._asking = None

    def throttled(self, institution: str, *, after_s: float, named: bool, began: float) -> tuple[Throttle, Throttle]:
        """A request that went out at `began` was answered with "no more". after_s, named: of `wait_of`. That of the institution
        before, and since.
        """
        now = self._now()
        own = self._own.setdefault(institution, _Own(since=now))
        if not own.alone and (not named or after_s > _SHORT_S or self._is_of_several(institution)):
            most_s = _OF_ONE_AGAIN_S if any(one.alone for one in self._own.values()) else self._others_after_s
            others_s = min(after_s, most_s) if named else after_s
            self._all = throttled(self._all, after_s=others_s, named=named, began=began, now=now)
        before = own.throttle
        own.throttle = throttled(before, after_s=after_s, named=named, began=began, now=now)
        return before, own.throttle

    def _is_of_several(self, institution: str) -> bool:
        """Whether another one is throttled, and not known to be so alone: or there is none who could be asked."""
        return not self._others or any(not one.alone for name, one in self._own.items() if name != institution)

    def answered(self, institution: str, *, began: float) -> None:
        """A request that went out at `began` was answered otherwise. One that was under way when the word came says nothing."""
        for name, one in self._own.items():
            one.alone = one.alone or (name != institution and began >= one.since)
        own = self._own.get(institution)
        if own is not None and began >= own.throttle.until:
            del self._own[institution]
        if began >= self._all.until:
            self._all = Throttle()
