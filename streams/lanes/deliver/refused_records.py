"""The open letters of this stage, by record: what the platform refused last, so that its letter is closed when a later version is
accepted, a later letter takes its place, or no row of its visit backs it any more.

They stand in the lane's part of `visit.orphans`, beside parents and waiting records, and change in the transaction that settles.
Nothing depends on them but letters: where an entry was lost, a letter stays open until a person closes it.
"""

from collections.abc import Iterable
from typing import Final

from streams.domain.closings import Closed, ClosedBy, letter_id
from streams.domain.kinship import Identity, identity_of
from streams.domain.records import DeadLetter, ReadyRecord
from streams.domain.replay import is_anew
from streams.domain.violations import DeadClass
from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.deliver.orphan_kin import Changed
from streams.lanes.deliver.settling import Settling
from streams.lanes.ports import Broker, Send, TopicPartition

MOST: Final = 100_000
"""Records of one partition whose letters are known; then the oldest is forgotten, and stays open until a person closes it."""


class RefusedRecords:
    """at: the lane's part of `visit.orphans`."""

    def __init__(self, at: TopicPartition, *, most: int = MOST) -> None:
        self._at = at
        self._most = most
        self._letters: dict[Identity, str] = {}

    def __len__(self) -> int:
        return len(self._letters)

    async def restore(self, broker: Broker) -> None:
        """Read what the transactions of all owners wrote. Call it after the fence."""
        self._letters.clear()
        async for page in broker.read(self._at, await broker.first_offset(self._at)):
            for key, value in page.entries:
                if key is not None and entries.is_letter(key):
                    identity = entries.letter_of(key)
                    self._letters.pop(identity, None)
                    if value is not None:
                        self._letters[identity] = entries.read_letter(value)

    def settle(self, run: Settling, changed: Changed, *, at: int, recalls: Iterable[ReadyRecord]) -> None:
        """Take over what was decided: what that writes, and the letters that it closes, are added to `changed`. at: when (ms)."""
        decisions, dead = run.decisions, run.dead
        if not self._letters and not dead:
            return
        letters = {number: letter for letter in dead if (number := _number(letter)) is not None}
        for decision in decisions:
            for record in decision.records:
                letter = None if decision.accepted else letters.get(record.number)
                by, evidence = (ClosedBy.ACCEPTED, "") if letter is None else (ClosedBy.SUPERSEDED, letter_id(letter))
                self._end(record, changed, at=at, by=by, evidence=evidence)
                if letter is not None:
                    self._remember(record, letter_id(letter), changed)
        for recall in recalls:
            if not is_anew(recall.added):
                self._end(recall, changed, at=at, by=ClosedBy.GONE)

    def _remember(self, record: ReadyRecord, letter: str, changed: Changed) -> None:
        identity = identity_of(record)
        self._letters[identity] = letter
        changed.sends.append(self._send(identity, entries.letter_value(letter)))
        if len(self._letters) > self._most:
            oldest = next(iter(self._letters))
            del self._letters[oldest]
            changed.sends.append(self._send(oldest, None))
            changed.count("letter_forgotten")

    def _end(self, record: ReadyRecord, changed: Changed, *, at: int, by: ClosedBy, evidence: str = "") -> None:
        identity = identity_of(record)
        letter = self._letters.pop(identity, None)
        if letter is None or letter == evidence:
            return
        changed.closed.append(Closed(letter, record.key, at, by, evidence))
        if by is not ClosedBy.SUPERSEDED:
            changed.sends.append(self._send(identity, None))

    def _send(self, identity: Identity, value: bytes | None) -> Send:
        return Send(topic=self._at.topic, key=entries.key_of_letter(identity), value=value)


def _number(letter: DeadLetter) -> int | None:
    """The number of the record that an open letter of a refusal is of."""
    told = letter.dead_class in (DeadClass.REJECTED, DeadClass.OVERSIZE) and not letter.closed
    return int(letter.identity.rpartition("/")[2]) if told else None
