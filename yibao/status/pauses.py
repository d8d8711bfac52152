"""What a person paused, as a fact of the part of a site that waits for it. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from streams.spec.fields import ServiceCode
from streams.spec.masking import mask_text
from streams.topics.steering import Pause, Paused
from yibao.lag.shown import Limits, age_s
from yibao.moments import span
from yibao.status.facts import Part

_STAGES: Final = {Part.PLACE: "place", Part.JOIN: "join", Part.DELIVER: "deliver"}


class Order(NamedTuple):
    """A pause, in words."""

    paused: str
    """What is so, who ordered it, and why."""
    mend: str
    """What lets it go on."""
    until: str
    """When it ends by itself, in ISO form; `""`: it does not."""
    since: str
    """In ISO form."""


def order_of(pauses: Iterable[Pause], part: Part, name: str, *, by_service: bool = False) -> Order | None:
    """What a part waits for; None where nothing of it is paused. One that does not end by itself comes first. name: of the source
    or institution. by_service: the institution waits for a pause, which may be that of a service.
    """
    found = sorted(filter(lambda one: _concerns(one, part, name, by_service=by_service), pauses), key=lambda one: bool(one.until))
    return _order(found[0]) if found else None


def pressing(order: Order, oldest_ms: int | None, now_ms: int, limits: Limits) -> str:
    """Why a pause with an end must be looked at all the same, for what it keeps back; `""` where it need not."""
    if oldest_ms is None or not order.until:
        return ""
    age = age_s(oldest_ms, now_ms)
    if age > limits.max_paused_s:
        return f"the oldest has waited for {span(age)}, more than {span(limits.max_paused_s)} (lag.max_paused_s)"
    then_s = (datetime.fromisoformat(order.until) - datetime.fromtimestamp(oldest_ms / 1000, UTC)).total_seconds()
    if then_s > limits.kept_s / 2:
        return f"at its end the oldest has waited for {span(then_s)}, and is kept for {span(limits.kept_s)} (retention)"
    return ""


def untold(pauses: Iterable[Pause], told: str, sources: Iterable[str]) -> Iterator[tuple[str, Order]]:
    """Those that no part gives as its reason, each with a name: that of a service, and what a worse fault hides. told: all reasons.
    sources: those that were asked for.
    """
    known = frozenset(sources)
    for pause in pauses:
        order = _order(pause)
        if order.paused not in told and (pause.of is not Paused.SOURCE or pause.name in known):
            yield f"{pause.of.value} {_said(pause)}", order


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
    told = f"{pause.of.value} {_said(pause)}, {until}, by {pause.by}: {mask_text(pause.why)}"
    return Order(told, f"yibao resume --{pause.of.value} {_said(pause)} --why …", pause.until, pause.since)


def _said(pause: Pause) -> str:
    return ServiceCode(pause.name).name.lower() if pause.of is Paused.SERVICE else pause.name
