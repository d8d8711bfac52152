"""The join and the deliver lane of one partition, without brokers, for courses of rows that move (`tests/oracle/moves.py`), or that
claim what others claim (`tests/oracle/collisions.py`).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from streams.domain.changes import Incoming
from streams.domain.join.building import JoinLimits
from streams.domain.join.fold import Joiner
from streams.domain.join.moving import NOT_KNOWN, Passed, first_open
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.join.passage import Following
from streams.lanes.join.state import Overlay, State
from streams.lanes.marks import JoinMark, joined_upto, seq_of
from streams.lanes.numbers import taken
from streams.lanes.ports import TopicPartition
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, mappings


@cache
def joiner(limits: JoinLimits) -> Joiner:
    return Joiner(mappings(), limits, zone=mappings()["his"].dialect.zone)


class Patients:
    """The one that there is."""

    def find(self, name: str, key: tuple[str, ...]) -> Any:
        del name
        return PATIENT | {"patient_id": key[0]}


@dataclass(slots=True)
class Lane:
    """The join and the deliver lane of one partition, and what their transactions left."""

    partition: int
    limits: JoinLimits = LIMITS
    changes: list[Incoming] = field(default_factory=list)
    stored: dict[bytes, bytes] = field(default_factory=dict)
    ready: list[Emission] = field(default_factory=list)
    mark: JoinMark = field(default_factory=lambda: JoinMark(seq=1))
    taken: int = 0
    delivered: int = 0
    state: State = field(default_factory=lambda: State(TopicPartition("visit.state", 0)))
    orphans: Orphans = field(default_factory=lambda: Orphans(TopicPartition("visit.orphans", 0), TopicPartition("visit.ready", 0)))
    following: defaultdict[int, Following] = field(default_factory=lambda: defaultdict(Following))
    passed: Passed = NOT_KNOWN
    told: Passed | None = None
    joiner: Joiner | None = None
    letters: list[DeadLetter] = field(default_factory=list)

    def take_over(self) -> None:
        """Another worker begins with what is committed."""
        self.state, self.following = State(TopicPartition("visit.state", 0)), defaultdict(Following)
        self.state.apply(self.stored, position=0)
        self.passed, self.told = NOT_KNOWN, None

    def fold(self) -> list[str]:
        """One transaction of one message; the letters that it led to."""
        if self.taken == len(self.changes):
            return []
        incoming, overlay = self.changes[self.taken], Overlay(self.state)
        folded = (self.joiner or joiner(self.limits)).fold(
            incoming, overlay, Patients(), self.passed._replace(is_news=self.passed is not self.told)
        )
        overlay.apply(folded.state)
        self.ready += (*folded.recalls, *folded.ready)
        self.mark = JoinMark(seq=len(self.ready) + 1, taken=taken(self.mark.taken, [incoming]), left=first_open(overlay))
        self.state.apply(overlay.changed, position=self.taken)
        for key, value in overlay.changed.items():
            self.stored.pop(key, None)
            if value is not None:
                self.stored[key] = value
        self.taken += 1
        self.letters += folded.dead
        if "tick" in folded.counts:
            self.told = self.passed
        return [f"{letter.dead_class.value} {letter.rule} {letter.record_key}" for letter in folded.dead if not letter.closed]

    def look(self, lanes: "list[Lane]") -> None:
        """As `streams.lanes.join.passage` does."""
        news = False
        for partition in self.state.awaited:
            other = lanes[partition]
            text = other.mark.text()
            news |= self.following[partition].saw(joined_upto(text), seq=seq_of(text), delivered=other.delivered + 1)
        if news:
            self.passed = Passed({partition: one.upto for partition, one in self.following.items()})
