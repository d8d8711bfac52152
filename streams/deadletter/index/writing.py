"""Messages of the topic into the index: what each does to its letter, the counts of its group and the history."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from streams.deadletter.causes import searchable, words_of
from streams.deadletter.index.entry import Entries, Entry, Group, text_id
from streams.deadletter.index.texts import END
from streams.deadletter.record import Message

HOUR_MS: Final = 3_600_000
_MOST_REMEMBERED: Final = 50_000
_GRP, _FIRST, _LAST, _CLOSED = (1, 7, 8, 13)
"""Where these stand in a row."""

_NEW_GROUP: Final = f"INSERT INTO groups VALUES ({', '.join('?' * 16)}, 0, 0)"


class Row(NamedTuple):
    """A row of `letters`, without its number."""

    id: bytes
    """16 bytes."""
    grp: int
    """Number of its group."""
    reason: int
    """Number of its reason."""
    record_hash: bytes
    """Equal for equal records."""
    record_key: str
    """As far as it may be shown, as the next two."""
    row_key: str
    """Key of the row."""
    visit_key: str
    """Key of the visit."""
    first: int
    """First failure (ms)."""
    last: int
    """Last failure (ms)."""
    partition: int
    """Where its latest message that tells of it stands."""
    offset: int
    """Where that stands."""
    form: int
    """Of that message."""
    rest: str
    """What is only shown."""
    closed: int
    """When it was closed (ms); 0 while it is open."""
    said_at: int
    """Of the message that decided so (ms)."""
    said_in: int
    """Partition of that message."""
    said: str
    """JSON, where several partitions told of it: by partition the time and closing of what each said last."""
    told: int
    """1 where a message told of a failure, 0 where all are closings."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Row(partition={self.partition}, offset={self.offset}, closed={self.closed})"


_INSERT: Final = f"INSERT INTO letters ({', '.join(Row._fields)}) VALUES ({', '.join('?' * len(Row._fields))})"
_UPDATE: Final = f"UPDATE letters SET {', '.join(f'{name} = ?' for name in Row._fields)} WHERE number = ?"


@dataclass(slots=True)
class _Changes:
    """What some messages change, until it is written."""

    rows: dict[bytes, tuple[Row, int | None, Row | None]] = field(default_factory=dict, repr=False)
    """By id: the letter as it is now, the number of its row, and as it was; None and None where it is new."""
    reasons: list[tuple[int, str, str]] = field(default_factory=list, repr=False)
    """New ones, or some that were not remembered: number, text, and that as far as it may be searched."""
    groups: list[tuple[object, ...]] = field(default_factory=list)
    """New ones."""
    history: list[tuple[object, ...]] = field(default_factory=list, repr=False)
    """What happened to letters that were told before."""


