"""Waits that a person ends before their time (`streams.domain.release`).

It is as if the time were over now: the row gets the letter that it would have got then, and what waits for the row goes the same
way. Nothing is sent that would not be sent otherwise, and nothing is forgotten: what the row missed may still come, builds it, and
closes that letter.
"""

from collections.abc import Mapping
from typing import Final

from streams.domain.join.building import Building
from streams.domain.join.parts import Part
from streams.domain.join.remembered import Recall
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import CompiledMapping
from streams.domain.release import Release
from streams.domain.roles import ROW_INDEX

RELEASED: Final = "released"
"""Outcome: a wait was ended by a person."""
STALE: Final = "release_stale"
"""Outcome: the row does not wait any more for what an order names, or waits anew: nothing is done."""
GONE: Final = "release_gone"
"""Outcome: the row of an order is not there any more, or was never there."""
UNKNOWN: Final = "release_unknown"
"""Outcome: the table or the source of an order is not mapped."""

_ENDED_BY_TIME: Final = frozenset(
    {
        Part.VISIT.value,
        Part.SETTLEMENT.value,
        Part.UNSETTLED.value,
        Part.LOOKUP.value,
        Part.POSITIVE_LINE.value,
        Part.AMBIGUOUS_VISIT.value,
        Part.AMBIGUOUS_SETTLEMENT.value,
    }
)


def is_releasable(part: str) -> bool:
    """Whether a person may end a wait for this: where a time would end it with a letter. What waits for another row of its visit
    goes with that row; what waits for a lane or a transaction must not go before that has passed.
    """
    return part.partition(" ")[0] in _ENDED_BY_TIME


def release(run: Building, order: Release, mappings: Mapping[str, CompiledMapping], view: StateView, recall: Recall) -> None:
    """End the wait that an order names; nothing where it is over."""
    mapping = mappings.get(order.source)
    rule = None if mapping is None else mapping.tables.get(order.table)
    if mapping is None or rule is None or rule.role not in ROW_INDEX:
        run.count(UNKNOWN)
        return
    visit = Visit(order.visit.encode(), mapping, view, recall)
    row = visit.find(rule.role, rule.name, tuple([order.key.get(name, "") for name in rule.key]))
    if row is None or row.deleted:
        run.count(GONE)
        return
    if row.refused or (row.waits_for, row.since) != (order.part, order.since) or not is_releasable(row.waits_for):
        run.count(STALE)
        return
    # Not before it began, whatever the clocks of two machines say: the wait would go on.
    at = max(run.incoming.timestamp_ms, row.since)
    run.count(RELEASED)
    run.ends = visit.place(row), row.waits_for
    run.build(visit, row, committed_at=at, now=at)
    run.keep(visit, committed_at=at, now=at)
