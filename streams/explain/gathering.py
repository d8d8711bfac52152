"""Everything that the topics hold of one visit, settlement or fee line. Only its partition is read, and of that what the indexes
name.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from streams.deadletter.index.pages import Letter, history, named
from streams.deadletter.record import record_key_hash
from streams.domain.changes import Incoming
from streams.domain.join.gone import Gone
from streams.domain.kinship import Identity
from streams.domain.place.partitions import partition_of
from streams.domain.ready import closes
from streams.domain.records import ReadyRecord
from streams.errors import YibaoError
from streams.explain.decoding import accepted_in, ready_in, records_of, remembered_in, sums_in
from streams.explain.evidence import Evidence, Held, Lanes, Told
from streams.explain.finding import Hit
from streams.explain.logs import Logs
from streams.explain.places import Place
from streams.explain.remembered import called, of_visit, sought_of_visit, sums_of_visit
from streams.explain.subject import Keys, RowName, Subject
from streams.lanes.deliver.orphan_entries import is_waiting, number_in, read_waiting
from streams.lanes.marks import deliver_mark
from streams.lanes.ports import TopicPartition
from streams.topics.broker import Broker
from streams.topics.onward import Onward

MOST: Final = 1_000
"""So many messages of each topic, the latest ones."""
_LETTERS: Final = 200
_PARENTS: Final = ("v", "s")

AskLetters = Callable[[Callable[[sqlite3.Connection], list[Told]]], list[Told]]
"""Asks the index of the letters, brought up to date."""


def gather(logs: Logs, hit: Hit, key: str, ask_letters: AskLetters) -> Evidence:
    """What was found of a hit. key: the number that it was found by. Raises as `Logs.state`, Newer where a later version wrote
    something of it.
    """
    visit, partition = hit.visit, partition_of(hit.visit.decode(), logs.partitions)
    remembered = _remembered(logs, hit, key, partition)
    rows, gone = remembered_in(remembered, visit)
    records = {*records_of(rows, gone)}
    names = {visit} if hit.row is None else {one.key.encode() for one in records}
    with ThreadPoolExecutor(4) as pool:
        changes = pool.submit(logs.changes, {visit}, partition, most=MOST)
        ready = pool.submit(logs.ready, names, partition, most=MOST)
        # Before the receipts and letters: what was settled by then has one of them, and what was not may have it by now.
        lanes = pool.submit(_lanes, logs, visit, partition).result()
        handed_on = ready_in(ready.result(), visit)
        keys = {one.key.encode() for one in records} | {one.record_key.encode() for one in handed_on}
        receipts = pool.submit(logs.receipts, keys, partition, most=MOST)
        letters = ask_letters(lambda index: _letters(index, hit, rows, records, handed_on))
        return Evidence(
            topics=logs.topics,
            partition=partition,
            lanes=lanes,
            visit_key=visit,
            rows=rows,
            gone=gone,
            sums=sums_in(remembered),
            changes=[one for one in changes.result() if one.key == visit],
            ready=handed_on,
            receipts=accepted_in(receipts.result()),
            letters=letters,
        )


def subject_of(hit: Hit, found: Evidence, keys: Keys) -> Subject:
    """What the timeline of a hit is of."""
    made = [Identity(one.institution, one.service, one.record_key) for one in found.ready]
    if hit.row is None:
        return Subject(keys, records={*made, *records_of(found.rows, found.gone)})
    own = [held for held in found.rows if RowName(held.row.source, held.row.table, held.row.key) == hit.row]
    records = {*records_of(own, [one for one in found.gone if _is(one, hit.row)])}
    closed = [closes(one.added) for one, identity in zip(found.ready, made, strict=True) if identity in records]
    letters = [*(held.row.letter for held in own), *closed]
    return Subject(keys, rows=[hit.row], records=records, letters=[*filter(None, letters)])


def _is(gone: Gone, row: RowName) -> bool:
    return RowName(gone.source, gone.table, gone.key) == row


def _remembered(logs: Logs, hit: Hit, key: str, partition: int) -> list[Incoming]:
    """The messages of a visit's rows; or of the row that is meant, and of those that it belongs to; and of sums that differ."""

    def entries(index: sqlite3.Connection) -> list[Place]:
        of_all, sums = of_visit(index, hit.visit), sums_of_visit(index, hit.visit)[-MOST:]
        if hit.row is None:
            return [*(one.place for one in of_all[-MOST:]), *sums]
        there = {one.key for one in of_all}
        meant = (*(one for one in of_all if one.role in _PARENTS), *called(index, key))
        return [*(one.place for one in meant if one.key in there), *sums]

    wanted = logs.state(entries, [partition], sought_of_visit(hit.visit))
    return logs.at(logs.topics.state, {*wanted})


