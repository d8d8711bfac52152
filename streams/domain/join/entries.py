"""The join's memory of one visit: one state entry per row, keyed so that a visit's entries stand together.

Entry key: visit key, role letter, source, table and the row's key columns, joined by the unit separator (0x1f). Entry value: `r`
and a JSON array, or, where the row waits for something, `w`, the 13 digits of its deadline (ms), `-` and the JSON array. Where a
refund line waits for the line that it takes back, the `-` is a `+`; where it waited in vain, the `r` is an `h`. By these
marks the join finds the rows to try again without parsing any. Records that no row backs any more stand beside a visit's rows
(`streams.domain.join.gone`). What waits for a lane of another partition has that and 9,000,000,000,000 for its deadline.

The array begins with its form (`FORM`). Whatever is changed about entries (a member, a letter, a kind of key) takes the next
number: an entry of a later form is refused, because a row that is written back without what was added to it would have lost it.
Form 1 had no number. Earlier forms are read for ever.
"""

from typing import Final, NamedTuple

import orjson

from connector.contract import Mark, Position, TableRole
from streams.domain import keys
from streams.domain.exchanged import Beneath
from streams.domain.join.parts import Part
from streams.domain.records import Row
from streams.domain.roles import REPORTED
from streams.domain.trail import Trail
from streams.errors import Newer

FORM: Final = 8
"""The latest form of entries. 2: the offset of the row's last message. 3: the mark of its last change. 4: the record as which the
row was reported, and entries of records that no row backs any more. 5: the trail of a row that came from another partition. 6: what
stands under a row's key besides it, while a transaction exchanges keys. 7: by which row of another visit its record is claimed;
the trail of a row that went while it waited. 8: whose record a row with a trail was.
"""
WITH_CLAIM: Final = 7
WITH_BENEATH: Final = 6
WITH_TRAIL: Final = 5
WITHOUT_TRAIL: Final = 4
"""The forms of entries without what later forms have; that with a trail is also the form of open leaves."""

SEPARATOR: Final = keys.SEPARATOR.encode()
_SEPARATOR_TEXT: Final = keys.SEPARATOR
_ROLE_LETTER: Final = {one.role: one.prefix.encode() for one in REPORTED}
_ROLES: Final = {one.prefix.encode(): one.role for one in REPORTED}
_DEADLINE_DIGITS: Final = 13
_WITH_OFFSET: Final = 2
_BEFORE_OFFSET: Final = 2
"""The form that added the offset, and how many members stand before it."""
_WITH_MARK: Final = 3
_WAITS_FOR_LOOKUP: Final = b'"lookup '
_MEMBER_LOOKUP: Final = b',"lookup '
_LOOKUP_NOT_TOLD: Final = b',"","lookup '
"""What a row's refusal is, and what it waits for."""
_MOVED: Final = b"w9"
_CONTENT: Final = 4
_HISTORY: Final = 10
_EMITTED_LAST: Final = 11
_REPORTED_AS: Final = 15
"""Where in a row its content begins, where what became of it, where that of its last refusal, and where what it was reported as."""

_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
_REFUND_MARK: Final = ord("+")
_REFUND_IN_VAIN: Final = ord("h")
_REFUND_PLACE: Final = _DEADLINE_DIGITS + 1
_WAITS: Final = ord("w")
_FEE_ROW: Final = _ROLE_LETTER[TableRole.FEE] + SEPARATOR


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

    def __repr__(self) -> str:
        """Without what the row holds: it ends up in errors and logs."""
        return f"StoredRow(table={self.table!r}, position={self.position}, deleted={self.deleted}, waits_for={self.waits_for!r})"

    def reported(self, content_hash: str, record: str) -> "StoredRow":
        """The row after its record was emitted with this content. Built by position, like the next two: that takes a third of the
        time of `_replace`.
        """
        return StoredRow._make((*self[:_HISTORY], content_hash, "", "", 0, 0, record, None, self.beneath, self.claimed))

    def waiting(self, part: str, *, since: int, deadline: int) -> "StoredRow":
        """The row while it waits for a part."""
        return StoredRow._make((*self[:_EMITTED_LAST], "", part, since, deadline, *self[_REPORTED_AS:]))

    def changed(self, columns: Row, *, position: Position | None, committed_at: int, offset: int, mark: Mark | None) -> "StoredRow":
        """The row after a change, with its history kept."""
        return StoredRow._make((*self[:_CONTENT], columns, position, committed_at, offset, mark, False, *self[_HISTORY:]))

    @property
    def is_awaited(self) -> bool:
        """Whether its first record is still to come. What belongs to it must wait until then (rule R24)."""
        return bool(self.waits_for) and not self.refused and (not self.emitted or self.trail is not None)