class Writing:
    """Writes into an open index. One at a time does, in whose transaction the caller is."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index
        self._entries = Entries()
        found = index.execute(f"SELECT id, words, {', '.join(Group._fields)} FROM groups")
        self._groups = {(Group(*row[2:]), row[1]): int(row[0]) for row in found}
        self._reasons: dict[str, tuple[int, str]] = {}
        self.foreign = 0
        """Messages that are no letters of ours, so far."""

    def take(self, messages: Sequence[Message]) -> None:
        """Write what these messages say, in their order."""
        self.put(self.entries(messages))

    def entries(self, messages: Sequence[Message]) -> list[Entry]:
        """What these messages say. Those that are no letters of ours are counted."""
        entries = [entry for message in messages if (entry := self._entries.entry(message)) is not None]
        self.foreign += len(messages) - len(entries)
        return entries

    def put(self, entries: Sequence[Entry]) -> None:
        """Write these, in their order."""
        changes = _Changes(rows=self._there(entry.id for entry in entries))
        for entry in entries:
            self._take(entry, changes)
        changed = [one for one in changes.rows.values() if one[0] != one[2]]
        self._write(changes, [row for row, number, _ in changed if number is None])
        self._index.executemany(_UPDATE, [(*row, number) for row, number, _ in changed if number is not None])
        self._count(changed)

    def put_new(self, entries: Sequence[Entry]) -> None:
        """The same of letters that the index does not have, one entry of each. Where a topic is read for the first time these are
        nearly all: no object is made of a row, and what is counted is counted of many at once.
        """
        changes = _Changes(history=[_event(entry) for entry in entries if entry.closed])
        rows = [self._values(entry, changes) for entry in entries]
        self._write(changes, rows)
        hours = Counter([(row[_GRP], row[_FIRST] // HOUR_MS, "told") for row in rows])
        hours += Counter([(row[_GRP], row[_LAST] // HOUR_MS, "closed" if row[_CLOSED] else "open") for row in rows])
        groups: Counter[tuple[int, bool]] = Counter()
        for (grp, _, what), number in hours.items():
            if what != "told":
                groups[grp, what == "closed"] += number
        self._add(groups, hours)

    def forget(self, begins: Mapping[int, int]) -> None:
        """Drop the letters whose messages the topic holds no more."""
        for partition, begin in begins.items():
            self._index.execute("DELETE FROM letters WHERE partition = ? AND offset < ?", (partition, begin))
        self._index.execute("DELETE FROM history WHERE id NOT IN (SELECT id FROM letters)")
        for column, means in (("open", "closed = 0"), ("closed", "closed > 0")):
            counted = f"SELECT count(*) FROM letters WHERE grp = groups.id AND {means}"
            self._index.execute(f"UPDATE groups SET {column} = ({counted})")
        self._index.execute("DELETE FROM hours")
        self._index.execute(_COUNT_HOURS)

    def _there(self, ids: Iterable[bytes]) -> dict[bytes, tuple[Row, int | None, Row | None]]:
        wanted = list(dict.fromkeys(ids))
        marks = ", ".join("?" * len(wanted))
        found = self._index.execute(f"SELECT * FROM letters WHERE id IN ({marks})", wanted)
        return {row[1]: (before := Row(*row[1:]), int(row[0]), before) for row in found}

    def _take(self, entry: Entry, changes: _Changes) -> None:
        there = changes.rows.get(entry.id)
        if there is None:
            if entry.group.dead_class:  # what closes a letter that the topic holds no more closes nothing
                changes.rows[entry.id] = self._row(entry, changes), None, None
                if entry.closed:
                    changes.history.append(_event(entry))
            return
        row, number, before = there
        changes.history.append(_event(entry))
        now = _said(entry, row)
        if not entry.closed and (now.said_in == entry.partition or not row.told):
            fresh = self._row(entry, changes)
            now = fresh._replace(**{name: getattr(now, name) for name in ("first", "last", "closed", *_SAID)})
        changes.rows[entry.id] = now, number, before

    def _row(self, entry: Entry, changes: _Changes) -> Row:
        return Row._make(self._values(entry, changes))

    def _values(self, entry: Entry, changes: _Changes) -> tuple[Any, ...]:
        """A row, as `Row` has it."""
        identity, partition, offset, at, first, group, text, *keys, record_hash, form, rest, closed, _, _ = entry
        reason, words = self._reasons.get(text) or self._reason(text, changes)
        number = self._groups.get((group, words)) or self._group(group, words, changes)
        place = first, at, partition, offset, form, rest
        said = ((at or 1), at, partition, "", 0) if closed else (0, at, partition, "", 1)
        return (identity, number, reason, record_hash, *keys, *place, *said)

    def _group(self, group: Group, words: str, changes: _Changes) -> int:
        """The number of a group that is new."""
        number = self._groups[group, words] = len(self._groups) + 1
        changes.groups.append((number, *group, words))
        return number

    def _reason(self, text: str, changes: _Changes) -> tuple[int, str]:
        """The number and the words of a reason that is not remembered."""
        if len(self._reasons) > _MOST_REMEMBERED:
            self._reasons.clear()
        number, plain = text_id(text), searchable(text)
        found = self._reasons[text] = number, words_of(plain)
        changes.reasons.append((number, text, plain + END))
        return found

    def _write(self, changes: _Changes, rows: Sequence[Sequence[object]]) -> None:
        """Write what is new, these rows among it."""
        run = self._index.executemany
        run(_NEW_GROUP, changes.groups)
        run("INSERT OR IGNORE INTO reasons VALUES (?, ?, ?)", changes.reasons)
        run(_INSERT, rows)
        run("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)", changes.history)

    def _count(self, changed: Iterable[tuple[Row, int | None, Row | None]]) -> None:
        """Keep the counts of groups and hours."""
        groups: Counter[tuple[int, bool]] = Counter()
        hours: Counter[tuple[int, int, str]] = Counter()
        for row, _, before in changed:
            groups[row.grp, row.closed > 0] += 1
            hours[row.grp, row.last // HOUR_MS, "closed" if row.closed else "open"] += 1
            hours[row.grp, row.first // HOUR_MS, "told"] += 1
            if before is not None:
                groups[before.grp, before.closed > 0] -= 1
                hours[before.grp, before.last // HOUR_MS, "closed" if before.closed else "open"] -= 1
                hours[before.grp, before.first // HOUR_MS, "told"] -= 1
        self._add(groups, hours)

    def _add(self, groups: Mapping[tuple[int, bool], int], hours: Mapping[tuple[int, int, str], int]) -> None:
        """Add to what is counted, by group and whether closed, and by group, hour and column."""
        for closed, column in ((False, "open"), (True, "closed")):
            more = [(number, grp) for (grp, was), number in groups.items() if was is closed]
            self._index.executemany(f"UPDATE groups SET {column} = {column} + ? WHERE id = ?", more)
        for column in ("told", "open", "closed"):
            more_hours = [(grp, hour, number) for (grp, hour, what), number in hours.items() if what == column]
            self._index.executemany(_HOUR[column], more_hours)


_HOUR: Final = {
    column: f"INSERT INTO hours VALUES (?, ?, {', '.join('?' if one == column else '0' for one in ('told', 'open', 'closed'))}) "
    f"ON CONFLICT DO UPDATE SET {column} = {column} + excluded.{column}"
    for column in ("told", "open", "closed")
}
_COUNT_HOURS: Final = f"""
INSERT INTO hours
SELECT grp, hour, sum(told), sum(open), sum(closed) FROM (
    SELECT grp, first / {HOUR_MS} AS hour, 1 AS told, 0 AS open, 0 AS closed FROM letters
    UNION ALL SELECT grp, last / {HOUR_MS}, 0, closed = 0, closed > 0 FROM letters)
