"""Rows that were read again because of their letters (`streams.domain.recapture`): what of that closes which letter.

A letter whose row had no place becomes the letter of the row that came: it closes when its record is accepted, refused anew, or
when the row goes. Where the row has another letter by now, that one tells of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from connector.contract import Op
from streams.domain.changes import Incoming, RowChange
from streams.domain.closings import Closed, ClosedBy, letter_id
from streams.domain.join.building import Building
from streams.domain.join.replaying import Replaying, Resent
from streams.domain.join.stored import StoredRow
from streams.domain.join.told import Told
from streams.domain.join.visit import Visit
from streams.domain.recapture import RECAPTURE, Asked, NotThere, as_replay, header_in
from streams.domain.records import DeadLetter
from streams.domain.replay import Replay
from streams.domain.roles import ROW_INDEX

NOT_THERE: Final = "recapture_gone"
"""Outcome: a row that was ordered to be read again is not there; its letters are closed."""
STILL_THERE: Final = "recapture_remembered"
"""Outcome: it is not there by that reading, and yet it is remembered: its letters stay open."""


def apply(run: Building, visit: Visit, row: StoredRow, *, before: StoredRow | None, change: RowChange) -> None:
    """Apply a change of a row that may have come because of its letters: what comes of it is a replay then. before: the row as it
    was.
    """
    if (found := header_in(run.incoming.headers)) is None:
        run.apply(visit, row, before=before, change=change)
        return
    plan, letters = found
    run.told.replaying = Replaying(visit.place(row), _replay(plan, letters, visit.key, change), Resent("", 0))
    run.apply(visit, _takes_up(run, visit, row, _own(letters), before=before, change=change), before=before, change=change)
    now = visit.current(row)
    if now.letter and not (now.deleted or now.emitted or now.refused or now.waits_for):
        # It has its place, and nothing is to be reported of it: no record and no other letter would ever close this one.
        visit.put(run.close(visit, now, by=ClosedBy.MENDED))


def _takes_up(  # noqa: PLR0913 - a row, and what it was
    run: Building, visit: Visit, row: StoredRow, letters: Sequence[Asked], *, before: StoredRow | None, change: RowChange
) -> StoredRow:
    """The row with the letter for which it was read, where it has none; letters that it does not take up are closed."""
    was_there = before is not None and not before.deleted
    for one in letters:
        if row.letter == one.letter and (was_there or change.op is not Op.DELETE):
            continue
        if change.op is not Op.DELETE and not row.letter:
            row = row._replace(letter=one.letter)
            continue
        by = ClosedBy.GONE if change.op is Op.DELETE else ClosedBy.MENDED
        run.told.closed.append(Closed(one.letter, visit.key, run.incoming.timestamp_ms, by))
    return row


def told_again(told: Told, incoming: Incoming, letter: DeadLetter, change: RowChange) -> DeadLetter:
    """The letter of a row that came and has no place, as that of a replay; it takes the place of those for which it was read."""
    found = header_in(incoming.headers)
    if found is None:
        return letter
    plan, letters = found
    headers = [one for one in letter.original_headers if one[0] != RECAPTURE]
    letter = replace(letter, original_headers=(*headers, *_replay(plan, letters, b"", change).headers))
    now = letter_id(letter)
    for one in _own(letters):
        if one.letter != now:
            at = incoming.timestamp_ms
            told.closed.append(Closed(one.letter, incoming.key or b"", at, ClosedBy.SUPERSEDED, now))
    return letter


def not_there(told: Told, incoming: Incoming, said: NotThere, visit: Visit | None) -> str:
    """Close the letters of a row that is not there; the outcome. Where their visit remembers it all the same, they stay open: it
    came meanwhile, or nobody has told the visit that it went. visit: None where they were told of a row without a place.
    """
    row, rule = said.row, None if visit is None else visit.mapping.tables.get(said.row.table)
    if visit is not None and rule is not None and rule.role in ROW_INDEX:
        there = visit.find(rule.role, rule.name, tuple([row.key.get(name, "") for name in rule.key]))
        if there is not None and not there.deleted:
            return STILL_THERE
    told.closed += [Closed(one.letter, incoming.key or b"", incoming.timestamp_ms, ClosedBy.GONE) for one in _own(row.letters)]
    return NOT_THERE


def _own(letters: Sequence[Asked]) -> list[Asked]:
    """Those of the join, the latest first."""
    return sorted((one for one in letters if one.own), key=lambda one: one.first_failed_at, reverse=True)


def _replay(plan: str, letters: Sequence[Asked], visit: bytes, change: RowChange) -> Replay:
    return as_replay(plan, letters, visit=visit.decode(errors="replace"), source=change.source, table=change.table)
