"""How far behind the stages are, as people and programs see it, and what of it is too far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.mapping import Site
from yibao.lag.counted import Kind, Lag, by_kind, oldest_in, pace_of, stands, waiting_in
from yibao.lag.marks import DELIVER, JOIN, STAGES
from yibao.moments import span
from yibao.screens import Look, aligned, cut

_HEAD: Final = ("STAGE", "PART", "WAITING", "OLDEST", "RATE/S", "DRAINED IN", "OWNER")
_NUMBERS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far behind a stage may be."""

    max_age_s: float
    """Since the capture of the oldest that waits."""
    max_waiting: int | None
    """Rows or records of a stage; None: any number."""
    max_paused_s: float = 28_800.0
    """Since the capture of the oldest that a pause with an end keeps back."""
    kept_s: float = 14 * 86_400.0
    """So long topics keep what waits, at the least."""


def limits_of(site: Site, *, max_age_s: float | None = None, max_waiting: int | None = None) -> Limits:
    """The site's, where nobody asks for others."""
    return Limits(
        max_age_s=site.lag.max_age_s if max_age_s is None else max_age_s,
        max_waiting=site.lag.max_waiting if max_waiting is None else max_waiting,
        max_paused_s=site.lag.max_paused_s,
        kept_s=86_400.0 * min(site.retention.changes_days, site.retention.ready_days),
    )


def of_stages(lags: Sequence[Lag], *, stage: str | None, source: str | None, institution: str | None) -> list[Lag]:
    """Those of a stage, of a source (place and join), of an institution (deliver); all that are not named."""
    chosen = [lag for lag in lags if stage in (None, lag.stage) and (source is None or lag.source == source)]
    return chosen if institution is None else [_of_institution(lag, institution) for lag in chosen if lag.stage == DELIVER]


def _of_institution(lag: Lag, institution: str) -> Lag:
    """What waits of one institution in a partition. How fast it goes is known of all together."""
    kinds = {which: kind for which, kind in lag.kinds.items() if which[0] == institution}
    waiting = None if lag.waiting is None else sum(kind.waiting for kind in kinds.values())
    oldest = min((kind.oldest_ms for kind in kinds.values()), default=None)
    return replace(lag, waiting=waiting, kinds=kinds, oldest_ms=oldest, rate_per_s=None, coming_per_s=None)


def too_far(lags: Sequence[Lag], limits: Limits, *, now_ms: int, maintained: bool = False) -> list[str]:
    """What is further behind than it may be, or is not known. maintained: the platform is, or what waited is sent now; then only
    what is not known is told of the deliver stage.
    """
    told = []
    for lag in lags:
        if lag.waiting is None:
            told.append(f"{_name(lag)}, partition {lag.partition}: no offset of ours is committed: yibao topics plan")
        elif lag.waiting and lag.oldest_ms is None:
            told.append(f"{_name(lag)}, partition {lag.partition}: how old the oldest is was not found in time")
        elif maintained and lag.stage == DELIVER:
            continue
        elif lag.oldest_ms is not None and (old_s := age_s(lag.oldest_ms, now_ms)) > limits.max_age_s:
            allowed = f"{limits.max_age_s:g} s are allowed"
            told.append(f"{_name(lag)}, partition {lag.partition}: the oldest is {span(old_s)} old, {allowed}")
    for name, found in _groups(lags).items():
        waiting, excused = waiting_in(found), maintained and found[0].stage == DELIVER
        if limits.max_waiting is not None and not excused and waiting is not None and waiting > limits.max_waiting:
            told.append(f"{name}: {waiting} wait, {limits.max_waiting} are allowed")
    return told


def document(lags: Sequence[Lag], *, now_ms: int, far: Sequence[str], workers: Mapping[str, int], zone: str) -> dict[str, Any]:
    """For programs."""
    zoned = ZoneInfo(zone)
    return {
        "at": moment(now_ms, zoned),
        "stages": [
            {
                "stage": name,
                "waiting": waiting_in(found),
                "at_most": any(lag.at_most for lag in found),
                **oldest_said(oldest_in(found), now_ms, zoned),
                **pace_of(found)._asdict(),
                "workers": workers[found[0].stage],
            }
            for name, found in _groups(lags).items()
        ],
        "partitions": [_of_partition(lag, now_ms, zoned) for lag in lags],
        "kinds": [_of_kind(which, kind, now_ms, zoned) for which, kind in by_kind(lags).items()],
        "all_kinds": all(lag.all_kinds for lag in lags),
        "too_far": list(far),
    }


def look_of(lags: Sequence[Lag], *, now_ms: int, far: Sequence[str], workers: Mapping[str, int], zone: str) -> Look:
    """For people: a screen, and the same in a line."""
    groups = _groups(lags)
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, found in groups.items():
        if len(found) == 1:
            rows.append(_row(found[0], name, now_ms, found[0].owner or "nobody"))
            continue
        rows.append(_total(name, found, now_ms, workers[found[0].stage]))
        rows += [_row(lag, f"  {lag.source or ''}".rstrip(), now_ms, lag.owner or "nobody") for lag in found if lag.waiting != 0]
    screen = aligned(rows, right=_NUMBERS)
    if kinds := by_kind(lags):
        of_kinds = [(*which, f"{kind.waiting}", span(age_s(kind.oldest_ms, now_ms))) for which, kind in kinds.items()]
        screen += ["", *aligned([("INSTITUTION", "SERVICE", "WAITING", "OLDEST"), *of_kinds], right=(2, 3))]
        if not all(lag.all_kinds for lag in lags):
            screen.append("of the first records of each partition; more wait behind them")
    at = moment(now_ms, ZoneInfo(zone))
    line = f"{at} " + "; ".join(_brief(name, found, now_ms) for name, found in groups.items())
    return Look("\n".join([*screen, *map(cut, far)]), line)


