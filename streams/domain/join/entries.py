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

from functools import lru_cache
from typing import Final

import orjson

from connector.contract import Mark, TableRole
from streams.domain import keys
from streams.domain.again import mark_of_earlier
from streams.domain.exchanged import Beneath
from streams.domain.join.parts import Part
from streams.domain.join.stored import Charge, Item, StoredRow
from streams.domain.roles import REPORTED
from streams.domain.trail import Trail
from streams.errors import Newer

FORM: Final = 11
"""The latest form of entries. 2: the offset of the row's last message. 3: the mark of its last change. 4: the record as which the
row was reported, and entries of records that no row backs any more. 5: the trail of a row that came from another partition. 6: what
stands under a row's key besides it, while a transaction exchanges keys. 7: by which row of another visit its record is claimed;
the trail of a row that went while it waited. 8: the letter by which a person was told of the row. 9: what a line charges, as the
sums of its visit hold it, and these sums (`streams.domain.join.ledger`). 10: whose record a row with a trail was. 11: what the
lines of each settlement add up to (`streams.domain.join.tallies`).
"""
WITH_TALLY: Final = 11
WITH_INSTITUTION: Final = 10
WITH_CHARGE: Final = 9
WITH_LETTER: Final = 8
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
_WITH_MARKS: Final = tuple(range(_WITH_MARK, FORM + 1))
_WITH_CHARGES: Final = tuple(range(WITH_CHARGE, FORM + 1))
_ENDS_WITH_RECORD: Final = frozenset({b"[4,", b"[7,", b"[8,", b"[9,", b"[10"})
"""How entries of rows that do not wait begin whose last member is what the row was reported as."""
_WAITS_FOR_LOOKUP: Final = b'"lookup '
_MEMBER_LOOKUP: Final = b',"lookup '
_LOOKUP_NOT_TOLD: Final = b',"","lookup '
"""What a row's refusal is, and what it waits for."""
_MOVED: Final = b"w9"
_AWAITED_LINE: Final = Part.POSITIVE_LINE.value
_REFUND_MARK: Final = ord("+")
_REFUND_IN_VAIN: Final = ord("h")
_REFUND_PLACE: Final = _DEADLINE_DIGITS + 1
_WAITS: Final = ord("w")
_REPORTED_AS: Final = 15
"""Where in a row stands what it was reported as, behind all that every form has."""
_NOTHING_MORE: Final = (None, None, "", "", None)
"""Trail, what stands beneath, claim, letter and charge of a row that has none of them."""
_FEE_ROW: Final = _ROLE_LETTER[TableRole.FEE] + SEPARATOR


def key_of(visit_key: bytes, role: TableRole, source: str, table: str, key: tuple[str, ...]) -> bytes:
    """The state key of the row with these parts."""
    return visit_key + _begin_of(role, source, table) + (key[0] if len(key) == 1 else _SEPARATOR_TEXT.join(key)).encode()


@lru_cache(256)
def _begin_of(role: TableRole, source: str, table: str) -> bytes:
    """What stands in the state keys of a table's rows between the visit's key and the row's."""
    return b"".join((SEPARATOR, _ROLE_LETTER[role], SEPARATOR, source.encode(), SEPARATOR, table.encode(), SEPARATOR))


def is_row(key: bytes) -> bool:
    """Whether a state entry is a row's: others are of records that no row backs, or of the partition."""
    after = key.find(SEPARATOR) + 1
    return key[after : after + 1] in _ROLES and key[after + 1 : after + 2] == SEPARATOR


