"""What folding one chunk of changes leads to, until one transaction writes all of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from streams.domain.closings import Closed
from streams.domain.join.charging import SUMMED
from streams.domain.join.claiming import CLAIMED
from streams.domain.join.entries import (
    WITH_BENEATH,
    WITH_CHARGE,
    WITH_CLAIM,
    WITH_INSTITUTION,
    WITH_LETTER,
    WITH_TALLY,
    WITHOUT_TRAIL,
)
from streams.domain.join.fold import EXCHANGED
from streams.domain.join.moving import BECAME, WAITS, WENT, Passed
from streams.domain.join.rebuilding import LATER
from streams.domain.join.results import Folded
from streams.domain.join.tallies import is_tally
from streams.domain.join.told import TOLD
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter
from streams.lanes.join.overlay import Overlay

_FORMS: Final = (
    (WITH_INSTITUTION, (WAITS, WENT, BECAME)),
    (WITH_CHARGE, (SUMMED, LATER)),
    (WITH_LETTER, (TOLD,)),
    (WITH_CLAIM, (CLAIMED,)),
    (WITH_BENEATH, (EXCHANGED,)),
)
"""Which outcomes write entries of which form, the latest first."""


@dataclass(slots=True)
class Chunk:
    """What folding one chunk of input leads to."""

    overlay: Overlay
    """What it changes."""
    passed: Passed
    """How far other lanes are."""
    ready: list[Emission] = field(default_factory=list)
    """Records that became ready."""
    dead: list[DeadLetter | Closed] = field(default_factory=list)
    """What a person is told, and what of that is so no more."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each outcome happened."""
    folded: int = 0
    """How many messages it holds."""

    def take(self, folded: Folded) -> None:
        """What one message led to."""
        state, recalls, ready, dead, closed, counts, missing = folded
        if state:
            self.overlay.apply(state)
        if missing:
            self.overlay.note(missing)
        if recalls:
            self.ready += recalls
        if ready:
            self.ready += ready
        if closed:  # first: what is told again with them is open
            self.dead += closed
        if dead:
            self.dead += dead
        for outcome, amount in counts.items():
            self.counts[outcome] += amount

    @property
    def form(self) -> int:
        """The latest form of the entries that it wrote."""
        if any(map(is_tally, self.overlay.changed)):
            return WITH_TALLY
        counts = self.counts
        return next((form for form, outcomes in _FORMS if any(counts[one] for one in outcomes)), WITHOUT_TRAIL)
