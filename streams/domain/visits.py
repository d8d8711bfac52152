"""The join's memory of one visit: one state entry per row, keyed so that a visit's entries stand together.

Entry key: visit key, role letter, source, table and the row's key columns, joined by the unit separator (0x1f). Entry value: `r`
and a JSON array, or, where the row waits for something, `w`, the 13 digits of its deadline (ms), `-` and the JSON array; so that
waiting rows and the due ones among them are found without parsing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from connector.contract import Position, TableRole
from streams.domain.records import Row

SEPARATOR: Final = b"\x1f"
_ROLE_LETTER: Final = {TableRole.VISIT: b"v", TableRole.SETTLEMENT: b"s", TableRole.FEE: b"f"}
_DEADLINE_DIGITS: Final = 13


class Part(StrEnum):
    """What a row can wait for. UNREPORTED: the visit or settlement is there, but its own record still waits."""

    VISIT = "visit"
    SETTLEMENT = "settlement"
    UNSETTLED = "unsettled"
    UNREPORTED = "unreported"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """One row as the join remembers it.

    columns: the captured columns (empty after a delete). emitted: content hash of what was last emitted for it, `""` if nothing
    was. refused: fingerprint of the last refusal, or of what was waited for in vain, that went to the dead letters, so that it does
    not go twice. waits_for: `""` or a Part (of a lookup: `lookup <name>`, also after it was given up); since: ms, when it
    began to wait; deadline: ms, 0 when it does not wait.
    """

    role: TableRole
    source: str
    table: str
    key: tuple[str, ...]
    columns: Row
    position: Position | None
    committed_at: int
    deleted: bool = False
    emitted: str = ""
    refused: str = ""
    waits_for: str = ""
    since: int = 0
    deadline: int = 0

    @property
    def is_awaited(self) -> bool:
        """Whether its first record is still to come, so that what belongs to it must not go before it (rule R24)."""
        return bool(self.waits_for) and not self.emitted and not self.refused


def entry_key(visit_key: bytes, row: StoredRow) -> bytes:
    """The state key of a row."""
    return key_of(visit_key, row.role, row.source, row.table, row.key)


def key_of(visit_key: bytes, role: TableRole, source: str, table: str, key: tuple[str, ...]) -> bytes:
    """The state key of the row with these parts."""
    return SEPARATOR.join((visit_key, _ROLE_LETTER[role], source.encode(), table.encode(), *(part.encode() for part in key)))


def prefix_of(visit_key: bytes, role: TableRole) -> bytes:
    """What the state keys of a visit's rows of one role begin with."""
    return SEPARATOR.join((visit_key, _ROLE_LETTER[role], b""))


def visit_key_of(key: bytes) -> bytes:
    """The visit key in a state key."""
    return key.partition(SEPARATOR)[0]


def dump(row: StoredRow) -> bytes:
    """The state value of a row."""
    document = orjson.dumps(
        [
            row.position,
            row.committed_at,
            row.deleted,
            row.emitted,
            row.refused,
            row.waits_for,
            row.since,
            row.deadline,
            dict(row.columns),
        ]
    )
    return b"w%013d-%b" % (row.deadline, document) if row.waits_for else b"r" + document


def load(key: bytes, value: bytes) -> StoredRow:
    """The row in a state entry."""
    _, letter, source, table, *row_key = key.split(SEPARATOR)
    document = value[1:] if value[:1] == b"r" else value[_DEADLINE_DIGITS + 2 :]
    position, committed_at, deleted, emitted, refused, waits_for, since, deadline, columns = orjson.loads(document)
    return StoredRow(
        role=next(role for role, known in _ROLE_LETTER.items() if known == letter),
        source=source.decode(),
        table=table.decode(),
        key=tuple(part.decode() for part in row_key),
        columns=columns,
        position=None if position is None else tuple(position),
        committed_at=committed_at,
        deleted=deleted,
        emitted=emitted,
        refused=refused,
        waits_for=waits_for,
        since=since,
        deadline=deadline,
    )


def waits(value: bytes) -> bool:
    """Whether the row in a state value waits for something."""
    return value[:1] == b"w"


def deadline_of(value: bytes) -> int:
    """The deadline (ms) of a waiting row, without parsing it."""
    return int(value[1 : 1 + _DEADLINE_DIGITS])


def rows_of(entries: Mapping[bytes, bytes], visit_key: bytes, role: TableRole) -> list[StoredRow]:
    """A visit's rows of one role that were not deleted, in the order in which they were captured."""
    prefix = prefix_of(visit_key, role)
    rows = [load(key, value) for key, value in entries.items() if key.startswith(prefix)]
    return sorted((row for row in rows if not row.deleted), key=lambda row: (row.position or (), row.key))