def key_of(visit_key: bytes, role: TableRole, source: str, table: str, key: tuple[str, ...]) -> bytes:
    """The state key of the row with these parts."""
    return visit_key + SEPARATOR + _ROLE_LETTER[role] + SEPARATOR + _SEPARATOR_TEXT.join((source, table, *key)).encode()


def is_row(key: bytes) -> bool:
    """Whether a state entry is a row's: others are of records that no row backs, or of the partition."""
    after = key.find(SEPARATOR) + 1
    return key[after : after + 1] in _ROLES and key[after + 1 : after + 2] == SEPARATOR


def visit_key_of(key: bytes) -> bytes:
    """The visit key in a state key."""
    return key[: key.index(SEPARATOR)]


def group_of(key: bytes) -> bytes:
    """What a state key has in common with those of the visit's other rows of the same role: visit key and role letter."""
    return key[: key.index(SEPARATOR) + 2]


def group(visit_key: bytes, role: TableRole) -> bytes:
    """What the state keys of a visit's rows of one role have in common."""
    return visit_key + SEPARATOR + _ROLE_LETTER[role]


def role_letter(role: TableRole) -> bytes:
    """How a state key names the role of its row."""
    return _ROLE_LETTER[role]


def groups(visit_key: bytes) -> tuple[bytes, ...]:
    """The groups of a visit's rows of all roles."""
    return tuple(visit_key + SEPARATOR + letter for letter in _ROLES)


def dump(row: StoredRow) -> bytes:
    """The state value of a row."""
    form, *tail = _tail(row)
    document = orjson.dumps(
        [
            form,
            row.position,
            row.committed_at,
            row.offset,
            row.mark and tuple(row.mark),
            row.deleted,
            row.emitted,
            row.refused,
            row.waits_for,
            row.since,
            row.deadline,
            row.columns,
            *tail,
        ]
    )
    if row.waits_for:
        return b"w%013d%c%b" % (row.deadline, b"+" if _AWAITED_LINE in row.waits_for else b"-", document)
    return (b"h" if _AWAITED_LINE in row.refused else b"r") + document


def _tail(row: StoredRow) -> tuple[object, ...]:
    """The form of a row's entry, and what stands in it behind the columns."""
    if row.trail is None and row.beneath is None and not row.claimed:  # as nearly all
        return WITHOUT_TRAIL, row.reported_as
    trail, beneath = row.trail and row.trail.members(), row.beneath and row.beneath.members()
    if row.claimed or (row.trail is not None and row.trail.institution):
        form = FORM if row.trail is not None and row.trail.institution else WITH_CLAIM
        return form, trail, beneath, row.claimed, row.reported_as
    return (WITH_TRAIL, row.reported_as, trail) if beneath is None else (WITH_BENEATH, row.reported_as, trail, beneath)


