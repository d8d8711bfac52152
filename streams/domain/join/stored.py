"""One row as the join remembers it."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from connector.contract import Mark, Position, TableRole
from streams.domain.exchanged import Beneath
from streams.domain.records import Row
from streams.domain.trail import Trail

_CONTENT: Final = 4
_HISTORY: Final = 10
_EMITTED_LAST: Final = 11
_REPORTED_AS: Final = 15
_BENEATH: Final = 17
"""Where in a row its content begins, where what became of it, where that of its last refusal, where what it was reported as, and
where what stands beneath it."""

Item: TypeAlias = tuple[str, str]
"""Institution, and what of it."""

Arrival: TypeAlias = tuple[int, str, tuple[str, ...]]
"""When the last change of a row came, to sort by."""


class Charge(NamedTuple):
    """What a line charges, or takes back."""

    institution: str
    """FIXMEDINS_CODE."""
    item: str
    """MED_LIST_CODG; `""` where it has none."""
    amount: str
    """Decimal text; below 0 of a refund."""

    def __repr__(self) -> str:
        """Without what is charged."""
        return f"Charge(institution={self.institution!r})"

    @property
    def item_of(self) -> Item:
        """Its institution and item."""
        return self.institution, self.item

    def members(self) -> dict[str, str]:
        """As it stands in an entry: by name, so that what is looked for among a row's members is not found here."""
        return {"I": self.institution, "M": self.item, "A": self.amount}

    @classmethod
    def of(cls, members: Mapping[str, str]) -> "Charge":
        """From what stands in an entry."""
        return cls(members["I"], members["M"], members["A"])


class StoredRow(NamedTuple):
    """One row as the join remembers it. A named tuple, because several are made for every change."""

    role: TableRole
    """What it describes."""
    source: str
    """Debezium's `topic.prefix`."""
    table: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Values of its key columns."""
    columns: Row
    """The captured columns; empty after a delete."""
    position: Position | None
    """Of its last change in the database's log, for people; None where that carried none."""
    committed_at: int
    """Milliseconds of that change's commit."""
    offset: int | None = None
    """In `visit.changes`, of the last change of this row that was folded; None where an entry of form 1 did not say and no
    change came since."""
    mark: Mark | None = None
    """By what changes of the row are recognised that were folded before; None while none came from the log."""
    deleted: bool = False
    """Whether it was deleted."""
    emitted: str = ""
    """Content hash of what was last emitted for it; `""` if nothing was."""
    refused: str = ""
    """Fingerprint of the last refusal, or of what was waited for in vain, that went to the dead letters, so that it does not go
    twice."""
    waits_for: str = ""
    """A Part, or `""`. For a lookup `lookup <name>`, also after it was given up."""
    since: int = 0
    """When it began to wait (ms)."""
    deadline: int = 0
    """When the wait ends (ms); 0 when it does not wait."""
    reported_as: str = ""
    """`institution/key` of the record that was emitted for it last, after it went until that was told; of a row that collides, the
    record that it claims; `""` if none was, or a version emitted it that did not say."""
    trail: Trail | None = None
    """Whose lane may still have an older version of its record; None where none can."""
    beneath: Beneath | None = None
    """What stands under its key besides it; None: nothing, as a rule."""
    claimed: str = ""
    """Table and key, joined by 0x1f, of the row of another visit that claims its record; `""` where none does."""
    letter: str = ""
    """Id of the open letter that tells that it has no record; `""` where there is none. A collision's is not kept here."""
    charge: Charge | None = None
    """What the sums of its visit hold of it; None where they are not kept, or nobody can say what it charges."""

    def __repr__(self) -> str:
        """Without what the row holds: it ends up in errors and logs."""
        return f"StoredRow(table={self.table!r}, position={self.position}, deleted={self.deleted}, waits_for={self.waits_for!r})"

    def reported(self, content_hash: str, record: str) -> "StoredRow":
        """The row after its record was emitted with this content. Built by position, like the next two: that takes a fifth of the
        time of `_replace`.
        """
        tail = content_hash, "", "", 0, 0, record, None, self.beneath, self.claimed, "", self.charge
        return tuple.__new__(StoredRow, self[:_HISTORY] + tail)

    def waiting(self, part: str, *, since: int, deadline: int) -> "StoredRow":
        """The row while it waits for a part."""
        return tuple.__new__(StoredRow, (*self[:_EMITTED_LAST], "", part, since, deadline, *self[_REPORTED_AS:]))

    def changed(self, columns: Row, *, position: Position | None, committed_at: int, offset: int, mark: Mark | None) -> "StoredRow":
        """The row after a change, with its history kept."""
        now = columns, position, committed_at, offset, mark, False
        return tuple.__new__(StoredRow, self[:_CONTENT] + now + self[_HISTORY:])

    @property
    def is_awaited(self) -> bool:
        """Whether its first record is still to come. What belongs to it must wait until then (rule R24)."""
        return bool(self.waits_for) and not self.refused and (not self.emitted or self.trail is not None)


def arrival(row: StoredRow) -> Arrival:
    """Sorts rows in the order in which their last changes came, and rows by key that did not change since an early version, which
    did not note it. Repetitions do not move a row, and neither does reading it again as it is known.
    """
    return -1 if row.offset is None else row.offset, row.table, row.key
