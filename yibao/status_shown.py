"""Why nothing moves, as people and programs see it: a line for each part, and what a person does."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from yibao.lags_shown import age_s, drained, moment, oldest_said
from yibao.moments import span
from yibao.screens import WIDE, Look, aligned, cut
from yibao.standing_facts import Part
from yibao.status_lines import Line, first_of

_HEAD: Final = ("PART", "WAITING", "OLDEST", "RATE/S", "DRAINED IN", "REASON")
_NUMBERS: Final = (1, 2, 3, 4)


def document(lines: Sequence[Line], *, site: str, now_ms: int, zone: str) -> dict[str, Any]:
    """For programs. A schema that only grows."""
    first = first_of(lines)
    return {
        "site": site,
        "at": moment(now_ms, ZoneInfo(zone)),
        "needs_person": first is not None,
        "first": None if first is None else _said(first, now_ms, zone),
        "parts": [_said(line, now_ms, zone) for line in lines],
    }


def look_of(lines: Sequence[Line], *, site: str, now_ms: int, zone: str) -> Look:
    """For people: one screen, and the same in a line."""
    at, first = moment(now_ms, ZoneInfo(zone)), first_of(lines)
    headline = cut(f"{site}, {at}: {_headline(lines, first)}")
    table = aligned([_HEAD, *(_row(line, now_ms) for line in lines if line.part is not Part.SITE)], right=_NUMBERS)
    told = [line for line in lines if line.reason.person and line is not first]
    reasons = [text for line in ([first] if first else []) + told for text in _paragraph(line)]
    brief = "; ".join(f"{line.title}: {line.reason.name}" for line in lines if line.reason.person)
    return Look("\n".join([headline, "", *table, *reasons]), f"{at} {brief or _headline(lines, first)}")


def _headline(lines: Sequence[Line], first: Line | None) -> str:
    if first is not None:
        return f"{first.title} needs a person"
    return "nothing needs a person" + ("" if any(line.waiting for line in lines) else ", and nothing waits")


def _row(line: Line, now_ms: int) -> tuple[str, ...]:
    title = f"  {line.name}" if line.part is Part.INSTITUTION else line.title
    waiting = "-" if line.waiting is None else f"{line.waiting}"
    old = "-" if line.oldest_ms is None else span(age_s(line.oldest_ms, now_ms))
    rate = "-" if line.rate_per_s is None else f"{line.rate_per_s:.1f}"
    tells = line.waiting and (line.drains or line.reason.name != "moves")  # between two looks a moment apart, a lane may rest
    out = drained(line.drains, line.drained_in_s, line.rate_per_s) if tells else "-"
    return title, waiting, old, rate, out, line.reason.name.replace("_", " ")


def _paragraph(line: Line) -> Iterator[str]:
    """What is so, since when, and what a person does; commands are not torn."""
    since = f", since {line.since}" if line.since else ""
    yield ""
    yield from textwrap.wrap(f"{line.title}: {line.reason.says}{since}", WIDE, break_on_hyphens=False, subsequent_indent="  ")
    if line.reason.mend:
        yield from textwrap.wrap(line.reason.mend, WIDE, break_on_hyphens=False, initial_indent="  -> ", subsequent_indent="     ")


def _said(line: Line, now_ms: int, zone: str) -> dict[str, Any]:
    return {
        "part": line.part.value,
        "name": line.name or None,
        "waiting": line.waiting,
        **oldest_said(line.oldest_ms, now_ms, ZoneInfo(zone)),
        "rate_per_s": line.rate_per_s,
        "drains": line.drains,
        "drained_in_s": line.drained_in_s,
        "reason": line.reason.name,
        "says": line.reason.says,
        "mend": line.reason.mend or None,
        "since": line.since or None,
        "needs_person": line.reason.person,
    }
