"""Where in `visit.state` the join's entries of rows stand, by visit, row and record, and which of them wait: an index that follows
the topic, which is compacted. Of what a row holds nothing is in it but, while it waits, its institution; and of a settlement by how
much its lines add up to something else than it says.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import SEPARATOR, is_row, load, reported_as_in, visit_key_of, waits
from streams.domain.join.gone import is_gone, load_gone
from streams.domain.join.tallies import is_tally, told_in
from streams.domain.join.tallies import load as load_tally
from streams.domain.records import Row
from streams.explain.names import identity_of, name_of
from streams.explain.places import Place
from streams.explain.waits import WITHDRAWAL, end_of
from streams.indexes.shape import Shape
from streams.topics.batches import Sought

GONE: Final = "x"
"""Role of such a record's entry; those of rows have the letters of their keys."""

DIFFERS: Final = "u"
"""Role of the sums of a settlement whose lines add up to something else than it says (rule R2)."""

_FORM: Final = 4
_BEFORE_ROW: Final = 4
"""Members of an entry's key before those of the row's."""
_TOLD_BY: Final = "institutions told by"
"""Name in `meta` under which stands what told the institutions of rows."""
_TRACES_MS: Final = 20 * 3_600_000
"""Brokers keep what tells that a key went for 24 hours, unless set otherwise (delete.retention.ms)."""
_TABLES: Final = """
CREATE TABLE entries (
    key BLOB PRIMARY KEY, visit INTEGER NOT NULL, row INTEGER NOT NULL, record INTEGER NOT NULL, role TEXT NOT NULL,
    source TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    part TEXT NOT NULL, since INTEGER NOT NULL, deadline INTEGER NOT NULL, told INTEGER NOT NULL,
    institution TEXT NOT NULL, off INTEGER NOT NULL) WITHOUT ROWID;
"""
_INDEXES: Final = """
CREATE INDEX entries_by_visit ON entries (visit, role);
CREATE INDEX entries_by_row ON entries (row);
CREATE INDEX entries_by_record ON entries (record);
CREATE INDEX entries_that_differ ON entries (abs(off), key, source) WHERE role = 'u';
CREATE INDEX entries_that_wait ON entries (since, part, source, institution) WHERE part <> '';
"""
_PUT: Final = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Institutions(NamedTuple):
    """What tells the institution of a row."""

    of: Callable[[str, TableRole, Row], str]
    """Of a source's row of a role with these columns: FIXMEDINS_CODE, `""` where nobody registered it."""
    told_by: str
    """Another word where that would tell others: an index that was written by another one is made anew."""

    def __repr__(self) -> str:
        """Without what a function was made from."""
        return f"Institutions(told_by={self.told_by!r})"


class Entry(NamedTuple):
    """One entry of the join's state, as the index has it. Times are milliseconds since the epoch."""

    key: bytes
    """What its key becomes."""
    visit: int
    """Name of its visit."""
    row: int
    """Name of the row's key, its columns joined by `/`."""
    record: int
    """Name of the key of the record as which it was reported; 0 of one that never was."""
    role: str
    """`v`, `s` or `f` of a row, `x` of a record that no row backs, `u` of a settlement whose lines do not add up."""
    source: str
    """Of the row."""
    partition: int
    """Where its message stands."""
    offset: int
    """Where its message stands."""
    part: str
    """What it waits for (`Part`, `lookup <name>`, `withdrawal`); `""` where it does not wait."""
    since: int
    """When it began to wait."""
    deadline: int
    """When it is given up; 0 where no time ends it."""
    told: int
    """1 where a person was told, and it waits on."""
    institution: str
    """FIXMEDINS_CODE of what waits; `""` where it does not, or nobody registered it."""
    off: int = 0
    """By how many cents the lines of a settlement add up to more than it says, or (below 0) to less."""

    def __repr__(self) -> str:
        """Without what keys become."""
        return f"Entry(role={self.role!r}, partition={self.partition}, offset={self.offset}, part={self.part!r})"

    @property
    def place(self) -> Place:
        """Where its message stands."""
        return Place(self.partition, self.offset)


class _Writing:
    def __init__(self, index: sqlite3.Connection, institutions: Institutions) -> None:
        self._index, self._institutions = index, institutions
        self.foreign = 0

    def take(self, messages: Sequence[Any]) -> None:
        """Write what these messages say: of each key the last one counts."""
        institutions, latest = self._institutions, {one.key: one for one in messages if one.key is not None}
        gone, there = [], []
        for key, message in latest.items():
            if message.value is None or (is_tally(key) and not told_in(key, message.value)):
                gone.append((identity_of(key),))
            elif (entry := entry_of(key, message.value, message.partition, message.offset, institutions)) is not None:
                there.append(entry)
        there.sort()
        self._index.executemany("DELETE FROM entries WHERE key = ?", gone)
        self._index.executemany(_PUT, there)

    def forget(self, begins: Mapping[int, int]) -> None:
        """Drop what the topic holds no more."""
        for partition, begin in begins.items():
            self._index.execute("DELETE FROM entries WHERE partition = ? AND offset < ?", (partition, begin))

    def finish(self) -> None:
        """Note who told the institutions."""
        self._index.execute("INSERT INTO meta VALUES (?, ?)", (_TOLD_BY, self._institutions.told_by))


