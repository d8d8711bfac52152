"""What the topics hold of one visit, or of one row of it, as far as it was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from connector.contract import Topics
from streams.deadletter.index.pages import Event as LetterEvent
from streams.deadletter.index.pages import Letter
from streams.deliver.receipt import Receipt
from streams.domain.changes import Incoming
from streams.domain.join.gone import Gone
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import Tally
from streams.domain.records import ReadyRecord
from streams.explain.places import Place
from streams.lanes.marks import DeliverMark


class Held(NamedTuple):
    """One row as the join remembers it."""

    row: StoredRow
    """The row."""
    place: Place
    """Where its entry stands in `visit.state`."""
    at: int
    """When that was written (ms)."""

    def __repr__(self) -> str:
        """Without the row's key."""
        return f"Held(place={self.place})"


class Accepted(NamedTuple):
    """One receipt."""

    receipt: Receipt
    """What the platform accepted, with all lines of its batch."""
    place: Place
    """Where it stands in `visit.receipts`."""


class Told(NamedTuple):
    """One letter."""

    letter: Letter
    """As the index of the letters has it."""
    history: Sequence[LetterEvent]
    """What happened to it after it was told first."""


class Summed(NamedTuple):
    """What the lines of one settlement add up to, as a message of `visit.state` says it."""

    tally: Tally
    """The sums."""
    at: int
    """When that was written (ms)."""


Sums = Mapping[tuple[bytes, str, str], Summed]
"""By visit, source, and as what its lines name the settlement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """How far the stages are in the visit's partition."""

    joined: int
    """Offset of `visit.changes` that the join goes on with; -1 where that is not known."""
    offset: int
    """Offset of `visit.ready` that the deliver stage goes on with; -1 where that is not known."""
    delivered: DeliverMark | None
    """What its lane is at; None where that is not known."""
    orphans: frozenset[int] = frozenset()
    """Numbers of the visit's records that wait in `visit.orphans` for a refused parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of one visit. Messages stand in the order of their topics."""

    topics: Topics
    """Names of the topics."""
    partition: int
    """Of the visit, in every topic."""
    lanes: Lanes
    """How far the stages are there."""
    visit_key: bytes = field(repr=False)
    """Key of the visit."""
    rows: Sequence[Held] = ()
    """Its rows."""
    gone: Sequence[Gone] = ()
    """Records of it that no row backs any more."""
    sums: Sums = field(default_factory=dict, repr=False)
    """Of its settlements whose lines add up to something else than they say (rule R2)."""
    changes: Sequence[Incoming] = ()
    """Of `visit.changes`: rows, and orders of people."""
    captured: Mapping[int, int] = field(default_factory=dict)
    """By offset in `visit.changes`: where the same change stands in the topic of its source's rows; absent where nobody looked."""
    ready: Sequence[ReadyRecord] = ()
    """Of `visit.ready`."""
    receipts: Sequence[Accepted] = ()
    """Of `visit.receipts`."""
    letters: Sequence[Told] = ()
    """Its letters, open and closed."""