def _groups(lags: Sequence[Lag]) -> dict[str, list[Lag]]:
    """By stage, of place by source, too."""
    found: dict[str, list[Lag]] = {}
    for lag in sorted(lags, key=lambda lag: STAGES.index(lag.stage)):
        found.setdefault(_name(lag) if lag.stage != JOIN else JOIN, []).append(lag)
    return found


def _name(lag: Lag) -> str:
    return lag.stage if lag.source is None else f"{lag.stage} ({lag.source})"


def _row(lag: Lag, name: str, now_ms: int, owner: str) -> tuple[str, ...]:
    waiting = "not known" if lag.waiting is None else f"{'≤ ' if lag.at_most else ''}{lag.waiting}"
    rate = "-" if lag.rate_per_s is None else f"{lag.rate_per_s:.1f}"
    return name, f"{lag.partition}", waiting, _old(lag.oldest_ms, lag.waiting, now_ms), rate, drained([lag]), owner


def _total(name: str, lags: Sequence[Lag], now_ms: int, workers: int) -> tuple[str, ...]:
    waiting, rate = waiting_in(lags), pace_of(lags).rate_per_s
    return (
        name,
        "all",
        "not known" if waiting is None else f"{waiting}",
        _old(oldest_in(lags), waiting, now_ms),
        "-" if rate is None else f"{rate:.1f}",
        drained(lags),
        f"{workers} worker{'' if workers == 1 else 's'}",
    )


def drained(lags: Sequence[Lag]) -> str:
    """When nothing waits any more in any of them, in a word or two: `5h 6m`; `≥ 5h 6m` where the slowest does not get less, and all
    together do; `steady` where as much comes as is taken, `grows` where more does, `stands` where one takes nothing; `-` where
    nothing waits, or it is not known.
    """
    pace, waiting = pace_of(lags), waiting_in(lags)
    if waiting == 0 or pace.drains is None:
        return "-"
    if pace.drained_in_s is not None:
        return span(pace.drained_in_s)
    if stands(lags) or pace.rate_per_s is None or pace.coming_per_s is None or waiting is None:
        return "stands" if stands(lags) else "-"
    if pace.drains:
        return f"≥ {span(waiting / (pace.rate_per_s - pace.coming_per_s))}"
    return "steady" if pace.rate_per_s == pace.coming_per_s else "grows"


def _old(oldest_ms: int | None, waiting: int | None, now_ms: int) -> str:
    if oldest_ms is not None:
        return span(age_s(oldest_ms, now_ms))
    return "not found" if waiting else "-"


def age_s(at_ms: int, now_ms: int) -> float:
    """How old, in seconds; 0 where clocks differ."""
    return max(0, now_ms - at_ms) / 1000


def moment(at_ms: int, zone: ZoneInfo) -> str:
    """In ISO form."""
    return datetime.fromtimestamp(at_ms / 1000, zone).isoformat(timespec="seconds")


def oldest_said(oldest_ms: int | None, now_ms: int, zone: ZoneInfo) -> dict[str, Any]:
    """For programs: when, and how old."""
    if oldest_ms is None:
        return {"oldest_at": None, "oldest_age_s": None}
    return {"oldest_at": moment(oldest_ms, zone), "oldest_age_s": age_s(oldest_ms, now_ms)}


def _of_partition(lag: Lag, now_ms: int, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "stage": lag.stage,
        "source": lag.source,
        "partition": lag.partition,
        "waiting": lag.waiting,
        "at_most": lag.at_most,
        **oldest_said(lag.oldest_ms, now_ms, zone),
        **pace_of([lag])._asdict(),
        "owner": lag.owner or None,
        "kinds": [_of_kind(which, kind, now_ms, zone) for which, kind in sorted(lag.kinds.items())],
        "all_kinds": lag.all_kinds,
    }


def _of_kind(which: tuple[str, str], kind: Kind, now_ms: int, zone: ZoneInfo) -> dict[str, Any]:
    institution, service = which
    return {"institution": institution, "service": service, "waiting": kind.waiting, **oldest_said(kind.oldest_ms, now_ms, zone)}


def _brief(name: str, lags: Sequence[Lag], now_ms: int) -> str:
    waiting, rate = waiting_in(lags), pace_of(lags).rate_per_s
    if waiting == 0 or not lags:
        return f"{name} 0"
    told = [f"{name} {'not known' if waiting is None else waiting}"]
    if (oldest := oldest_in(lags)) is not None:
        told.append(f"{span(age_s(oldest, now_ms))} old")
    told += [] if rate is None else [f"{rate:.1f}/s", _said(drained(lags))]
    return ", ".join(told)


def _said(word: str) -> str:
    return f"drained in {word}" if any(map(str.isdigit, word)) else word
