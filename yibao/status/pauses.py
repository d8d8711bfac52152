"""What a person paused, as a fact of the part of a site that waits for it. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.spec.fields import ServiceCode
from streams.topics.steering import Pause, Paused
from yibao.status.facts import Part

_STAGES: Final = {Part.PLACE: "place", Part.JOIN: "join", Part.DELIVER: "deliver"}


class Order(NamedTuple):
    """A pause, in words."""

    paused: str
    """What is so, who ordered it, and why."""
    mend: str
    """What lets it go on."""
    ends: bool
    """Whether it ends by itself."""
    since: str
    """In ISO form."""


def order_of(pauses: Iterable[Pause], part: Part, name: str, *, by_service: bool = False) -> Order | None:
    """What a part waits for; None where nothing of it is paused. One that does not end by itself comes first. name: of the source
    or institution. by_service: the institution waits for a pause, which may be that of a service.
    """
    found = sorted(filter(lambda one: _concerns(one, part, name, by_service=by_service), pauses), key=lambda one: bool(one.until))
    return _order(found[0]) if found else None


def _concerns(pause: Pause, part: Part, name: str, *, by_service: bool) -> bool:
    match pause.of:
        case Paused.STAGE:
            return _STAGES.get(part) == pause.name
        case Paused.SERVICE:
            return by_service
        case Paused.SOURCE:
            return part is Part.PLACE and pause.name == name
        case Paused.INSTITUTION:
            return part is Part.INSTITUTION and pause.name == name


def _order(pause: Pause) -> Order:
    until = f"until {pause.until}" if pause.until else "until somebody resumes it"
    said = ServiceCode(pause.name).name.lower() if pause.of is Paused.SERVICE else pause.name
    told = f"{pause.of.value} {said}, {until}, by {pause.by}: {pause.why}"
    return Order(told, f"yibao resume --{pause.of.value} {said} --why …", bool(pause.until), pause.since)
