"""What one fold leads to, while it is collected: seen by those who decide about records that lose their row, or have two."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple, Protocol

from streams.domain.changes import Incoming
from streams.domain.closings import Closed, ClosedBy
from streams.domain.join.moving import Moving
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter, Lookups, MissingLookup
from streams.domain.ticks import Tick


class Folded(NamedTuple):
    """What one message leads to."""

    state: Mapping[bytes, bytes | None]
    """Changed state entries by key; None where the entry goes."""
    recalls: tuple[Emission, ...] = ()
    """Of records that were emitted before and have no row any more. They go before what is ready: that has its rows."""
    ready: tuple[Emission, ...] = ()
    """Records that became ready."""
    dead: tuple[DeadLetter, ...] = ()
    """What a person is told."""
    closed: tuple[Closed, ...] = ()
    """What a person was told, and is so no more."""
    counts: Mapping[str, int] = MappingProxyType({})
    """How often each outcome happened, to be counted by the caller."""
    missing: Mapping[bytes, MissingLookup] = MappingProxyType({})
    """By state key of a row that was built and waits for a row of a lookup: which one."""

    def __repr__(self) -> str:
        """Without what the entries hold."""
        return f"Folded(ready={self.ready}, dead={self.dead}, counts={self.counts})"


class Results(Protocol):
    """What one fold leads to, while it is collected."""

    incoming: Incoming
    """The message that is folded."""
    is_plain: bool
    """Whether nothing is said of its row besides what stands in it."""
    lookups: Lookups
    """The rows of the lookup tables."""
    today: date
    """In the site's zone."""
    now: int
    """When it happens (ms)."""
    transaction: str
    """Of the change that is folded; `""` of everything else."""
    captured_at: int
    """When the change that makes records ready was captured (ms)."""
    time: Tick | None
    """The tick that is folded."""
    moving: Moving
    """The trails that it meets."""
    counts: dict[str, int]
    """How often each outcome happened."""
    kept: set[bytes]
    """The visits that were changed. What the fold sees of them is what they were before."""

    @property
    def grace_ms(self) -> int:
        """So long after a transaction's end a row may go, or come back."""

    def recall(self, emission: Emission) -> None:
        """Let the deliver stage know that a record has no row any more."""

    def bury(self, letter: DeadLetter) -> None:
        """Tell a person."""

    def close(self, visit: Visit, row: StoredRow, *, by: ClosedBy, evidence: str = "") -> StoredRow:
        """Close the letter that a row has, if it has one; the row without it. evidence: id of the letter that takes its place."""

    def count(self, outcome: str) -> None:
        """Count an outcome."""

    def build(self, visit: Visit, row: StoredRow, *, committed_at: int, now: int) -> None:
        """Build the record of one row."""

    def rebuild(self, visit: Visit, rows: Sequence[StoredRow], *, committed_at: int) -> None:
        """Build the records of rows that may have another content, or may go, now."""

    def keep(self, visit: Visit, *, committed_at: int, now: int) -> None:
        """Take over all entries of a visit that the fold changed."""

    def take(self, entries: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Change state entries."""
