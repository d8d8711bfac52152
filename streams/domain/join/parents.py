"""Rule R24: nothing is sent before what it belongs to. A settlement belongs to its visit, a fee line to its settlement and visit.

A row whose parent is refused or was given up, and never reached the platform, is held without a time limit and without a letter of
its own: the parent's letter says what is to be mended, and mending it lets go what was held. What the platform refuses of it the
deliver stage holds in the same way (`streams.lanes.deliver.orphans`); the join tells it what it cannot see.
"""

from typing import Final

from connector.contract import TableRole
from streams.domain.join.gathering import dependents, parents_of
from streams.domain.join.origin import names_of
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.ready import ALONE, REPORTED
from streams.domain.records import Header
from streams.domain.validate.judge import PARENTS

HELD: Final = "parent_refused"
"""Outcome: a row began to be held, because its parent is refused or was given up."""
FREED: Final = "parent_mended"
"""Outcome: a row is held no more."""
WARNED: Final = f"warned_{PARENTS}"
"""Outcome: a row went without its refused parent, by the site's level of the rule."""

_REFUSED: Final = Part.PARENT_REFUSED.value
_NAMED: Final = 200
"""Children that a letter names; the rest is counted."""


def outcome(before: StoredRow, after: StoredRow) -> str | None:
    """What is to be counted of a row that was built."""
    held = after.waits_for == _REFUSED
    if held == (before.waits_for == _REFUSED):
        return None
    return HELD if held else FREED


def is_settled(before: StoredRow, after: StoredRow) -> bool:
    """Whether a row that waited or was refused, and never reached the platform, is now on its way to it, or refused, and was not
    before: then what belongs to it is built again. (What belongs to a new row is built in any case.)
    """
    stood = bool(before.waits_for or before.refused) and (not before.emitted or before.trail is not None)
    return stood and _standing(after) not in ("", _standing(before))


def _standing(row: StoredRow) -> str:
    if row.emitted and row.trail is None:
        return "reported"
    return "refused" if row.refused else ""


def goes_alone(visit: Visit, row: StoredRow) -> bool:
    """Whether a row is reported for the first time without a parent that is refused, by a level of the rule that counts this."""
    if row.emitted or visit.mapping.dialect.levels.get(PARENTS) != "warn":
        return False
    return any(parent.refused and not parent.emitted for parent in parents_of(visit, row))


def tail_of(visit: Visit, row: StoredRow) -> tuple[Header, ...]:
    """What the deliver stage must know of a record that is emitted, to hold what belongs to one that the platform refuses."""
    is_parent = row.role is not TableRole.FEE
    held = visit.mapping.dialect.levels.get(PARENTS, "refuse") == "refuse"
    if held:
        return (REPORTED,) if is_parent and row.emitted else ()
    return (REPORTED, ALONE) if is_parent and row.emitted else (ALONE,)


def reported_children(visit: Visit, row: StoredRow) -> str:
    """What was reported of the rows that belong to this one: table and key, as they may be shown; `""` where nothing was."""
    reported = [child for child in dependents(visit, row, before=None) if child.emitted]
    named = names_of(reported[:_NAMED], visit.mapping)
    return named if len(reported) <= _NAMED else f"{named}…（共 {len(reported)} 条）"
