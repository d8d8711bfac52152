"""Why a part of a site does not move: one reason, the most upstream and most severe first, with what mends it. Pure.

The table is gone through from its top; the first line whose condition is so is the reason, and the last line is always so.
"""

from dataclasses import dataclass

from yibao.status.facts import Facts
from yibao.status.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one part stands as it does."""

    name: str
    """Of the rule."""
    rank: int
    """Its place in the table: lower is more upstream, or more severe."""
    says: str
    """In words."""
    mend: str
    """What a person does; `""` where there is nothing to do."""
    person: bool
    """Whether it waits for a person."""
    ordered: bool = False
    """Whether a person ordered it."""


def reason_of(facts: Facts) -> Reason:
    """The one reason."""
    rank, rule = next((rank, rule) for rank, rule in enumerate(RULES) if rule.when(facts))
    says, mend, person = rule.says(facts), rule.mend(facts), rule.person(facts)
    return Reason(name=rule.name, rank=rank, says=says, mend=mend, person=person, ordered=rule.ordered)