def state_shape(institutions: Institutions) -> Shape:
    """The index of `visit.state`."""

    def writing(index: sqlite3.Connection) -> _Writing:
        return _Writing(index, institutions)

    def objection(index: sqlite3.Connection) -> str:
        told_by = index.execute("SELECT value FROM meta WHERE name = ?", (_TOLD_BY,)).fetchone()
        return "" if told_by == (institutions.told_by,) else "the site tells institutions otherwise than before"

    return Shape(
        form=_FORM,
        tables=_TABLES,
        indexes=_INDEXES,
        writing=writing,
        filling=writing,
        objection=objection,
        longest_pause_ms=_TRACES_MS,
    )


def entry_of(key: bytes, value: bytes, partition: int, offset: int, institutions: Institutions) -> Entry | None:
    """What the index keeps of a message of `visit.state`; None of what is neither a row nor a record. Raises Newer where a later
    version wrote it.
    """
    if not is_row(key):
        return _of_no_row(key, value, partition, offset)
    part, since, deadline, told, institution = _wait(key, value, institutions)
    visit, role, source, _, *row = key.split(SEPARATOR)
    record = reported_as_in(key, value).partition("/")[2]
    return Entry(
        identity_of(key),
        name_of(visit),
        name_of(b"/".join(row)),
        name_of(record.encode()) if record else 0,
        role.decode(),
        source.decode(),
        partition,
        offset,
        part,
        since,
        deadline,
        told,
        institution,
    )


def _wait(key: bytes, value: bytes, institutions: Institutions) -> tuple[str, int, int, int, str]:
    """What a row waits for, since when, until when, whether a person was told, and its institution."""
    if not waits(value):
        return "", 0, 0, 0, ""
    row = load(key, value)
    institution = row.reported_as.partition("/")[0] or institutions.of(row.source, row.role, row.columns)
    return row.waits_for, row.since, end_of(row.since, row.deadline), int(bool(row.refused)), institution


def _of_no_row(key: bytes, value: bytes, partition: int, offset: int) -> Entry | None:
    if not visit_key_of(key):
        return None
    if told_in(key, value):
        visit, _, source, *_ = key.split(SEPARATOR)
        about = identity_of(key), name_of(visit), 0, 0, DIFFERS, source.decode(), partition, offset
        return Entry(*about, "", 0, 0, 1, "", load_tally(value or b"").off_cents)
    return _of_gone(key, value, partition, offset) if is_gone(key) else None


def _of_gone(key: bytes, value: bytes, partition: int, offset: int) -> Entry:
    gone = load_gone(value)
    waits = bool(gone.deadline)
    return Entry(
        identity_of(key),
        name_of(visit_key_of(key)),
        name_of("/".join(gone.key).encode()),
        name_of(gone.record.partition("/")[2].encode()),
        GONE,
        gone.source,
        partition,
        offset,
        WITHDRAWAL if waits else "",
        gone.since if waits else 0,
        end_of(gone.since, gone.deadline),
        0,
        gone.record.partition("/")[0] if waits else "",
    )


def of_visit(index: sqlite3.Connection, visit_key: bytes) -> list[Entry]:
    """The entries of a visit."""
    return _entries(
        index.execute("SELECT * FROM entries WHERE visit = ? AND role <> 'u' ORDER BY partition, offset", (name_of(visit_key),))
    )


def differing(index: sqlite3.Connection) -> dict[str, int]:
    """How many settlements have lines that add up to something else than they say (rule R2), by source."""
    query = "SELECT source, count(*) FROM entries WHERE role = 'u' GROUP BY source ORDER BY source"
    return dict(index.execute(query).fetchall())


def sums_of_visit(index: sqlite3.Connection, visit_key: bytes) -> list[Place]:
    """Where the sums of a visit's settlements stand that have lines that add up to something else than they say (rule R2)."""
    query = "SELECT partition, offset FROM entries WHERE visit = ? AND role = 'u' ORDER BY partition, offset"
    return [Place(*one) for one in index.execute(query, (name_of(visit_key),))]


def called(index: sqlite3.Connection, key: str) -> list[Entry]:
    """The entries of rows and records with this number."""
    query = "SELECT * FROM entries WHERE row = ? UNION SELECT * FROM entries WHERE record = ?"
    return sorted(_entries(index.execute(query, (name_of(key.encode()),) * 2)), key=lambda one: one.place)


def sought_of_visit(visit_key: bytes) -> Sought:
    """Finds in `visit.state` what `of_visit` is asked of."""
    begin = visit_key + SEPARATOR
    return Sought([begin], lambda message: message.key is not None and message.key.startswith(begin))


def sought_called(key: str) -> Sought:
    """Finds in `visit.state` what `called` is asked of: a row's key stands in the entry's, and what it was reported as in its
    value, until that changes or goes.
    """
    longest = max(key.split("/"), key=len)  # the columns of a key stand apart
    parts = longest.encode(), orjson.dumps(longest)[1:-1]
    return Sought(parts, lambda message: _is_called(message, key), lambda index: [one.place for one in called(index, key)])


def _is_called(message: Any, key: str) -> bool:
    if message.key is None or not message.value:
        return message.key is not None and _row_of(message.key) == key.encode()
    if is_row(message.key):
        return _row_of(message.key) == key.encode() or reported_as_in(message.key, message.value).partition("/")[2] == key
    if not visit_key_of(message.key) or not is_gone(message.key):
        return False
    gone = load_gone(message.value)
    return key in ("/".join(gone.key), gone.record.partition("/")[2])


def _row_of(key: bytes) -> bytes:
    return b"/".join(key.split(SEPARATOR)[_BEFORE_ROW:])


def _entries(rows: Iterable[Sequence[Any]]) -> list[Entry]:
    return [Entry(*row) for row in rows]
