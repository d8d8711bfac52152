"""Message ids: the interface's only idempotency (§3.2.1, 32 characters), computed from the plan and never random.

    org code 12 | seconds since 2020 6 | site 4 | partition 2 | plan within the second 2 | node 4 | layout 2     base 36, lower case
                  └──────────────────────── plan id, 14 ─────────────────────────────┘

The site part is the mark that the site's topics were bound with, so two sites that report for one institution make no id alike: on
the same brokers marks are drawn apart; on others two are the same with a chance of 1 in 1,679,616, and then also the second, the
partition and the plan's number would have to be. The time of a partition's plans never goes back, whatever the clock does, so no id
is ever made twice.

Layout 1, without a site part, had `yyyyMMddHHmmss 14 | partition 2 | plan 1` as the plan's id, and a node of 3 behind it. A plan
that was opened so keeps its ids. The two are never alike: in layout 1 the year follows the code (`20…`), which the seconds of
layout 2 began with in November 2023 alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from streams.errors import Misconfigured

PlanId: TypeAlias = str

MSGID_CHARS = 32
PLANS_PER_SECOND = 36**2
MAX_PARTITIONS = 36**2
SITE_CHARS: Final = 4
LAYOUT: Final = 2
"""The layout of the plans that are opened now."""
_LAYOUT_END: Final = "02"
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_INSTITUTION_CHARS = 12
_SECOND_CHARS = 6
_PLAN_CHARS = 14
_FIRST_LAYOUT_PLAN_CHARS = 17
_FIRST_LAYOUT_WALL = "%Y%m%d%H%M%S"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PlanStamp:
    """When a plan was opened. Stamps compare in the order of time."""

    second: int
    """Since the beginning of 2020, UTC."""
    sequence: int
    """Number of the plan within that second, 0 to 1295."""


def next_plan(last: PlanStamp | None, now: datetime) -> PlanStamp:
    """The stamp of the next plan of a partition, later than `last` even if the clock was set back.

    now: aware. On a clock that stands or was set back, stamps go on from `last`; after 1,296 plans in one second they move on to
    the next second. A clock before 2020 counts as its beginning.
    """
    if now.tzinfo is None:
        raise ValueError("the time of a plan needs a time zone")
    second = max(0, int((now - _EPOCH).total_seconds()))
    if last is None or second > last.second:
        return PlanStamp(second=second, sequence=0)
    if last.sequence + 1 < PLANS_PER_SECOND:
        return PlanStamp(second=last.second, sequence=last.sequence + 1)
    return PlanStamp(second=last.second + 1, sequence=0)


def plan_id(at: PlanStamp, partition: int, *, site: str) -> PlanId:
    """The 14 characters that all msgids of one plan share. site: the 4 of the site's mark. Raises ValueError for other ones."""
    if len(site) != SITE_CHARS or not set(site) <= set(_DIGITS):
        raise ValueError("a site's mark has 4 digits of base 36")
    return base36(at.second, width=_SECOND_CHARS) + site + base36(partition, width=2) + base36(at.sequence, width=2)


def stamp_of(plan: PlanId) -> PlanStamp | None:
    """The stamp inside a plan id, for a lane that finds one in the metadata of its committed offset; None for an id of layout 1,
    than which every one of layout 2 is another, whenever it is made.

    Raises ValueError when it is not a plan id.
    """
    if not set(plan) <= set(_DIGITS):
        raise ValueError("not a plan id: it has other characters than the digits of base 36")
    if len(plan) == _PLAN_CHARS:
        return PlanStamp(second=int(plan[:_SECOND_CHARS], 36), sequence=int(plan[-2:], 36))
    if len(plan) != _FIRST_LAYOUT_PLAN_CHARS:
        raise ValueError("not a plan id of 14 or 17 characters")
    datetime.strptime(plan[:-3], _FIRST_LAYOUT_WALL).replace(tzinfo=UTC)
    return None


def layout_of(plan: PlanId) -> int:
    """The layout of a plan's msgids."""
    return 1 if len(plan) == _FIRST_LAYOUT_PLAN_CHARS else LAYOUT


def msgid(institution: str, plan: PlanId, node: int, *, chars: int = MSGID_CHARS) -> str:
    """The id of one batch of a plan. chars: 36 for platforms that read the interface's "12 + 24" literally.

    Raises Misconfigured when the institution's code is not 12 characters (see `check_institution`).
    """
    check_institution(institution)
    end = "" if layout_of(plan) == 1 else _LAYOUT_END
    return institution + plan + base36(node, width=chars - _INSTITUTION_CHARS - len(plan) - len(end)) + end


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
