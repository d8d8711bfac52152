"""Each part of a site with what waits for it and the one reason why it stands as it does, from what was asked. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypedDict

from connector.remedies import is_lost
from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REMEDIES
from streams.errors import YibaoError
from streams.lanes.deliver.held_cause import PAUSED
from streams.lanes.marks import deliver_mark
from streams.topics.steering import Pause
from yibao.captures_shown import Shown
from yibao.lag_asked import Measured
from yibao.lag_counted import Lag, by_kind, oldest_in, pace_of, waiting_in
from yibao.lags import ASIDE, StageLag
from yibao.lags_shown import Limits, age_s
from yibao.reasons import Reason, reason_of
from yibao.stage_marks import DELIVER, JOIN, PLACE, StageMarks
from yibao.standing_facts import Facts, Part, Slot
from yibao.status_paused import paused_facts

_FULL: Final = "No space left on device"
_SLOT: Final = "replication slot"
_LONGEST: Final = 200
"""Of a failure that is told in a line."""
_OF_A_PLAN: Final = ("flood_guard", "held", "unanswered")
"""Reasons that are so since a plan was opened."""


class _Aside(TypedDict):
    """What an institution that is aside adds to its facts."""

    aside: bool
    held: bool
    cause: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that was said."""

    at_ms: int
    """When, in milliseconds since the epoch."""
    brokers_away: str
    """Why no broker answers; `""` where they do."""
    connect_away: str
    """Why Connect does not answer; `""` where it does."""
    captures: Sequence[Shown]
    """Of each source that was asked for."""
    slots: Mapping[str, Slot]
    """Of the sources whose slot was looked at."""
    measured: Measured | None
    """How far the stages are; None while no broker answers."""
    stages: Sequence[StageLag]
    """What stands in the marks besides: open plans, institutions that are aside; empty while no broker answers."""
    pauses: Sequence[Pause] = ()
    """What waits because a person ordered it."""
    full: str
    """Where the disk of the workers on this machine is full; `""` where it is not, or none works here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One part of a site."""

    part: Part
    """What it is."""
    name: str
    """Of the source or institution; of others `""`."""
    waiting: int | None
    """Rows or records; None where that is not known, or nothing is counted there."""
    oldest_ms: int | None
    """When the oldest of them was captured; of a capture its last heartbeat."""
    since: str
    """Since when its reason is so, in ISO form; `""` where that is not known."""
    rate_per_s: float | None
    """What it takes a second."""
    drains: bool | None
    """Whether it gets less."""
    drained_in_s: float | None
    """In so many seconds nothing waits, at this pace."""
    reason: Reason
    """Why it stands as it does."""

    @property
    def title(self) -> str:
        """As people see it."""
        return f"{self.part.value} {self.name}".rstrip()


def lines_of(asked: Asked, limits: Limits) -> list[Line]:
    """Every part, in the order of the data."""
    lines = [*_site(asked), *(_capture(one, asked) for one in asked.captures)]
    stopped = {line.name for line in lines if line.part is Part.CAPTURE and line.reason.person}
    if asked.measured is None:
        names = [one.source.name for one in asked.captures]
        parts = [*((Part.PLACE, name) for name in names), (Part.JOIN, ""), (Part.DELIVER, "")]
        return [*lines, *(_line(Facts(part=part, name=name, asked=False, full=_full_of(part, asked)), ()) for part, name in parts)]
    lags, marks = asked.measured.lags, asked.measured.marks
    for one in asked.captures:
        name = one.source.name
        of_source = [lag for lag in lags if lag.stage == PLACE and lag.source == name]
        before = f"capture {name}" if name in stopped else ""
        lines.append(_stage(of_source, asked, limits, Facts(part=Part.PLACE, name=name, before=before)))
    of_join, of_deliver = ([lag for lag in lags if lag.stage == stage] for stage in (JOIN, DELIVER))
    lines.append(_stage(of_join, asked, limits, Facts(part=Part.JOIN)))
    deliver = _deliver(of_deliver, marks, asked, limits)
    return [*lines, deliver, *_institutions(of_deliver, deliver, asked, limits)]


def first_of(lines: Iterable[Line]) -> Line | None:
    """What a person looks at first: the most upstream and most severe of what waits for one. None where nothing does."""
    return min((line for line in lines if line.reason.person), key=lambda line: line.reason.rank, default=None)


def _site(asked: Asked) -> Iterator[Line]:
    if asked.brokers_away:
        yield _line(Facts(part=Part.SITE, name="brokers", away=asked.brokers_away, brokers=False), ())
    if asked.connect_away:
        yield _line(Facts(part=Part.SITE, name="connect", away=asked.connect_away), ())


