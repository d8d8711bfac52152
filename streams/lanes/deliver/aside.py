"""What of one institution is set aside in a partition, as it stands in the deliver lane's mark: its records wait where they are, in
`visit.ready`, while those of the others go on. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import orjson

from streams.lanes.deliver.held_cause import PAUSED
from streams.lanes.deliver.plan import Plan, plan_in
from streams.lanes.mark_text import foreign, number_in, object_in, refuse_others

MOST_BYTES: Final = 1000
"""Of all that is aside, when one more institution is: the metadata of an offset holds 4,096 bytes, and the longest plan takes some
2,600 of them."""
MOST_GROWN_BYTES: Final = 1450
"""Of all that is aside, while refusals are noted in it."""

_MEMBERS: Final = frozenset({"n", "o", "w", "t", "r", "p", "a", "k", "f", "c", "h"})
_LISTED: Final = (("no", "ns"), ("x", "xs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One institution's place behind the lane: of its records, all are settled before `number`, and none from there on, except for
    what the plan says.
    """

    number: int
    """Of the first record of the partition that may wait."""
    offset: int
    """Where it stands in `visit.ready`, or before."""
    since: int
    """Seconds since the epoch: when it was set aside."""
    waiting: int = 0
    """How many of its records wait before the lane's own offset; behind it while the plan that it was set aside in is open."""
    refused_in_a_row: int = 0
    """Its records refused since one was accepted, for the flood guard."""
    plan: Plan | None = None
    """The plan that is delivered next, under the ids that it has; None where the next one may be cut anew."""
    whole: bool = False
    """Whether the plan is one of the lane: cut from the records of all institutions, of which only this one's are left."""
    skipped: int = 0
    """Of the plan's next batch, so many records from the first are settled."""
    fresh: bool = False
    """Whether nothing of it in a plan of the lane is settled or refused."""
    cause: str = ""
    """Why it is held (`held_cause`); `""` where that is not known, or it is let in."""

    @property
    def is_paused(self) -> bool:
        """Whether it waits because a person ordered it."""
        return self.cause == PAUSED

    @property
    def may_be_cut_anew(self) -> bool:
        """Whether no id of the plan was seen by the platform, or could have been."""
        plan = self.plan
        if plan is None or not plan.quiet or plan.of_orphans or self.skipped:
            return False
        return self.fresh if self.whole else not (plan.settled or plan.refused)

    def document(self) -> dict[str, object]:
        """As it is committed within the mark."""
        said: dict[str, object] = {"n": self.number, "o": self.offset, "t": self.since, "w": self.waiting}
        if self.refused_in_a_row:
            said["r"] = self.refused_in_a_row
        if self.plan is not None:
            said["p"] = _plan_document(self.plan)
        if self.skipped:
            said["k"] = self.skipped
        flags = ({"a": 1} if self.whole else {}) | ({"f": 1} if self.fresh else {})
        cause = {"h": 1} if self.is_paused else {"c": self.cause} if self.cause else {}
        return said | flags | cause

    def in_short(self) -> "Aside":
        """Without its cause, but for a pause: a version that knows no such order must not let it go on."""
        return self if self.is_paused else replace(self, cause="")


def bytes_of(aside: Mapping[str, Aside]) -> int:
    """What it takes of a mark, at least: causes stand there where there is room."""
    return len(orjson.dumps({name: entry.in_short().document() for name, entry in aside.items()}))


def lowest(aside: Iterable[Aside], seq: int) -> int:
    """The number up to which a partition is settled for whoever waits for it. seq: the lane's own."""
    return min([seq, *(entry.number for entry in aside)])


def aside_in(value: object) -> dict[str, Aside]:
    """What is aside in a mark. Raises Fatal where it is none of ours, Newer where a later version wrote it."""
    return {name: _entry(object_in(said)) for name, said in object_in(value).items()}


def _entry(said: dict[str, object]) -> Aside:
    refuse_others(said, _MEMBERS)
    return Aside(
        number=number_in(said, "n"),
        offset=number_in(said, "o"),
        since=number_in(said, "t"),
        waiting=number_in(said, "w"),
        refused_in_a_row=number_in(said, "r") if "r" in said else 0,
        plan=_plan(object_in(said["p"])) if "p" in said else None,
        whole="a" in said,
        skipped=number_in(said, "k") if "k" in said else 0,
        fresh="f" in said,
        cause=PAUSED if "h" in said else f"{said.get('c', '')}",
    )


def _plan_document(plan: Plan) -> dict[str, object]:
    """A plan whose bits are listed where that is shorter: one refusal at its end takes a thousand characters otherwise."""
    said = plan.document()
    for bits, listed in _LISTED:
        text = f"{said.get(bits, '0')}"
        numbers = ",".join(f"{place:x}" for place in _places(int(text, 16)))
        if len(numbers) < len(text) - 1:
            said[bits], said[listed] = "0", numbers
    return said


def _plan(said: dict[str, object]) -> Plan:
    plain = dict(said)
    for bits, listed in _LISTED:
        if listed in plain:
            plain[bits] = format(_bits(plain.pop(listed)), "x")
    return plan_in(plain)


def _places(bits: int) -> list[int]:
    return [place for place in range(bits.bit_length()) if bits >> place & 1]


def _bits(listed: object) -> int:
    try:
        return sum(1 << int(place, 16) for place in f"{listed}".split(","))
    except ValueError as exc:
        raise foreign() from exc