def source_of(key: bytes) -> str:
    """The source in the state key of a row."""
    return key.split(SEPARATOR, 3)[2].decode()


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
    # By position: by name it takes twice as long, for every change.
    members: list[object] = [WITHOUT_TRAIL, *row[5:8], row.mark and tuple(row.mark), *row[9:_REPORTED_AS], row.columns]
    if row[_REPORTED_AS + 1 :] == _NOTHING_MORE:  # as nearly all
        members.append(row.reported_as)
    else:
        _add_tail(members, row)
    document = orjson.dumps(members)
    if row.waits_for:
        return b"w%013d%c%b" % (row.deadline, b"+" if _AWAITED_LINE in row.waits_for else b"-", document)
    return (b"h" if _AWAITED_LINE in row.refused else b"r") + document


def _add_tail(members: list[object], row: StoredRow) -> None:
    """Put the form of a row's entry, and what stands in it behind the columns, where it has more of it than most."""
    trail, beneath = row.trail and row.trail.members(), row.beneath and row.beneath.members()
    of_one = row.trail is not None and row.trail.institution
    if of_one or row.charge is not None:
        members[0] = WITH_INSTITUTION if of_one else WITH_CHARGE
        members += trail, beneath, row.claimed, row.letter, row.charge and row.charge.members(), row.reported_as
    elif row.letter:
        members[0] = WITH_LETTER
        members += trail, beneath, row.claimed, row.letter, row.reported_as
    elif row.claimed:
        members[0] = WITH_CLAIM
        members += trail, beneath, row.claimed, row.reported_as
    elif beneath is None:
        members[0] = WITH_TRAIL
        members += row.reported_as, trail
    else:
        members[0] = WITH_BENEATH
        members += row.reported_as, trail, beneath


def load(key: bytes, value: bytes) -> StoredRow:
    """The row in a state entry. Raises Newer where a later version wrote it."""
    _, letter, source, table, *row_key = key.decode().split(_SEPARATOR_TEXT)
    members = orjson.loads(value[_DEADLINE_DIGITS + 2 :] if waits(value) else value[1:])
    form, reported_as, trail, beneath, claimed, told, charge = members[0], "", None, None, "", "", None
    if form in _WITH_CHARGES:
        *members, trail, beneath, claimed, told, charge, reported_as = members
    if form == WITH_LETTER:
        *members, trail, beneath, claimed, told, reported_as = members
    if form == WITH_CLAIM:
        *members, trail, beneath, claimed, reported_as = members
    if form == WITH_BENEATH:
        *members, beneath = members
    if form in (WITH_TRAIL, WITH_BENEATH):
        *members, trail = members
    if form in (WITHOUT_TRAIL, WITH_TRAIL, WITH_BENEATH):
        *members, reported_as = members
    if form in _WITH_MARKS:
        _, position, committed_at, offset, known_by, deleted, emitted, refused, waits_for, since, deadline, columns = members
        mark = known_by and Mark(tuple(known_by[0]), known_by[1], known_by[2])
    elif type(form) is int and form > FORM:
        raise Newer(f"a row of {table} in visit.state (form {form}; this version knows {FORM})")
    else:
        members = members[1:] if form == _WITH_OFFSET else [*members[:_BEFORE_OFFSET], None, *members[_BEFORE_OFFSET:]]
        position, committed_at, offset, deleted, emitted, refused, waits_for, since, deadline, columns = members
        mark = mark_of_earlier(position, committed_at, deleted=deleted)
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
        told,
        charge and Charge.of(charge),
    )


def reported_as_in(key: bytes, value: bytes) -> str:
    """As what the row in a state entry was reported, read without parsing it where that can be told from its end. Raises Newer."""
    begin = value.rfind(b'"', 0, -2) + 1
    text = value[begin:-2]
    if value[-2:] == b'"]' and value[1:4] in _ENDS_WITH_RECORD and b"\\" not in value[begin - 2 : -2]:
        return text.decode()
    return load(key, value).reported_as


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


def item_in(value: bytes) -> Item | None:
    """What of which institution the line in a state value charges; None where its entry does not say it."""
    members = orjson.loads(value[value.index(b"[") :])
    charge = members[-2] if members and members[0] in _WITH_CHARGES else None
    return None if charge is None else Charge.of(charge).item_of
