"""The lanes of the stages (`tests/oracle/stages.py`), without brokers: what they know, and what their transactions left."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.domain.changes import SERVER, Incoming
from streams.domain.join.fold import LEFT, Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.moving import NOT_KNOWN, Passed, first_open
from streams.domain.join.rebuilding import LATER
from streams.domain.place.ended import ENDED_MS, MOST, Ended
from streams.domain.place.entries import ENDED_FORM, form_of
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING, Going, after
from streams.domain.place.placed import Placed
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter
from streams.domain.series import FROM, NUMBER
from streams.domain.trail import left_at
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.join.overlay import Overlay as Folding
from streams.lanes.join.passage import Following
from streams.lanes.join.state import State
from streams.lanes.marks import DeliverMark, JoinMark, seq_of
from streams.lanes.numbers import taken
from streams.lanes.passed_marks import delivered_in, joined_in, left_of
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from tests.unit.streams.domain.join.join_rig import PATIENT


class Patients:
    """The one that there is."""

    def find(self, name: str, key: tuple[str, ...]) -> Any:
        del name
        return PATIENT | {"patient_id": key[0]}


class PlaceLane:
    """The place lane of one source. placer: what decides. partitions: of `visit.changes`. ended_ms, most: so long, and so many,
    claims that ended are remembered.
    """

    def __init__(self, source: str, placer: Placer, *, partitions: int, ended_ms: int = ENDED_MS, most: int = MOST) -> None:
        self.source = source
        self.placer = placer
        self._numbers = [1] * partitions
        self._ended_ms = ended_ms
        self._most = most
        self._stored: dict[bytes, bytes | None] = {}
        self._begin(NOTHING, begun=False)

    def take_over(self, *, forgets: bool = False) -> None:
        """Another worker begins with what is committed, but in the middle of a transaction that exchanges keys: what comes of that
        stands in docs/exactness.md. forgets: behind one of an early version, which kept no claims that ended.
        """
        if forgets:
            self._stored = {key: value for key, value in self._stored.items() if form_of(key) != ENDED_FORM}
        if not self._going.came:
            self._begin(self._going, begun=True)

    def hear(self, transaction: str, at: int) -> None:
        """A row of no mapped table came, of this transaction, at that time (ms)."""
        self._going = after(self._going, transaction, at)

    def fold(self, incoming: Incoming, *, server: str = "") -> Iterator[Placed]:
        """One transaction of one message: what it leads to, with the headers of a lane. server: which of the source's servers."""
        overlay = Overlay(self._state)
        folded = self.placer.fold(incoming, overlay, source=self.source, server=server, going=self._going)
        overlay.apply(folded.state)
        self._going = folded.going
        changed = overlay.changed | (self._going.ended.take_changes() if self._going.ended is not None else {})
        self._state.apply(changed, position=0)
        self._stored |= changed
        of_server = ((SERVER, server.encode()),) if server else ()
        for one in folded.placed:
            number = self._numbers[one.partition]
            self._numbers[one.partition] += 1
            more = left_at(one.headers, self._numbers) if one.headers else ()
            front = ((FROM, f"{self.source}/b".encode()), (NUMBER, b"%d" % number))
            yield one._replace(headers=(*front, *of_server, *more))

    def _begin(self, going: Going, *, begun: bool) -> None:
        self._state = PlaceState(TopicPartition("place.state", 0))
        self._state.apply(self._stored, position=0)
        self._going = going._replace(ended=Ended.kept(self._state, self._ended_ms, begun=begun, most=self._most))


@dataclass(slots=True)
class Lane:
    """The join and the deliver lane of one partition, and what their transactions left."""

    partition: int
    joiner: Joiner
    changes: list[Incoming] = field(default_factory=list)
    stored: dict[bytes, bytes] = field(default_factory=dict)
    ready: list[Emission] = field(default_factory=list)
    mark: JoinMark = field(default_factory=lambda: JoinMark(seq=1))
    taken: int = 0
    delivered: int = 0
    aside: dict[str, deque[int]] = field(default_factory=dict)
    """By institution that is set aside: the places in `ready` of its records that wait."""
    shut: set[str] = field(default_factory=set)
    """Institutions of which the platform takes nothing."""
    state: State = field(init=False)
    orphans: Orphans = field(default_factory=lambda: Orphans(TopicPartition("visit.orphans", 0), TopicPartition("visit.ready", 0)))
    following: defaultdict[int, Following] = field(default_factory=lambda: defaultdict(Following))
    passed: Passed = NOT_KNOWN
    told: Passed | None = None
    hurries: bool = False
    letters: list[DeadLetter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self._new_state()

    def _new_state(self) -> State:
        """Nothing is at hand, and of each visit only what is asked for is read."""
        return State(TopicPartition("visit.state", 0), index=Index(self.joiner.mappings), at_hand=1_500, few=1)

    def take_over(self) -> None:
        """Another worker begins with what is committed."""
        self.state, self.following = self._new_state(), defaultdict(Following)
        self.state.apply(self.stored, position=0)
        self.passed, self.told = NOT_KNOWN, None

    def fold(self) -> list[str]:
        """One transaction of one message; the letters that it led to."""
        if self.taken == len(self.changes):
            return []
        incoming, overlay = self.changes[self.taken], Folding(self.state)
        passed = self.passed._replace(is_news=self.passed is not self.told)
        folded = self.joiner.fold(incoming, overlay, Patients(), passed)
        overlay.apply(folded.state)
        self.ready += (*folded.recalls, *folded.ready)
        self.mark = JoinMark(seq=len(self.ready) + 1, taken=taken(self.mark.taken, [incoming]), **left_of(first_open(overlay)))
        self.state.apply(overlay.changed, position=self.taken)
        self.state.note(folded.missing)
        for key, value in overlay.changed.items():
            self.stored.pop(key, None)
            if value is not None:
                self.stored[key] = value
        self.taken += 1
        self.letters += folded.dead
        left = bool(folded.counts.get(LEFT))
        if "tick" in folded.counts and not left:
            self.told = self.passed
        self.hurries = left or bool(folded.counts.get(LATER))
        return [f"{letter.dead_class.value} {letter.rule} {letter.record_key}" for letter in folded.dead if not letter.closed]

    def look(self, lanes: "list[Lane]") -> None:
        """As `streams.lanes.join.passage` does."""
        news = False
        for partition in self.state.awaited:
            other = lanes[partition]
            text = other.mark.text()
            delivered = delivered_in(other.delivery.text())
            news |= self.following[partition].saw(joined_in(text), seq=seq_of(text), delivered=delivered)
        if news:
            self.passed = Passed({partition: one.passing for partition, one in self.following.items()})

    @property
    def delivery(self) -> DeliverMark:
        """The mark of its deliver lane."""
        aside = {name: Aside(number=those[0] + 1, offset=those[0], since=0) for name, those in self.aside.items()}
        return DeliverMark(seq=self.delivered + 1, aside=aside)
