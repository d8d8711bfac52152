"""What the deliver lane knows of one visit whose records wait, and what settling some records changes of that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.domain.closings import Closed
from streams.domain.kinship import Identity, identity_of, is_new_parent
from streams.domain.records import DeadLetter, ReadyRecord
from streams.lanes.ports import Send

NOBODY: Final[frozenset[Identity]] = frozenset()


class Decision(NamedTuple):
    """What the platform decided about some records."""

    records: Sequence[ReadyRecord]
    accepted: bool
    at: int = 0
    """Milliseconds since the epoch of the answer that accepted them."""


@dataclass(slots=True)
class Changed:
    """What settling some records changes."""

    sends: list[Send] = field(default_factory=list)
    """Into `visit.orphans`."""
    dead: list[DeadLetter] = field(default_factory=list)
    """Of records for which there is no room, and, closed, of those that a later version made needless, or that were recalled."""
    closed: list[Closed] = field(default_factory=list)
    """Letters of this stage that what was decided closes."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often what happened."""

    def count(self, what: str) -> None:
        """Count what happened."""
        self.counts[what] = self.counts.get(what, 0) + 1


@dataclass(slots=True)
class WaitingRecord:
    """One record that waits."""

    record: ReadyRecord
    """As it stood in `visit.ready`."""
    parents: tuple[Identity, ...]
    """What it belongs to."""


@dataclass(slots=True)
class Kin:
    """What is known of one visit key."""

    refused: set[Identity] = field(default_factory=set)
    """Parents that the platform refused, or that are not posted because they were made anew."""
    waiting: dict[int, WaitingRecord] = field(default_factory=dict)
    """What waits for them, by number."""
    open: frozenset[Identity] = NOBODY
    """Refused parents, and waiting ones: what belongs to them is not posted."""

    def look(self) -> None:
        """Find out what is open."""
        waiting = (one.record for one in self.waiting.values())
        self.open = frozenset([*self.refused, *(identity_of(record) for record in waiting if is_new_parent(record))])
