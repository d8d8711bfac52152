"""Two rows of a visit that claim one record: two fee tables whose ids overlap, or a record key that several rows of a table have.

The row that was reported first backs the record. A second one that says the same backs it, too. One that says something else is
not sent: it waits until its transaction has ended and the grace has passed, because a row that moves between tables is there twice
for a while, and so are two rows that exchange their keys. Then a person is told (`COLLISION`), once for each content. When the
first row is gone for good (`streams.domain.join.telling`), the second one takes the record over and closes its letter.

A record that a row of another visit claims is not reported at all: that visit's row backs it (`claimed`, as the place stage says).

A row that waits or was told carries the name of the record that it claims in `reported_as`, and nothing in `emitted`.
"""

from typing import Final

import orjson

from streams.domain.closings import ClosedBy, letter_id
from streams.domain.join import letters, rebuilding
from streams.domain.join.failing import failed_row
from streams.domain.join.gone import Gone, record_of
from streams.domain.join.origin import names_of
from streams.domain.join.parts import ELSEWHERE, Part
from streams.domain.join.recalls import recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.keys import SEPARATOR
from streams.domain.records import Record, SourceRows

_PART: Final = Part.COLLISION.value


def claims(row: StoredRow) -> bool:
    """Whether a row claims a record that another one backs: it waits, or was told."""
    return row.waits_for.startswith(_PART) or was_told(row)


def was_told(row: StoredRow) -> bool:
    """Whether a person was told that this row collides."""
    return row.refused.startswith(_PART)


def backing(visit: Visit, row: StoredRow, record: str) -> StoredRow | None:
    """The first other row of the visit that is reported as this record. record: `institution/key`."""
    if row.table not in visit.mapping.colliding:
        return None
    return next((one for one in visit.claimants(row.role, record) if one.emitted and not _same(one, row)), None)


def claiming(visit: Visit, row: StoredRow, record: str) -> list[StoredRow]:
    """The rows that wait for this record, or were told because of it."""
    if not record or row.table not in visit.mapping.colliding:
        return []
    return [one for one in visit.claimants(row.role, record) if claims(one) and not _same(one, row)]


def claim(run: Results, visit: Visit, row: StoredRow, record: Record, rows: SourceRows) -> StoredRow | None:
    """The row with what the platform holds of its record; None where it is not to be sent, because another row backs that."""
    name = record_of(record.institution, record.key)
    if row.claimed:
        held_elsewhere(run, visit, row, name)
        _park(run, visit, row, (_elsewhere(row), record, rows))
        return None
    first = backing(visit, row, name)
    if first is None:
        waits = claims(row) and row.reported_as == name
        if waits and _may_come_back(visit, row, name, but=record.content_hash):
            visit.put(row)
            return None
        return _from_emptied(visit, row, name)
    if first.emitted == record.content_hash:
        return row._replace(emitted=first.emitted, reported_as=name)
    _park(run, visit, row, (first, record, rows))
    if row.emitted == ELSEWHERE:  # the platform may hold what it said in its other visit
        visit.put(first._replace(emitted=ELSEWHERE))
        run.rebuild(visit, [first], committed_at=run.incoming.timestamp_ms)
    return None


def held_elsewhere(run: Results, visit: Visit, row: StoredRow, name: str) -> None:
    """Where this visit's record has no row, it was not withdrawn: another visit holds it."""
    gone = visit.gone(row.role, name)
    if gone is not None and gone.deadline:
        visit.drop_gone(gone)
        recall(run, visit, row.role, name, position=gone.position, committed_at=gone.committed_at)


def _elsewhere(row: StoredRow) -> StoredRow:
    """The row of another visit that claims this row's record, as far as it is known here."""
    table, *key = row.claimed.split(SEPARATOR)
    return StoredRow(row.role, row.source, table, tuple(key), {}, None, 0)


def _park(run: Results, visit: Visit, row: StoredRow, collision: tuple[StoredRow, Record, SourceRows]) -> None:
    """Let the row wait, or tell a person. collision: the row that backs its record, that record as it would be, and from what."""
    (first, record, rows), now = collision, run.now
    name = record_of(record.institution, record.key)
    both = names_of([one for one in (first, row) if one.table in visit.mapping.tables], visit.mapping)
    content = letters.digest(orjson.dumps([name, both, sorted(row.columns.items())]))
    told = f"{_PART} {content} {name}"
    parked = row._replace(emitted="", reported_as=name)
    if row.refused == told:
        visit.put(parked)
        return
    since = row.since if row.waits_for.startswith(_PART) and row.reported_as == name else now
    deadline = since + run.grace_ms
    transaction = run.transaction or row.waits_for.removeprefix(_PART).strip()
    if now < deadline or not _ended(run, row, transaction) or rebuilding.is_behind(visit):
        part = f"{_PART} {transaction}".rstrip()
        visit.put(parked._replace(refused="", waits_for=part, since=since, deadline=deadline))
        return
    failed = failed_row(run, visit, row, rows, key=record.key)
    letter = letters.collision(failed, both, content=content, elsewhere=bool(row.claimed))
    parked = run.close(visit, parked, by=ClosedBy.SUPERSEDED, evidence=letter_id(letter))
    visit.put(parked._replace(refused=told, waits_for="", since=0, deadline=0))
    run.count("collided")
    run.bury(letter)


def _ended(run: Results, row: StoredRow, transaction: str) -> bool:
    """Whether nothing more of the row's transaction comes. Only a tick knows."""
    return not transaction if run.time is None else run.time.ended(row.source, transaction)


def _may_come_back(visit: Visit, row: StoredRow, name: str, *, but: str) -> bool:
    """Whether the row that backed the record went just now: then it may be an edit, and it is looked at again when that is over.
    but: not where it said this, for which nothing is to be sent.
    """
    gone = visit.gone(row.role, name)
    went = gone is not None and gone.deadline > 0 and gone.emitted != but and not _moved_here(visit, gone, row)
    return went or any(one.emitted for one in visit.claimants(row.role, name, emptied=True))


def _moved_here(visit: Visit, gone: Gone, row: StoredRow) -> bool:
    """Whether the row that went is this one, which a job brought here from another table."""
    return gone.key == row.key and visit.mapping.is_move(gone.table, row.table)


def _from_emptied(visit: Visit, row: StoredRow, name: str) -> StoredRow:
    """The row with what the platform holds of its record, where it moved here from a table that was emptied meanwhile."""
    if row.emitted or not visit.mapping.tables[row.table].moved_ms:
        return row
    former = [one for one in visit.claimants(row.role, name, emptied=True) if visit.mapping.is_move(one.table, row.table)]
    emitted = {one.emitted for one in former if one.emitted}
    return row._replace(emitted=emitted.pop(), reported_as=name) if len(emitted) == 1 else row


def freed(row: StoredRow) -> StoredRow:
    """A row that waited or was told, when the record that it claims has no other row any more: what is told of it stays until it
    was built.
    """
    return row._replace(reported_as="")


def close(run: Results, visit: Visit, row: StoredRow) -> None:
    """What was told of this row is so no more."""
    _, content, name = row.refused.split(" ", 2)
    institution, _, key = name.partition("/")
    failed = failed_row(run, visit, row, SourceRows(), key=key)
    letter = letters.collision(letters.of_institution(failed, institution), "", content=content)
    run.bury(letters.closing(letter, content_hash=content, at=run.incoming.timestamp_ms))


def _same(one: StoredRow, other: StoredRow) -> bool:
    return (one.table, one.key) == (other.table, other.key)
