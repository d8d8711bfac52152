"""The rows of all lookup tables, whole in the memory of every join worker."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from connector.contract import Mark, Op
from streams.domain.again import after, again
from streams.domain.changes import Incoming, RowChange, Tombstone, Truncated, decode
from streams.domain.exchanged import Beneath, held, is_of_former
from streams.domain.join import letters
from streams.domain.normalise.choosing import Choice
from streams.domain.normalise.nulls import Nulls
from streams.domain.recapture import NotThere
from streams.domain.records import DeadLetter, Row
from streams.domain.release import Release
from streams.domain.replay import Replay
from streams.domain.ticks import Tick
from streams.errors import Rejected
from streams.lanes.join.chosen import Chosen
from streams.lanes.join.lookup_feed import LookupFeed
from streams.lanes.join.padded import PaddedKeys
from streams.telemetry.outcomes import Outcomes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """One lookup table."""

    name: str
    """As mappings call it."""
    key: tuple[str, ...]
    """Columns that identify a row."""
    nulls: Nulls | None = None
    """What stands for NULL in its rows; None: NULL alone."""
    choice: Choice | None = None
    """Which of its rows is meant; None where its key says it."""


class LookupTables:
    """All lookup rows, by lookup name and key.

    tables: the lookup tables by topic. faults: dead letters of records that cannot be read, by `topic/partition/offset`.
    """

    def __init__(self, feed: LookupFeed, tables: Mapping[str, LookupTable], *, outcomes: Outcomes) -> None:
        self.faults: dict[bytes, DeadLetter] = {}
        self._feed = feed
        self._tables = tables
        self._outcomes = outcomes
        self._rows: dict[str, dict[tuple[str, ...], Row]] = {table.name: {} for table in tables.values()}
        self._nulls = {table.name: table.nulls for table in tables.values() if table.nulls is not None and table.choice is None}
        self._chosen = {
            table.name: Chosen(table.choice, table.nulls, self._rows[table.name])
            for table in tables.values()
            if table.choice is not None
        }
        self._padded = {name: PaddedKeys(rows) for name, rows in self._rows.items()}
        self._marks: defaultdict[tuple[str, str], dict[tuple[str, ...], Mark]] = defaultdict(dict)
        """By source and table, then by row."""
        self._beneath: defaultdict[tuple[str, str], dict[tuple[str, ...], Beneath]] = defaultdict(dict)
        """The same: what stands under a key besides its row, while a transaction exchanges keys."""
        self._told: dict[tuple[str, str], str] = {}
        """By source and table: the last transaction of which it was said that it exchanged keys."""
        self._running: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        """The row of lookup `name` under `key`; None while it is not known, `UNDECIDED` where nobody knows which it is. Where no
        row has this key, the one that has it but for the blanks around it.
        """
        row, nulls = self._rows[name].get(key), self._nulls.get(name)
        if row is None:
            row = self._padded[name].find(key)
        return row if row is None or nulls is None else nulls.read(row)

    async def caught_up(self) -> None:
        """Return when every lookup record that stood in the topics at the time of the call is known.

        Lanes share one reading. One that is under way may have begun before this call, so all callers wait for the next one
        together.
        """
        if not self._tables:
            return
        if self._waiting is None:
            self._waiting = asyncio.ensure_future(self._after(self._running))
        await asyncio.shield(self._waiting)

    async def _after(self, running: "asyncio.Task[None] | None") -> None:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._waiting = self._waiting, None
        async for page in self._feed.up_to_the_end():
            self.take(page)

    async def stop(self) -> None:
        """Close the connection."""
        await self._feed.stop()

    def take(self, records: Sequence[Incoming]) -> None:
        """Take in records of the lookup topics, in their order."""
        for incoming in records:
            table = self._tables[incoming.topic]
            try:
                event = decode(incoming.value)
            except Rejected as exc:
                self._fault(incoming, f"{exc}")
                continue
            match event:
                case RowChange():
                    self._put(table, event, incoming)
                case Truncated():
                    self._clear(table, event)
                case Tick():
                    self._fault(incoming, "a tick belongs to visit.changes; this topic holds the rows of a lookup")
                case Replay() | Release() | NotThere():
                    self._fault(incoming, "an order belongs to the rows of a source; this topic holds those of a lookup")
                case Tombstone():
                    pass  # the delete before it took the row away
                case never:
                    assert_never(never)
        self._outcomes.count("lookup", len(records))

    def _put(self, table: LookupTable, change: RowChange, incoming: Incoming) -> None:
        key = tuple(change.row.get(column) or "" for column in table.key)
        rows, marks = self._all(table), self._marks[change.source, change.table]
        if "" in key:
            self._fault(incoming, f"the row of lookup {table.name} has no value in its key columns {', '.join(table.key)}")
            return
        if _begins_anew(change):
            marks.clear()
        known = marks.get(key)
        if again(change.mark, known):
            return  # records would be corrected to an older value, until the newer has come again, too
        if (mark := after(change.mark, known)) is not None:
            marks[key] = mark
        beneath = self._beneath[change.source, change.table]
        if key in rows and (key in beneath or change.op in (Op.CREATE, Op.DELETE)):
            about, left = held(change, rows[key], beneath.pop(key, None))
            if left is not None:
                beneath[key] = left
            if about is None or is_of_former(about, rows[key], key=table.key, mark=change.mark, known=known):
                self._exchanged(change)
                return
            change = about
        if change.op is Op.DELETE:
            rows.pop(key, None)
        else:
            rows[key] = change.row
        if table.choice is None:
            self._padded[table.name].note(key)
        else:
            self._chosen[table.name].settle(key)

    def _all(self, table: LookupTable) -> dict[tuple[str, ...], Row]:
        """The rows of a lookup by their own keys."""
        return self._rows[table.name] if table.choice is None else self._chosen[table.name].rows

    def _exchanged(self, change: RowChange) -> None:
        """Of the messages under a key, compaction keeps the last one: the delete, and not the row that stands there. So whoever
        reads the topic later does not know that row, until its table is read again.
        """
        table, transaction = (change.source, change.table), change.transaction
        if self._told.get(table) != transaction:
            self._told[table] = transaction
            remedy = f"yibao resnapshot {change.table}"
            log.warning("lookup_keys_exchanged", source=change.source, table=change.table, remedy=remedy)

    def _clear(self, table: LookupTable, event: Truncated) -> None:
        """Forget all rows that were there before it: a record must not be filled with what the database does not hold any more. A
        truncate that is sent again takes nothing away that came after it, because that is not taken in a second time.
        """
        rows, marks = self._all(table), self._marks[event.source, event.table]
        self._beneath[event.source, event.table].clear()
        gone = [key for key in rows if not again(event.mark, marks.get(key))]
        log.warning("lookup_truncated", source=event.source, table=event.table, rows=len(gone))
        for key in gone:
            del rows[key]
            if table.choice is not None:
                self._chosen[table.name].settle(key)

    def _fault(self, incoming: Incoming, reason: str) -> None:
        identity = f"{incoming.topic}/{incoming.partition}/{incoming.offset}".encode()
        if identity not in self.faults:
            log.warning("lookup_rejected", topic=incoming.topic, partition=incoming.partition, offset=incoming.offset)
            self.faults[identity] = letters.undecodable(incoming, reason)


def _begins_anew(change: RowChange) -> bool:
    """Whether a capture that begins read this row. It may have begun on another server, whose log and clock are behind what is
    known; and what it sends again from then on, it sends for the first time. A row that was read on demand has no position.
    """
    return change.op is Op.READ and change.position is not None