GROUP BY grp, hour
"""


_SAID: Final = ("said_at", "said_in", "said", "told")


def _said(entry: Entry, row: Row) -> Row:
    """The letter after a message: when it failed, and whether it is open. In one partition what came last counts. A row that moves
    may fail in two of them: then the later time counts, and of two messages of the same time the one that tells of a failure.
    """
    said = {int(at): (when, closed) for at, (when, closed) in orjson.loads(row.said).items()} if row.said else {}
    said = said or {row.said_in: (row.said_at, row.closed)}
    when, _ = said.get(entry.partition, (0, 0))
    said[entry.partition] = (max(when, entry.at), (entry.at or 1) if entry.closed else 0)
    last = max(said, key=lambda at: (said[at][0], not said[at][1], at))
    when, closed = said[last]
    kept = orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS).decode() if len(said) > 1 else ""
    return _failed(entry, row)._replace(said_at=when, said_in=last, said=kept, closed=closed)


def _failed(entry: Entry, row: Row) -> Row:
    """The letter with the times of its failures. A closing says nothing of them, unless nothing else was said."""
    told = 0 if entry.closed else 1
    if told < row.told:
        return row
    if told > row.told:
        return row._replace(first=entry.first, last=entry.at, told=told)
    return row._replace(first=min(row.first, entry.first), last=max(row.last, entry.at))


def _event(entry: Entry) -> tuple[object, ...]:
    return entry.id, entry.partition, entry.offset, entry.at, entry.closed, entry.by, entry.message, entry.evidence