def _capture(shown: Shown, asked: Asked) -> Line:
    stand, status = shown.stand, shown.status
    control, failure = stand.control, "" if status is None or status.failure is None else status.failure
    stopped = control is not None and control.stopped
    lost = is_lost(failure) or any(drift.where == _SLOT for drift in stand.drifts)
    facts = Facts(
        part=Part.CAPTURE,
        name=shown.source.name,
        asked=shown.asked,
        connector=_state(shown),
        failure=" ".join(failure.split())[:_LONGEST],
        mend=(shown.remedy if failure else stand.mend) or "",
        slot=Slot.LOST if lost else asked.slots.get(shown.source.name, Slot.UNKNOWN),
        silent=shown.silent and not asked.brokers_away,
        unseen=stand.unseen,
        changed="; ".join(control.reasons if control is not None and stopped else map(str, stand.drifts)),
        owed=() if control is None else control.read_again,
        full=failure[:_LONGEST] if _FULL in failure else "",
    )
    beat = None if shown.heartbeat_age_s is None else asked.at_ms - int(shown.heartbeat_age_s * 1000)
    line = replace(_line(facts, ()), waiting=None, oldest_ms=beat)
    return replace(line, since=control.since) if control is not None and line.reason.name == "source_changed" else line


def _state(shown: Shown) -> str:
    """What Connect says of connector and tasks in a word; `""` where it has none."""
    if shown.status is None:
        return "" if shown.asked else "RUNNING"
    states = [shown.status.state, *(task.state for task in shown.status.tasks)]
    return next((state for state in states if state != "RUNNING"), "RUNNING" if shown.status.tasks else "UNASSIGNED")


def _stage(lags: Sequence[Lag], asked: Asked, limits: Limits, facts: Facts) -> Line:
    """facts: what is known besides the lags."""
    facts = _paused(facts, asked)
    marks, waiting, moved = asked.measured.marks if asked.measured else None, waiting_in(lags), pace_of(lags)
    more = replace(
        facts,
        waiting=waiting,
        late=_late(oldest_in(lags), waiting, asked.at_ms, limits),
        rate_per_s=moved.rate_per_s,
        drains=moved.drains,
        workers=0 if marks is None else marks.workers(facts.part.value),
        unowned=sum(1 for lag in lags if lag.waiting and not lag.owner),
        full=_full_of(facts.part, asked),
    )
    return _line(more, lags)


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
    )
    line = _stage([_without(lag, aside) for lag in lags], asked, limits, facts)
    begun = [plan.opened_at for plan in held] or [plan.opened_at for plan in stage.plans]
    since = f"{min(begun).isoformat(timespec='seconds')}" if begun and line.reason.name in _OF_A_PLAN else ""
    return replace(line, since=since)


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
    for name in sorted({institution for institution, _service in kinds} | aside.keys()):
        own = [kind for which, kind in kinds.items() if which[0] == name]
        seen, entry = sum(kind.waiting for kind in own), aside.get(name)
        waiting = seen if whole or entry is None else max(seen, entry.waiting or 0)
        oldest = min((kind.oldest_ms for kind in own), default=None)
        facts = Facts(
            part=Part.INSTITUTION,
            name=name,
            waiting=waiting,
            late=_late(oldest, waiting, asked.at_ms, replace(limits, max_waiting=None)),
            before=deliver.title if deliver.reason.person else "",
            **_aside(entry),
        )
        facts = _paused(facts, asked, by_service=entry is not None and entry.causes == (PAUSED,))
        since = entry.since.isoformat(timespec="seconds") if entry is not None and entry.since is not None else ""
        yield replace(_line(facts, ()), oldest_ms=oldest, since=since)


def _aside(entry: StageLag | None) -> _Aside:
    if entry is None:
        return {"aside": False, "held": False, "cause": "", "mend": ""}
    cause = next(iter(entry.causes), "")
    key = f"its key is {entry.key}; yibao keys show, and {REMEDIES[HoldCause.ANSWER_CODE]}" if entry.key else ""
    return {"aside": True, "held": bool(cause), "cause": cause, "mend": key}


def _paused(facts: Facts, asked: Asked, *, by_service: bool = False) -> Facts:
    """With who paused it, and no hold beside: that is the pause's."""
    found = paused_facts(asked.pauses, facts.part, facts.name, by_service=by_service)
    if found is None:
        return facts
    held = facts.held and facts.cause != PAUSED
    return replace(facts, held=held, paused=found["paused"], ends=found["ends"], mend=found["mend"])


def _late(oldest_ms: int | None, waiting: int | None, now_ms: int, limits: Limits) -> bool:
    if limits.max_waiting is not None and waiting is not None and waiting > limits.max_waiting:
        return True
    return oldest_ms is not None and age_s(oldest_ms, now_ms) > limits.max_age_s


def _full_of(part: Part, asked: Asked) -> str:
    """Place and join keep a copy of their state."""
    return asked.full if part in (Part.PLACE, Part.JOIN) else ""


def _line(facts: Facts, lags: Sequence[Lag]) -> Line:
    moved = pace_of(lags)
    return Line(
        part=facts.part,
        name=facts.name,
        waiting=facts.waiting if facts.asked and facts.part is not Part.SITE else None,
        oldest_ms=oldest_in(lags),
        since="",
        rate_per_s=moved.rate_per_s,
        drains=moved.drains,
        drained_in_s=moved.drained_in_s,
        reason=reason_of(facts),
    )