def _lanes(logs: Logs, visit: bytes, partition: int) -> Lanes:
    topics = logs.topics
    with Broker(logs.access) as broker:
        joined = broker.committed(topics.group("join"), topics.changes, [partition])[partition].offset
        said = broker.committed(topics.group("deliver"), topics.ready, [partition])[partition]
    with suppress(YibaoError):
        mark = deliver_mark(said.metadata)
        orphans = _orphans(logs, visit, partition) if any(mark.orphans) else frozenset()
        return Lanes(joined=joined, offset=said.offset, delivered=mark, orphans=orphans)
    return Lanes(joined=joined, offset=-1, delivered=None)


def _orphans(logs: Logs, visit: bytes, partition: int) -> frozenset[int]:
    """Numbers of the visit's records that wait for a refused parent."""
    at, waiting = TopicPartition(logs.topics.ready, partition), dict[int, bool]()
    with Onward(logs.access, logs.topics.orphans, [partition], client_id=logs.client_id) as reader:
        reach = reader.reach()[partition]
        for portion in reader.read({partition: reach.begin}, {partition: reach.end}, deadline_s=logs.deadline_s):
            for one in portion.messages:
                if one.key is not None and is_waiting(one.key):
                    waiting[number_in(one.key)] = one.value is not None and read_waiting(one.value, at).key == visit
    return frozenset(number for number, waits in waiting.items() if waits)


def _letters(
    index: sqlite3.Connection, hit: Hit, rows: Iterable[Held], records: Iterable[Identity], ready: Iterable[ReadyRecord]
) -> list[Told]:
    """The letters of these rows and records, the earliest first."""
    hashes = {bytes.fromhex(record_key_hash(one.service.value, one.key)) for one in records}
    hashes |= {bytes.fromhex(record_key_hash(one.service.value, one.record_key)) for one in ready}
    ids = {held.row.letter for held in rows if held.row.letter} | {letter for one in ready if (letter := closes(one.added))}
    found = {bytes.fromhex(one) for one in ids}
    for one in hashes:
        found |= {row[0] for row in index.execute("SELECT id FROM letters WHERE record_hash = ?", (one,))}
    if hit.row is None:
        found |= _ids(index, "visit_key", hit.visit.decode())
    else:
        found |= _ids(index, "row_key", "/".join(hit.row.key))
    letters = [one for one in named(index, [one.hex() for one in found][:_LETTERS]) if _is_of(one, hit)]
    return [Told(one, history(index, one.id)) for one in sorted(letters, key=lambda one: (one.first, one.id))]


def letters_called(index: sqlite3.Connection, key: str) -> list[Told]:
    """The letters with this number, for what no stage remembers otherwise."""
    found = _ids(index, "record_key", key) | _ids(index, "row_key", key) | _ids(index, "visit_key", key)
    return [Told(one, history(index, one.id)) for one in named(index, [one.hex() for one in found][:_LETTERS])]


_BY_KEY: Final[Mapping[str, str]] = {
    name: f"SELECT id FROM letters WHERE {name} = ? AND {name} <> ''"  # noqa: S608 - names of columns
    for name in ("record_key", "row_key", "visit_key")
}


def _ids(index: sqlite3.Connection, column: str, key: str) -> set[bytes]:
    return {row[0] for row in index.execute(_BY_KEY[column], (key,))}


def _is_of(letter: Letter, hit: Hit) -> bool:
    """Whether a letter is of what is meant, and not of another table's row with the same number."""
    if hit.row is None or not letter.row_table:
        return True
    return (letter.source, letter.row_table) == (hit.row.source, hit.row.table)