def load(key: bytes, value: bytes) -> StoredRow:
    """The row in a state entry. Raises Newer where a later version wrote it."""
    _, letter, source, table, *row_key = key.decode().split(_SEPARATOR_TEXT)
    members = orjson.loads(value[_DEADLINE_DIGITS + 2 :] if waits(value) else value[1:])
    form, reported_as, trail, beneath, claimed = members[0], "", None, None, ""
    if form in (WITH_CLAIM, FORM):
        *members, trail, beneath, claimed, reported_as = members
    if form == WITH_BENEATH:
        *members, beneath = members
    if form in (WITH_TRAIL, WITH_BENEATH):
        *members, trail = members
    if form in (WITHOUT_TRAIL, WITH_TRAIL, WITH_BENEATH):
        *members, reported_as = members
    if form in (_WITH_MARK, WITHOUT_TRAIL, WITH_TRAIL, WITH_BENEATH, WITH_CLAIM, FORM):
        _, position, committed_at, offset, known_by, deleted, emitted, refused, waits_for, since, deadline, columns = members
        mark = known_by and Mark(tuple(known_by[0]), known_by[1], known_by[2])
    elif type(form) is int and form > FORM:
        raise Newer(f"a row of {table} in visit.state (form {form}; this version knows {FORM})")
    else:
        members = members[1:] if form == _WITH_OFFSET else [*members[:_BEFORE_OFFSET], None, *members[_BEFORE_OFFSET:]]
        position, committed_at, offset, deleted, emitted, refused, waits_for, since, deadline, columns = members
        mark = _mark_from(position, committed_at, deleted=deleted)
    return StoredRow(
        _ROLES[letter.encode()],
        source,
        table,
        tuple(row_key),
        columns,
        None if position is None else tuple(position),
        committed_at,
        offset,
        mark,
        deleted,
        emitted,
        refused,
        waits_for,
        since,
        deadline,
        reported_as,
        trail and Trail(*trail),
        beneath and Beneath.of(*beneath),
        claimed,
    )


def _mark_from(position: list[int] | None, committed_at: int, *, deleted: bool) -> Mark | None:
    """The mark of a row that an earlier version wrote, so that what capture sends again after the update is recognised.

    Such a version did not say whether the row had been read or changed. A row that was read has the time of its snapshot, and what
    was committed after that is no repetition.
    """
    if position is None:
        return None
    return Mark((*position, 0 if deleted else 1), committed_at * 1000 + 999)


def waits(value: bytes) -> bool:
    """Whether the row in a state value waits for something."""
    return value[:1] == b"w"


def is_moved(value: bytes) -> bool:
    """Whether what is in a state value waits for a lane of another partition, and for nothing else."""
    return value[:2] == _MOVED


def awaits_lookup(value: bytes) -> bool:
    """Whether the row in a state value waits for a row of a lookup, read without parsing it."""
    return value[:1] == b"w" and _MEMBER_LOOKUP in value


def lookup_deadline(value: bytes) -> int:
    """Of a row that waits for a row of a lookup: its deadline (ms), below 0; 0 where a person was told, and time does no more."""
    return -deadline_in(value) if _LOOKUP_NOT_TOLD in value else 0


def deadline_in(value: bytes) -> int:
    """When the wait of the row in a state value ends (ms), read without parsing it."""
    return int(value[1 : 1 + _DEADLINE_DIGITS])


def due_from(value: bytes) -> int:
    """From when on (ms) a tick has something to do for a row that waits, read without parsing the row: its deadline; or 0, always,
    where it waits for a lookup row, which may have come.
    """
    return 0 if _WAITS_FOR_LOOKUP in value else int(value[1 : 1 + _DEADLINE_DIGITS])


def is_held_refund(key: bytes, value: bytes) -> bool:
    """Whether an entry is of a refund line that waits, or waited in vain, for the line that it takes back. Perhaps of another line
    that waits, too: it is asked of every change, and does not parse the row.
    """
    held = value[0] == _REFUND_IN_VAIN or (value[0] == _WAITS and value[_REFUND_PLACE] == _REFUND_MARK)
    return held and key[key.index(SEPARATOR) + 1 :].startswith(_FEE_ROW)
