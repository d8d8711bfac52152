"""Messages of the topic into the index: what each does to its letter, the counts of its group and the history."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.deadletter.causes import searchable
from streams.deadletter.index.entry import Entries, Entry, Group, text_id
from streams.deadletter.record import Message

HOUR_MS: Final = 3_600_000
_MOST_REMEMBERED: Final = 50_000

_INSERT: Final = f"INSERT INTO letters VALUES ({', '.join('?' * 20)})"
_NEW_GROUP: Final = f"INSERT INTO groups VALUES ({', '.join('?' * 13)}, 0, 0)"


class Row(NamedTuple):
    """A row of `letters`, without its number."""

    id: bytes
    grp: int
    reason: int
    record_hash: bytes
    record_key: str
    row_key: str
    visit_key: str
    attempts: int
    replays: int
    first: int
    last: int
    partition: int
    offset: int
    form: int
    rest: str
    closed: int
    said_at: int
    said_in: int
    told: int

    def __repr__(self) -> str:
        """Without keys."""
        return f"Row(partition={self.partition}, offset={self.offset}, closed={self.closed})"


_UPDATE: Final = f"UPDATE letters SET {', '.join(f'{name} = ?' for name in Row._fields)} WHERE number = ?"


@dataclass(slots=True)
class _Changes:
    """What some messages change, until it is written."""

    rows: dict[bytes, tuple[Row, int | None, Row | None]] = field(default_factory=dict, repr=False)
    """By id: the letter as it is now, the number of its row, and as it was; None and None where it is new."""
    reasons: dict[int, str] = field(default_factory=dict, repr=False)
    groups: list[tuple[object, ...]] = field(default_factory=list)
    history: list[tuple[object, ...]] = field(default_factory=list, repr=False)


class Writing:
    """Writes into an open index. One at a time does, in whose transaction the caller is."""

    def __init__(self, index: sqlite3.Connection) -> None:
        self._index = index
        self._entries = Entries()
        names = ", ".join(Group._fields)
        found = index.execute(f"SELECT id, {names} FROM groups")
        self._groups = {Group(*row[1:]): int(row[0]) for row in found}
        self._reasons: set[int] = set()
        self.foreign = 0
        """Messages that are no letters of ours, so far."""

    def take(self, messages: Sequence[Message]) -> None:
        """Write what these messages say, in their order."""
        entries = [entry for message in messages if (entry := self._entries.entry(message)) is not None]
        self.foreign += len(messages) - len(entries)
        changes = _Changes(rows=self._there(entry.id for entry in entries))
        for entry in entries:
            self._take(entry, changes)
        self._write(changes)

    def forget(self, begins: Mapping[int, int]) -> None:
        """Drop the letters whose messages the topic holds no more."""
        for partition, begin in begins.items():
            gone = "partition = ? AND offset < ?"
            for grp, closed, number in self._index.execute(
                f"SELECT grp, closed > 0, count(*) FROM letters WHERE {gone} GROUP BY 1, 2",
                (partition, begin),
            ).fetchall():
                column = "closed" if closed else "open"
                self._index.execute(f"UPDATE groups SET {column} = {column} - ? WHERE id = ?", (number, grp))
            self._index.execute(f"DELETE FROM letters WHERE {gone}", (partition, begin))
        self._index.execute("DELETE FROM history WHERE id NOT IN (SELECT id FROM letters)")

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
        changes.rows[entry.id] = self._after(entry, row, changes) if _decides(entry, row) else _beside(entry, row), number, before

    def _after(self, entry: Entry, row: Row, changes: _Changes) -> Row:
        """The letter after a message that has the last word on it."""
        said_at = max(entry.at, row.said_at) if entry.partition == row.said_in else entry.at
        if entry.closed:
            return _beside(entry, row)._replace(closed=entry.at or 1, said_at=said_at, said_in=entry.partition)
        now = self._row(entry, changes)._replace(said_at=said_at)
        return now._replace(first=min(row.first, now.first), last=max(row.last, now.last)) if row.told else now

    def _row(self, entry: Entry, changes: _Changes) -> Row:
        return Row(
            entry.id,
            self._group(entry.group, changes),
            self._reason(entry.message, changes),
            entry.record_hash,
            entry.record_key,
            entry.row_key,
            entry.visit_key,
            entry.attempts,
            entry.replays,
            entry.first,
            entry.at,
            entry.partition,
            entry.offset,
            entry.form,
            entry.rest,
            (entry.at or 1) if entry.closed else 0,
            entry.at,
            entry.partition,
            0 if entry.closed else 1,
        )

    def _group(self, group: Group, changes: _Changes) -> int:
        number = self._groups.get(group)
        if number is None:
            number = self._groups[group] = len(self._groups) + 1
            changes.groups.append((number, *group))
        return number

    def _reason(self, text: str, changes: _Changes) -> int:
        number = text_id(text)
        if number not in self._reasons:
            if len(self._reasons) > _MOST_REMEMBERED:
                self._reasons.clear()
            self._reasons.add(number)
            changes.reasons[number] = text
        return number

    def _write(self, changes: _Changes) -> None:
        changed = [(row, number, before) for row, number, before in changes.rows.values() if row != before]
        run = self._index.executemany
        run(_NEW_GROUP, changes.groups)
        run(
            "INSERT OR IGNORE INTO reasons VALUES (?, ?, ?)",
            [(one, text, searchable(text)) for one, text in changes.reasons.items()],
        )
        run(_INSERT, [(None, *row) for row, number, _ in changed if number is None])
        run(_UPDATE, [(*row, number) for row, number, _ in changed if number is not None])
        run("INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)", changes.history)
        opened: Counter[int] = Counter()
        shut: Counter[int] = Counter()
        told: Counter[tuple[int, int]] = Counter()
        for row, _, before in changed:
            (shut if row.closed else opened)[row.grp] += 1
            if before is not None:
                (shut if before.closed else opened)[before.grp] -= 1
            else:
                told[row.grp, row.first // HOUR_MS] += 1
        groups = opened.keys() | shut.keys()
        run(
            "UPDATE groups SET open = open + ?, closed = closed + ? WHERE id = ?", [(opened[one], shut[one], one) for one in groups]
        )
        run(
            "INSERT INTO hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET told = told + excluded.told",
            [(*group_hour, number) for group_hour, number in told.items()],
        )


def _decides(entry: Entry, row: Row) -> bool:
    """Whether a message has the last word on its letter. In one partition the later one has it. A row that moves fails in two; then
    the later time counts, and of two messages of the same time the one that tells of a failure: what is open twice is seen.
    """
    if entry.partition == row.said_in:
        return True
    return (entry.at, not entry.closed) > (row.said_at, not row.closed)


def _beside(entry: Entry, row: Row) -> Row:
    """The letter after a message that has not the last word: that it failed then, too, is true."""
    told = 0 if entry.closed else 1
    if told < row.told:
        return row
    if told > row.told:
        return row._replace(first=entry.first, last=entry.at, told=told)
    return row._replace(first=min(row.first, entry.first), last=max(row.last, entry.at))


def _event(entry: Entry) -> tuple[object, ...]:
    return entry.id, entry.partition, entry.offset, entry.at, entry.closed, entry.by, entry.message, entry.evidence
