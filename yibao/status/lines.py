"""Each part of a site with what waits for it and the one reason why it stands as it does, from what was asked. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypedDict

from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REMEDIES
from streams.errors import YibaoError
from streams.lanes.deliver.held_cause import PAUSED
from streams.lanes.marks import deliver_mark
from streams.spec.masking import mask_text
from streams.topics.steering import Paused
from yibao.lag.counted import Lag, by_kind, oldest_in, pace_of, stands, waiting_in
from yibao.lag.marks import DELIVER, JOIN, PLACE, StageMarks
from yibao.lag.shown import Limits, age_s
from yibao.lag.stages import ASIDE, StageLag
from yibao.moments import span
from yibao.status.captures import capture_line
from yibao.status.facts import Facts, Part
from yibao.status.heard import Heard, heard_of
from yibao.status.parts import Asked, Line, line_of
from yibao.status.pauses import Order, order_of, pressing, untold
from yibao.status.throttled import throttled_by
from yibao.status.waits import parts_said

_OWN_LIMIT: Final = "its requests wait for their turn, by its own limit"
_NO_MORE: Final = "the platform takes no more of it for now (429)"
_OF_A_PLAN: Final = ("flood_guard", "held", "unanswered")
"""Reasons that are so since a plan was opened."""

_GO_ON: Final = frozenset({"drained", "moves", "late", "grows", "throttled", "drains_after_maintenance", "waits_for_parts"})
"""Reasons with which a stage that needs nobody lets records through."""


class _Aside(TypedDict):
    """What an institution that is aside adds to its facts."""

    aside: bool
    held: bool
    cause: str
    mend: str


class _Maintained(TypedDict):
    """What the platform's maintenance adds to facts."""

    maintained: str
    after_maintenance: str


def _maintained(asked: Asked) -> _Maintained:
    window = asked.maintenance
    said = "" if window is None else mask_text(window.line)
    inside = window is not None and window.inside
    return {"maintained": said if inside else "", "after_maintenance": "" if inside else said}


def lines_of(asked: Asked, limits: Limits) -> list[Line]:
    """Every part, in the order of the data."""
    lines = [*_site(asked), *(capture_line(one, asked) for one in asked.captures)]
    stopped = {line.name for line in lines if line.part is Part.CAPTURE and line.reason.person}
    if asked.measured is None:
        names = [one.source.name for one in asked.captures]
        parts = [*((Part.PLACE, name) for name in names), (Part.JOIN, ""), (Part.DELIVER, "")]
        return [
            *lines,
            *(line_of(Facts(part=part, name=name, asked=False, full=_full_of(part, asked)), ()) for part, name in parts),
        ]
    lags, marks = asked.measured.lags, asked.measured.marks
    for one in asked.captures:
        name = one.source.name
        of_source = [lag for lag in lags if lag.stage == PLACE and lag.source == name]
        before = f"capture {name}" if name in stopped else ""
        lines.append(_stage(of_source, asked, limits, Facts(part=Part.PLACE, name=name, before=before)))
    of_join, of_deliver = ([lag for lag in lags if lag.stage == stage] for stage in (JOIN, DELIVER))
    lines.append(_stage(of_join, asked, limits, Facts(part=Part.JOIN, parts=parts_said(asked.parts, now_ms=asked.at_ms))))
    deliver = _deliver(of_deliver, marks, asked, limits)
    lines += [deliver, *_institutions(of_deliver, deliver, asked, limits)]
    return [*_untold(lines, asked), *lines]


def _untold(lines: Iterable[Line], asked: Asked) -> Iterator[Line]:
    told = "\n".join(line.reason.says for line in lines)
    for name, order in untold(asked.pauses, told, (one.source.name for one in asked.captures)):
        facts = Facts(part=Part.SITE, name=name, paused=order.paused, mend=order.mend, ends=bool(order.until))
        yield replace(line_of(facts, ()), since=order.since)


def first_of(lines: Iterable[Line]) -> Line | None:
    """What a person looks at first: the most upstream and most severe of what waits for one. None where nothing does."""
    return min((line for line in lines if line.reason.person), key=lambda line: line.reason.rank, default=None)


