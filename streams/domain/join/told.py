"""What a fold tells a person, and what of that is so no more."""

from dataclasses import replace
from typing import Final

from connector.contract import Position
from streams.domain.changes import Incoming, dotted
from streams.domain.closings import Closed, ClosedBy, letter_id
from streams.domain.join.replaying import BY, RESENT, Entries, Replaying, made_by_itself, made_by_others, touched
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.records import DeadLetter, Header

TOLD: Final = "told"
"""Outcome: a row has a letter."""


class Told:
    """The letters of one fold. A row has at most one open letter of this stage: a later one takes the place of an earlier one."""

    replaying: Replaying | None = None
    """The row that is tried again because a person ordered it."""
    own: bytes | None = None
    """State key of the row whose change this is, until its record went."""
    _position: Position | None = None
    _is_new = False

    def __init__(self, incoming: Incoming, counts: dict[str, int]) -> None:
        self._incoming = incoming
        self._counts = counts
        self.dead: list[DeadLetter] = []
        self.closed: list[Closed] = []
        self._new: dict[str, DeadLetter] = {}

    def tell(self, visit: Visit, row: StoredRow, letter: DeadLetter) -> StoredRow:
        """Tell a person of a row that has no record; the row with that letter."""
        if said := self.added(visit, row):
            letter = replace(letter, original_headers=said)
        self.dead.append(letter)
        self._counts[TOLD] = self._counts.get(TOLD, 0) + 1
        told = letter_id(letter)
        if row.letter != told:
            row = self.close(visit, row, by=ClosedBy.SUPERSEDED, evidence=told)
            self._new[told] = letter
        return row._replace(letter=told)

    def added(self, visit: Visit, row: StoredRow) -> tuple[Header, ...]:
        """What is to be said of a record or letter of a row that is tried again, whatever was told of it; nothing of any other."""
        replaying = self.replaying
        return () if replaying is None or visit.place(row) != replaying.where else replaying.order.headers

    def goes(self, visit: Visit, row: StoredRow, content: str) -> tuple[bool, Entries, tuple[Header, ...]]:
        """Of a row whose record has this content: whether nothing goes, because it is unchanged; the state entry of how it goes;
        and what is said of it. A record that the platform refused goes once more as it is where a person ordered it.
        """
        if content == row.emitted:
            if self.replaying is None or not self.replaying.resends(visit, row):
                return True, (), ()
            self._counts[RESENT] = self._counts.get(RESENT, 0) + 1
            return False, (self.replaying.entry(row),), ()
        if visit.place(row) == self.own:
            self.own = None
            return False, () if self._is_new else made_by_itself(visit, row), ()
        entry, by = made_by_others(visit, row, content, by=dotted(self._position) or f"{self._incoming.offset}")
        return False, entry, ((BY, by.encode()),) if by else ()

    def begin(self, where: bytes, before: StoredRow | None, position: Position | None) -> None:
        """A row changes: its state key, what it was, and the position of that change."""
        self.own, self._is_new = where, before is None
        self._position = position

    def touched(self, visit: Visit, before: StoredRow) -> Entries:
        """The state entry of the row whose change this is, where it handed on nothing. before: the row before it."""
        moved = self.own is not None and visit.current(before).position != before.position
        return touched(visit, before) if moved else ()

    def close(self, visit: Visit, row: StoredRow, *, by: ClosedBy, evidence: str = "") -> StoredRow:
        """Close the letter that a row has, if it has one; the row without it."""
        if not row.letter:
            return row
        if (fresh := self._new.pop(row.letter, None)) is not None:  # told and ended by one message: nobody needs to hear of it
            self.dead.remove(fresh)
            return row._replace(letter="")
        self.closed.append(Closed(row.letter, visit.key, self._incoming.timestamp_ms, by, evidence))
        return row._replace(letter="")
