"""How far behind each stage is: in rows and records, by the numbers that the stages count themselves."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from streams.errors import YibaoError
from streams.lanes.deliver.aside import Aside
from streams.lanes.deliver.held_cause import PAUSED
from streams.lanes.marks import deliver_mark
from streams.lanes.passed_marks import aside_of
from streams.mapping import Site
from streams.platform_wiring import fingerprint_of
from streams.topics.broker import Broker, CommittedOffset
from streams.wording import count_of
from yibao.lag.counted import counted, waiting_in
from yibao.lag.marks import DELIVER, JOIN, PLACE, StageMarks, stage_marks

ASIDE: Final = "aside"
"""What stands in a stage's place where it is about an institution."""
_OF_KEY: Final = ("answer_code 40006", "seal")
"""How causes begin for which an institution's key is looked at."""
_LONG_S: Final = 120.0
"""A plan of 3,000 records is through in less, of a platform that answers in a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlan:
    """What a lane of the deliver stage has under way, as it stands beside its offset."""

    partition: int
    """Of `visit.ready`."""
    id: str
    """Of the plan: `plan` in the log."""
    records: int
    """How many it has."""
    opened_at: datetime
    """Since when it is under way."""
    held: bool
    """Whether the lane is held, and the platform has taken nothing of what is open: the platform, or something of ours, is at fault
    and no record is."""
    cause: str = ""
    """Why the lane is held: a cause and the platform's code; `""` where it is not, or nobody heard why."""

    def is_long(self, now: datetime) -> bool:
        """Whether it is under way for longer than a healthy platform takes."""
        return self.held or bool(self.cause) or (now - self.opened_at).total_seconds() > _LONG_S

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        opened = self.opened_at.isoformat(timespec="seconds")
        about = {"partition": self.partition, "plan": self.id, "records": self.records, "opened_at": opened, "held": self.held}
        return {**about, "cause": self.cause}

    def lines(self, now: datetime) -> list[str]:
        """As a person reads it, with what to do."""
        opened, minutes = self.opened_at.isoformat(" ", timespec="seconds"), (now - self.opened_at).total_seconds() / 60
        state = (
            "held, nothing of it was taken: the platform, or a key, certificate or address of ours, is at fault"
            if self.held
            else "not through: held, or the platform does not answer, or is slow"
        ) + (f" [{self.cause}]" if self.cause else "")
        what = f"deliver, partition {self.partition}: plan {self.id} ({count_of(self.records, 'record')})"
        why = "its worker says why and what to do, every minute: lane_held, lane_stopped or breaker_opened, with cause and remedy"
        return [f"{what} is open since {opened} ({minutes:.0f} min), {state}", f"  {why} (docs/operations.md, A lane that stands)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLag:
    """One stage; of place, one source of it."""

    stage: str
    """`place`, `join`, `deliver`, or `aside` for an institution that is set aside; what waits of it counts for deliver, too."""
    source: str | None
    """Of place: whose rows; of what is aside: the institution; None of the others."""
    waiting: int | None
    """What has come for it and is not taken yet, in rows, of deliver in records; None where its offsets say nothing."""
    workers: int
    """How many take part in it now."""
    plans: tuple[OpenPlan, ...] = ()
    """Of deliver: what its lanes have under way."""
    since: datetime | None = None
    """Of what is aside: when it was set aside first; None of the others."""
    causes: tuple[str, ...] = ()
    """Of what is aside: why, in each of its partitions; empty where nobody heard it, or it is let in and catches up."""
    key: str = ""
    """Of what is aside because its key may be wrong: file and fingerprint of the key."""

    @property
    def is_well(self) -> bool:
        """Whether somebody takes part in it, and nothing of it waits for a person."""
        return self.workers > 0 and self.since is None and not any(plan.held or plan.cause for plan in self.plans)

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        more: dict[str, object] = {"plans": [one.document for one in self.plans]} if self.stage == DELIVER else {}
        if self.since is not None:
            more |= {"since": self.since.isoformat(timespec="seconds"), "causes": self.causes, "key": self.key}
        return {"stage": self.stage, "source": self.source, "waiting": self.waiting, "workers": self.workers, **more}

    def lines(self, now: datetime) -> list[str]:
        """What a person must know and do, under the table."""
        waiting = f"{self.waiting} wait and " if self.waiting else ""
        idle = [] if self.workers or self.since is not None else [f"{self.row[0]}: {waiting}no worker takes part: start it"]
        aside = [] if self.since is None else self._aside_lines(self.since)
        return [*idle, *aside, *(line for one in self.plans if one.is_long(now) for line in one.lines(now))]

    def _aside_lines(self, since: datetime) -> list[str]:
        why = "its workers say why and what to do, every minute: institution_held or institution_stopped, with cause and remedy"
        what = f"{self.source}: set aside since {since.isoformat(' ', timespec='seconds')}, {self.waiting} of its records wait"
        if self.causes == (PAUSED,):
            return [f"{what}: a person paused it, or a service; the others go on"]
        cause = f"held for {', '.join(self.causes)}" if self.causes else "let in, or its worker has not asked yet"
        key = [f"  its key: {self.key}; compare it with the platform's people (`yibao keys show`)"] if self.key else []
        told = [f"{what}: {cause}; the others go on", *key]
        return [*told, f"  {why} (docs/operations.md, An institution that is set aside)"]

    @property
    def row(self) -> tuple[str, ...]:
        """As the table has it."""
        name = self.stage if self.source is None else f"{self.stage} ({self.source})"
        return name, "not known" if self.waiting is None else f"{self.waiting}", f"{self.workers}"


def lags_of(site: Site, broker: Broker) -> list[StageLag]:
    """Every stage. Raises Unreachable."""
    return stage_lags(site, stage_marks(site, broker))


def stage_lags(site: Site, marks: StageMarks) -> list[StageLag]:
    """Every stage, as these marks say it."""
    lags = counted(marks, site.topics)
    of_place = [
        StageLag(stage=PLACE, source=lag.source, waiting=lag.waiting, workers=marks.workers(PLACE))
        for lag in lags
        if lag.stage == PLACE
    ]
    of_join, of_deliver = ([lag for lag in lags if lag.stage == stage] for stage in (JOIN, DELIVER))
    join = StageLag(stage=JOIN, source=None, waiting=waiting_in(of_join), workers=marks.workers(JOIN))
    deliver = StageLag(
        stage=DELIVER,
        source=None,
        waiting=waiting_in(of_deliver),
        workers=marks.workers(DELIVER),
        plans=tuple(_plans(marks.delivered, ZoneInfo(site.timezone))),
    )
    aside = _aside(marks.delivered, marks.workers(DELIVER), ZoneInfo(site.timezone))
    return [*of_place, join, deliver, *(replace(one, key=_key(site, one)) for one in aside)]


def _aside(delivered: Mapping[int, CommittedOffset], workers: int, zone: ZoneInfo) -> list[StageLag]:
    """Each institution that is set aside, with what waits of it in all partitions."""
    found: dict[str, list[Aside]] = {}
    for one in delivered.values():
        with suppress(YibaoError):
            for name, entry in aside_of(one.metadata).items():
                found.setdefault(name, []).append(entry)
    return [
        StageLag(
            stage=ASIDE,
            source=name,
            waiting=sum(max(0, entry.waiting) for entry in entries),
            workers=workers,
            since=datetime.fromtimestamp(min(entry.since for entry in entries), zone),
            causes=tuple(sorted({entry.cause for entry in entries if entry.cause})),
        )
        for name, entries in sorted(found.items())
    ]


def _key(site: Site, aside: StageLag) -> str:
    """File and fingerprint of the key of an institution that is held for it."""
    if not any(cause.startswith(_OF_KEY) for cause in aside.causes):
        return ""
    files = [(one.public_key_file, fingerprint_of(site, one)) for one in site.institutions if one.code == aside.source]
    return "".join(f"{file}, fingerprint {fingerprint or 'none'}" for file, fingerprint in files)


def _plans(delivered: Mapping[int, CommittedOffset], zone: ZoneInfo) -> Iterator[OpenPlan]:
    """What is open in each partition whose offset is ours."""
    for partition, one in delivered.items():
        with suppress(YibaoError):
            mark = deliver_mark(one.metadata)
            if (plan := mark.plan) is not None:
                opened = datetime.fromtimestamp(plan.opened_at, zone)
                yield OpenPlan(
                    partition=partition, id=plan.id, records=plan.size, opened_at=opened, held=plan.quiet, cause=mark.why
                )