def _site(asked: Asked) -> Iterator[Line]:
    if asked.brokers_away:
        yield line_of(Facts(part=Part.SITE, name="brokers", away=asked.brokers_away, brokers=False), ())
    if asked.connect_away:
        yield line_of(Facts(part=Part.SITE, name="connect", away=asked.connect_away), ())


def _stage(lags: Sequence[Lag], asked: Asked, limits: Limits, facts: Facts) -> Line:
    """facts: what is known besides the lags."""
    marks, waiting, moved = asked.measured.marks if asked.measured else None, waiting_in(lags), pace_of(lags)
    heard, late = heard_of(asked.heard, facts.part.value), _late(oldest_in(lags), waiting, asked.at_ms, limits)
    more = replace(
        facts,
        stuck=heard.stuck,
        stuck_pids=heard.pids,
        beginning=heard.beginning,
        platform=heard.platform,
        waiting=waiting,
        late=late,
        throttled=throttled_by(asked.limits, "", heard=heard.throttled, late=late) if facts.part is Part.DELIVER else "",
        rate_per_s=moved.rate_per_s,
        drains=moved.drains,
        idle=sum(1 for lag in lags if stands([lag])),
        workers=0 if marks is None else marks.workers(facts.part.value),
        unowned=sum(1 for lag in lags if lag.waiting and not lag.owner),
        full=_full_of(facts.part, asked),
    )
    order = order_of(asked.pauses, facts.part, facts.name)
    return _paused(more, lags, order, "" if order is None else pressing(order, oldest_in(lags), asked.at_ms, limits))


def _paused(facts: Facts, lags: Sequence[Lag], order: Order | None, pressed: str) -> Line:
    """With what a person ordered, where that is so."""
    if order is None:
        return line_of(facts, lags)
    known = replace(facts, paused=order.paused, mend=order.mend, ends=bool(order.until), pressing=pressed)
    line = line_of(known, lags)
    return replace(line, since=order.since) if line.reason.name == "paused" else line


def _deliver(lags: Sequence[Lag], marks: StageMarks, asked: Asked, limits: Limits) -> Line:
    """What is aside is told of its institution, and is no reason of the stage."""
    (stage,) = (one for one in asked.stages if one.stage == DELIVER)
    aside = {f"{one.source}" for one in asked.stages if one.stage == ASIDE}
    held = [plan for plan in stage.plans if plan.held or plan.cause]
    now = datetime.fromtimestamp(asked.at_ms / 1000, UTC)
    open_s = [(now - plan.opened_at).total_seconds() for plan in stage.plans if plan not in held and plan.is_long(now)]
    facts = Facts(
        part=Part.DELIVER,
        held=bool(held),
        cause=next((plan.cause for plan in held if plan.cause), ""),
        where=_where({plan.partition for plan in held}, lags),
        unanswered_s=max(open_s, default=0.0),
        awaited=_awaited(marks),
        **_maintained(asked),
    )
    line = _stage([_without(lag, aside) for lag in lags], asked, limits, facts)
    begun = [plan.opened_at for plan in held] or [plan.opened_at for plan in stage.plans]
    since = f"{min(begun).isoformat(timespec='seconds')}" if begun and line.reason.name in _OF_A_PLAN else ""
    return replace(line, since=since or line.since)


def _where(partitions: Collection[int], lags: Iterable[Lag]) -> str:
    """Partitions, and whose records wait there where they are of one institution."""
    of = {institution for lag in lags if lag.partition in partitions for institution, _service in lag.kinds}
    named = f"partition{'s' if len(partitions) > 1 else ''} {', '.join(map(str, sorted(partitions)))}" if partitions else ""
    return f"{named}, records of {of.pop()}" if named and len(of) == 1 else named


def _without(lag: Lag, aside: Collection[str]) -> Lag:
    """Without what is aside, as far as it can be told."""
    if not aside:
        return lag
    kinds = {which: kind for which, kind in lag.kinds.items() if which[0] not in aside}
    rest = sum(kind.waiting for kind in kinds.values()) if lag.all_kinds and lag.waiting is not None else lag.waiting
    return replace(lag, kinds=kinds, waiting=rest, oldest_ms=min((kind.oldest_ms for kind in kinds.values()), default=None))


