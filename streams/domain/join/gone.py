"""Records that were reported and that no row backs any more, as the join remembers them beside the rows of their visit.

Entry key: visit key, `x`, role letter and `institution/key` of the record, joined by the unit separator. Entry value: `w`, the
13 digits of the time (ms) from which on a tick has something to do for it, `-` and a JSON array; or, once a person was told, `r`
and the JSON array. It goes when a row backs the record again.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from connector.contract import Position, TableRole
from streams.domain.join.entries import FORM, SEPARATOR, WITH_CLAIM, WITH_INSTITUTION, WITHOUT_TRAIL
from streams.domain.records import SourceRows
from streams.domain.roles import REPORTED
from streams.domain.trail import Trail
from streams.errors import Newer

HELD: Final = 9_999_999_999_999
"""Deadline of what is not told, because it is too much at once."""

_LETTER: Final = b"x"
_ROLE_LETTER: Final = {one.role: one.prefix.encode() for one in REPORTED}
_DIGITS: Final = 13


class Gone(NamedTuple):
    """A record without a row."""

    role: TableRole
    """Of the row that backed it last, as the next three."""
    source: str
    """Debezium's `topic.prefix`."""
    table: str
    """`schema.table`."""
    key: tuple[str, ...]
    """Values of its key columns."""
    position: Position | None
    """Of the change by which it did not back it any more, as the next three."""
    committed_at: int
    """Milliseconds."""
    offset: int | None
    """In `visit.changes`."""
    transaction: str
    """`""` where capture did not say."""
    record: str
    """`institution/key`."""
    emitted: str
    """Content hash of what was emitted last."""
    since: int
    """When it went (ms)."""
    deadline: int
    """From when on a person is told (ms); `HELD`; 0 after a person was told."""
    became: str
    """`institution/key` that its row has now; `""` where the row went."""
    day: str
    """Its business day, `""` where there is none."""
    rows: Mapping[str, Mapping[str, str | None]]
    """What the letter says of it; empty after a person was told."""
    children: str = ""
    """What was reported of the rows that belong to it, as they may be shown."""
    letter: str = ""
    """Content hash of the letter by which a person was told; `""` before."""
    trail: Trail | None = None
    """For which lane its row waited still, when it went; None for none."""

    def __repr__(self) -> str:
        """Without what the rows hold."""
        return f"Gone(table={self.table!r}, since={self.since}, deadline={self.deadline})"

    @property
    def source_rows(self) -> SourceRows:
        """As the record was built from them."""
        return SourceRows(self.rows.get("visit"), self.rows.get("settlement"), self.rows.get("fee"))


def record_of(institution: str, key: str) -> str:
    """What names a record of one service."""
    return f"{institution}/{key}"


def gone_key(visit_key: bytes, role: TableRole, record: str) -> bytes:
    """The state key of a record that went."""
    return b"".join((visit_key, SEPARATOR, _LETTER, SEPARATOR, _ROLE_LETTER[role], SEPARATOR, record.encode()))


def gone_group(visit_key: bytes) -> bytes:
    """A state key of the group in which the records of a visit stand that went."""
    return b"".join((visit_key, SEPARATOR, _LETTER, SEPARATOR))


def is_gone(key: bytes) -> bool:
    """Whether a state key is of a record that went, and not of a row."""
    after = key.index(SEPARATOR) + 1
    return key[after : after + 2] == b"x\x1f"


def dump_gone(gone: Gone) -> bytes:
    """The state value."""
    *members, trail = gone
    form = WITHOUT_TRAIL if trail is None else WITH_INSTITUTION if trail.institution else WITH_CLAIM
    document = orjson.dumps([form, *members, *(() if trail is None else (trail.members(),))])
    return b"w%013d-%b" % (gone.deadline, document) if gone.deadline else b"r" + document


def load_gone(value: bytes) -> Gone:
    """The record in a state value. Raises Newer where a later version wrote it."""
    form, *members = orjson.loads(value[1:] if value[:1] == b"r" else value[_DIGITS + 2 :])
    if form > FORM:
        raise Newer(f"a withdrawn record in visit.state (form {form}; this version knows {FORM})")
    trail = Trail(*members.pop()) if form >= WITH_CLAIM else None
    role, source, table, key, position, *rest = members
    place = None if position is None else tuple(position)
    return Gone(TableRole(role), source, table, tuple(key), place, *rest)._replace(trail=trail)


def deadline_of(value: bytes) -> int:
    """From when on (ms) a tick has something to do for it, read without parsing it; 0 where nothing is to be done."""
    return int(value[1 : 1 + _DIGITS]) if value[:1] == b"w" else 0
