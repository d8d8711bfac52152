"""What of a site's parts waits because a person ordered it, as facts of `yibao status`. Pure."""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from streams.topics.steering import Pause, Paused
from yibao.standing_facts import Part

_OF: dict[Part, Paused] = {
    Part.PLACE: Paused.SOURCE,
    Part.INSTITUTION: Paused.INSTITUTION,
}


class PausedFacts(TypedDict):
    """What a pause adds to the facts of a part."""

    paused: str
    ends: bool
    mend: str


def paused_facts(pauses: Iterable[Pause], part: Part, name: str, *, by_service: bool = False) -> PausedFacts | None:
    """Of a part; None where nobody paused it. by_service: records of an institution wait, and no fault of it is known."""
    stage = (Paused.STAGE, part.value)
    own = (_OF[part], name) if part in _OF else stage
    found = [one for one in pauses if (one.of, one.name) in (stage, own)]
    found = found or [one for one in pauses if by_service and one.of is Paused.SERVICE]
    return _facts(found) if found else None


def _facts(pauses: Sequence[Pause]) -> PausedFacts:
    one = next((pause for pause in pauses if not pause.until), pauses[0])
    until = f" until {one.until}" if one.until else ""
    return {
        "paused": f"{one.of} {one.name}{until}, by {one.by}: {one.why}",
        "ends": bool(one.until),
        "mend": f"yibao resume --{one.of} {one.name} --why …",
    }
