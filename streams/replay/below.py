"""Which letters wait because of a record above theirs, until that one is mended: the join holds their rows below a parent that it
refused, or the deliver stage their records, in `visit.orphans`, below one that the platform refused. Pure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from streams.deadletter.record import record_key_hash
from streams.domain.join.gathering import parents_of as above_of
from streams.domain.join.parts import Part
from streams.domain.join.remembered import Recall
from streams.domain.join.visit import Visit
from streams.domain.kinship import Identity, identity_of, parents_of
from streams.domain.normalise.record import CompiledMapping
from streams.domain.ready import closes
from streams.domain.records import ReadyRecord
from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.replay.trial import rows_of
from streams.spec.fields import ServiceCode

_PARENTS: Final = frozenset({ServiceCode.VISIT, ServiceCode.SETTLEMENT})
_HELD: Final = Part.PARENT_REFUSED.value


class Entry(NamedTuple):
    """One message of `visit.orphans`; of a key the last one counts."""

    partition: int
    key: bytes
    value: bytes | None

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"Entry(partition={self.partition})"


class Parent(NamedTuple):
    """A record that was refused, by the join or by the platform, or that is not posted."""

    service: str
    """Code of its service."""
    letter: str
    """Id of its open letter; `""` where it has none: it was made anew, and its new version is to come."""


class Below:
    """What waits below refused parents. hashes: by letter, what stands for the key of its record (`""` where it knows of none)."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._letters = set(hashes)
        self._of_record: dict[str, set[str]] = {}
        for letter, record in hashes.items():
            if record:
                self._of_record.setdefault(record, set()).add(letter)
        self._refused: dict[tuple[int, bytes], Identity] = {}
        self._waiting: dict[tuple[int, bytes], tuple[frozenset[str], Identity, tuple[Identity, ...]]] = {}
        self._open: dict[Identity, str] = {}

    def take(self, entry: Entry, ready: str) -> None:
        """The next message. ready: name of the topic that waiting records came from. Raises Newer."""
        partition, key, value = entry
        if entries.is_letter(key):
            self._open[entries.letter_of(key)] = entries.read_letter(value) if value is not None else ""
        elif entries.is_waiting(key):
            self._waiting.pop((partition, key), None)
            if value is not None:
                self._wait(partition, key, entries.read_waiting(value, TopicPartition(ready, partition)))
        elif value is None:
            self._refused.pop((partition, key), None)
        else:
            self._refused[partition, key] = entries.read_refused(key, value)[0]

    def _wait(self, partition: int, key: bytes, record: ReadyRecord) -> None:
        mine = self._of_record.get(record_key_hash(record.service.value, record.record_key), set())
        letters = frozenset([*mine, *({closes(record.added)} & self._letters)])
        if letters or record.service in _PARENTS:
            self._waiting[partition, key] = letters, identity_of(record), parents_of(record)

    def parents(self) -> dict[str, list[Parent]]:
        """By letter: the refused records that its own waits for."""
        above = {(partition, identity): parents for (partition, _), (_, identity, parents) in self._waiting.items()}
        refused = {(partition, identity) for (partition, _), identity in self._refused.items()}

        def roots(partition: int, parents: Iterable[Identity]) -> Iterator[Identity]:
            """Those of the parents that were refused; of one that waits itself, what it waits for: a visit waits for nothing."""
            for one in parents:
                if (partition, one) in refused:
                    yield one
                else:
                    yield from roots(partition, above.get((partition, one), ()))

        found: dict[str, list[Parent]] = {}
        for (partition, _), (letters, _, parents) in self._waiting.items():
            for letter in letters:
                named = dict.fromkeys(roots(partition, parents))
                found[letter] = [Parent(one.service.value, self._open.get(one, "")) for one in named]
        return found


def held_by_the_join(
    letters: Collection[str], entries_of: Mapping[bytes, bytes], mappings: Mapping[str, CompiledMapping]
) -> dict[str, list[Parent]]:
    """By letter of the join whose row is held: the refused rows above it. entries_of: the join's state of their visits. mappings:
    of the site, by source.
    """
    state = State(TopicPartition("visit.state", 0))
    state.apply(entries_of, position=None)
    view, found = Overlay(state), dict[str, list[Parent]]()
    for visit_key, rows in rows_of(entries_of).items():
        for row in rows:
            if row.letter in letters and row.waits_for == _HELD and row.source in mappings:
                visit = Visit(visit_key.encode(), mappings[row.source], view, Recall())
                above = [one for one in above_of(visit, row) if one.refused]
                found[row.letter] = [Parent(visit.mapping.services_of(one.role).value, one.letter) for one in above]
    return found
