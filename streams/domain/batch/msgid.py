"""Message ids: the interface's only idempotency (§3.2.1, 32 characters), computed from the plan and never random.

    org code 12 | yyyyMMddHHmmss 14 | partition 2 | plan within the second 1 | node 3        base 36, lower case
                  └──────────────────── plan id, 17 ───────────────────────┘

The wall-clock time of a partition's plans never goes back, whatever the clock does, so no id is ever made twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from streams.errors import Misconfigured

PlanId: TypeAlias = str

MSGID_CHARS = 32
PLANS_PER_SECOND = 36
MAX_PARTITIONS = 36**2
_INSTITUTION_CHARS = 12
_WALL_FORMAT = "%Y%m%d%H%M%S"
_WALL_CHARS = 14
_PLAN_CHARS = 17
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PlanStamp:
    """When a plan was opened. Stamps compare in the order of time."""

    wall: str
    """`yyyyMMddHHmmss` on the site's clock."""
    sequence: int
    """Number of the plan within that second, 0 to 35."""


def next_plan(last: PlanStamp | None, now: datetime) -> PlanStamp:
    """The stamp of the next plan of a partition, later than `last` even if the clock was set back.

    now: aware, in the site's time zone. On a clock that stands or was set back, stamps go on from `last`; after 36 plans in one
    second they move on to the next second.
    """
    if now.tzinfo is None:
        raise ValueError("the time of a plan needs a time zone")
    wall = now.strftime(_WALL_FORMAT)
    if last is None or wall > last.wall:
        return PlanStamp(wall=wall, sequence=0)
    if last.sequence + 1 < PLANS_PER_SECOND:
        return PlanStamp(wall=last.wall, sequence=last.sequence + 1)
    return PlanStamp(wall=_second_after(last.wall), sequence=0)


def plan_id(at: PlanStamp, partition: int) -> PlanId:
    """The 17 characters that all msgids of one plan share."""
    return at.wall + base36(partition, width=2) + base36(at.sequence, width=1)


def stamp_of(plan: PlanId) -> PlanStamp:
    """The stamp inside a plan id, for a lane that finds one in the metadata of its committed offset.

    Raises ValueError when it is not a plan id.
    """
    wall, sequence = plan[:_WALL_CHARS], plan[_PLAN_CHARS - 1 :]
    if len(plan) != _PLAN_CHARS or sequence not in _DIGITS:
        raise ValueError("not a plan id of 17 characters")
    datetime.strptime(wall, _WALL_FORMAT).replace(tzinfo=UTC)
    return PlanStamp(wall=wall, sequence=_DIGITS.index(sequence))


def msgid(institution: str, plan: PlanId, node: int, *, chars: int = MSGID_CHARS) -> str:
    """The id of one batch of a plan. chars: 36 for platforms that read the interface's "12 + 24" literally.

    Raises Misconfigured when the institution's code is not 12 characters (see `check_institution`).
    """
    check_institution(institution)
    return institution + plan + base36(node, width=chars - _INSTITUTION_CHARS - _PLAN_CHARS)


def check_institution(institution: str) -> None:
    """Raise Misconfigured unless the code has the 12 characters that a msgid begins with. Call it at start for each institution."""
    if len(institution) != _INSTITUTION_CHARS or not institution.isascii() or not institution.isalnum():
        raise Misconfigured(
            f"institution code {institution!r} in site.yaml has {len(institution)} characters; a msgid (interface §3.2.1) begins "
            "with the 12 letters and digits of FIXMEDINS_CODE, such as H36110200001: correct the code"
        )


def base36(number: int, *, width: int) -> str:
    """`number` in exactly `width` digits of 0-9a-z. Raises ValueError when it does not fit."""
    if not 0 <= number < 36**width:
        raise ValueError(f"{number} does not fit into {width} digits of base 36")
    digits = ""
    for _ in range(width):
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


def _second_after(wall: str) -> str:
    at = datetime.strptime(wall, _WALL_FORMAT).replace(tzinfo=UTC)
    return (at + timedelta(seconds=1)).strftime(_WALL_FORMAT)
