"""What waits in `visit.ready` is made anew because a person ordered it, after the mapping that made it was mended.

Each order is answered behind what waits: by the record as it is now (`Building` emits it), or by the word which of the versions
that wait is still right, perhaps none. The deliver stage posts nothing that an answer makes needless
(`streams.lanes.deliver.renewed`).
"""

from typing import Final

from streams.domain.join.parts import ELSEWHERE, Part
from streams.domain.join.recalls import recall
from streams.domain.join.results import Results
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.replay import Replay

IN_FORCE: Final = "anew_in_force"
"""Outcome: all that waits in a partition was ordered to be made anew, and the deliver stage may go by the answers."""
UNCHANGED: Final = "anew_unchanged"
"""Outcome: what was handed on last of a row is still right."""
NONE_RIGHT: Final = "anew_none_right"
"""Outcome: nothing that waits of a row's record is right: the row has a letter, or waits for a part, or is another record's."""

_MOVED: Final = Part.MOVED.value


def answer(run: Results, visit: Visit, before: StoredRow, order: Replay) -> None:
    """Say what the new version does not say by itself. before: the row before its record was tried."""
    now = visit.current(before)
    if not before.emitted or _MOVED in (before.waits_for, now.waits_for):
        return  # nothing of it waits here, or a lane elsewhere has it
    if now.reported_as != before.reported_as:
        _say(run, visit, before, order, but="")
    if now.refused or now.waits_for:
        if now.reported_as == before.reported_as:
            _say(run, visit, before, order, but="")
        # Whether the platform has it nobody knows here: whatever comes next is sent, and told as withdrawn if it goes before.
        visit.put(now._replace(emitted=ELSEWHERE))
    elif now.emitted == before.emitted != ELSEWHERE:
        _say(run, visit, now, order, but=now.emitted)


def _say(run: Results, visit: Visit, row: StoredRow, order: Replay, *, but: str) -> None:
    run.count(UNCHANGED if but else NONE_RIGHT)
    if row.reported_as:
        recall(
            run,
            visit,
            row.role,
            row.reported_as,
            position=row.position,
            committed_at=run.incoming.timestamp_ms,
            but=but,
            added=order.headers,
        )