def _awaited(marks: StageMarks) -> int:
    """Records that wait for a visit or settlement which the platform refused."""
    waiting = 0
    for one in marks.delivered.values():
        with suppress(YibaoError):
            waiting += deliver_mark(one.metadata).orphans[1]
    return waiting


def _institutions(lags: Sequence[Lag], deliver: Line, asked: Asked, limits: Limits) -> Iterator[Line]:
    """Those of which something waits, or is aside."""
    kinds = by_kind(lags)
    whole = all(lag.all_kinds for lag in lags)
    aside = {f"{one.source}": one for one in asked.stages if one.stage == ASIDE}
    paused = {one.name for one in asked.pauses if one.of is Paused.INSTITUTION}
    heard = heard_of(asked.heard, DELIVER)
    parts = {one.institution for one in asked.parts.of} - {""}
    for name in sorted({institution for institution, _service in kinds} | aside.keys() | paused | parts):
        own = [kind for which, kind in kinds.items() if which[0] == name]
        seen, entry = sum(kind.waiting for kind in own), aside.get(name)
        waiting = seen if whole or entry is None else max(seen, entry.waiting or 0)
        oldest = min((kind.oldest_ms for kind in own), default=None)
        late = _late(oldest, waiting, asked.at_ms, replace(limits, max_waiting=None))
        facts = Facts(
            part=Part.INSTITUTION,
            name=name,
            waiting=waiting,
            late=late,
            throttled=throttled_by(asked.limits, name, heard=_heard_of(name, heard), late=late),
            parts=parts_said(asked.parts.only(institution=name), now_ms=asked.at_ms),
            before=_before(deliver),
            probed=_probed(heard.probes.get(name), asked),
            **_aside(entry),
            **_maintained(asked),
        )
        by_service = entry is not None and PAUSED in entry.causes
        order = order_of(asked.pauses, Part.INSTITUTION, name, by_service=by_service)
        line = _paused(facts, (), order, "" if order is None else pressing(order, oldest, asked.at_ms, limits))
        since = entry.since.isoformat(timespec="seconds") if entry is not None and entry.since is not None else ""
        yield replace(line, oldest_ms=oldest, since=line.since or since)


def _heard_of(name: str, heard: Heard) -> str:
    """What lets its requests wait."""
    again = f", and is asked again at {heard.probes[name].isoformat(timespec='seconds')}" if name in heard.probes else ""
    return "; ".join([*([_NO_MORE + again] if name in heard.refused else []), *([_OWN_LIMIT] if name in heard.limited else [])])


def _probed(at: datetime | None, asked: Asked) -> str:
    """When an institution is asked again. A time that is over is now: the probe is under way."""
    if at is None:
        return ""
    left_s = (at - datetime.fromtimestamp(asked.at_ms / 1000, UTC)).total_seconds()
    return f"at {at.astimezone(asked.zone).isoformat(timespec='seconds')}, in {span(left_s)}" if left_s > 0 else "just now"


def _before(stage: Line) -> str:
    """A stage, and why it stands, where nothing of anybody goes through it."""
    stands = stage.reason.person or stage.reason.name not in _GO_ON
    return f"{stage.title}: {stage.reason.name.replace('_', ' ')}" if stands else ""


def _aside(entry: StageLag | None) -> _Aside:
    if entry is None:
        return {"aside": False, "held": False, "cause": "", "mend": ""}
    cause = next((cause for cause in entry.causes if cause != PAUSED), "")
    key = f"its key is {entry.key}; yibao keys show, and {REMEDIES[HoldCause.ANSWER_CODE]}" if entry.key else ""
    return {"aside": True, "held": bool(cause), "cause": cause, "mend": key}


def _late(oldest_ms: int | None, waiting: int | None, now_ms: int, limits: Limits) -> bool:
    if limits.max_waiting is not None and waiting is not None and waiting > limits.max_waiting:
        return True
    return oldest_ms is not None and age_s(oldest_ms, now_ms) > limits.max_age_s


def _full_of(part: Part, asked: Asked) -> str:
    """Place and join keep a copy of their state."""
    return asked.full if part in (Part.PLACE, Part.JOIN) else ""
