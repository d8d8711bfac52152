"""Why nothing moves, as people and programs see it: a line for each part, and what a person does."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from streams.wording import count_of
from yibao.lag.shown import age_s, moment, oldest_said
from yibao.moments import span
from yibao.screens import WIDE, Look, aligned, cut
from yibao.status.facts import Part
from yibao.status.lines import first_of
from yibao.status.parts import Line
from yibao.status.waits import NONE, PartsWaiting

_HEAD: Final = ("PART", "WAITING", "OLDEST", "RATE/S", "DRAINED IN", "REASON")
_NUMBERS: Final = (1, 2, 3, 4)
_PARTS_HEAD: Final = ("ROWS", "OLDEST", "SOURCE", "INSTITUTION", "WAIT IN THE JOIN FOR")
_MOST_PARTS: Final = 6
"""On one screen."""


def document(lines: Sequence[Line], *, parts: PartsWaiting = NONE, site: str, now_ms: int, zone: str) -> dict[str, Any]:
    """For programs. A schema that only grows. parts: what waits in the join for its parts."""
    first = first_of(lines)
    return {
        "site": site,
        "at": moment(now_ms, ZoneInfo(zone)),
        "needs_person": first is not None,
        "first": None if first is None else _said(first, now_ms, zone),
        "parts": [_said(line, now_ms, zone) for line in lines],
        "parts_waiting": {
            "rows": parts.rows,
            "unknown": parts.unknown or None,
            "settlements_that_differ": dict(parts.differing),
            **oldest_said(parts.oldest_ms, now_ms, ZoneInfo(zone)),
            "of": [
                {
                    "source": one.source,
                    "institution": one.institution or None,
                    "waits_for": one.kind,
                    "rows": one.rows,
                    "told": one.told,
                    **oldest_said(one.oldest, now_ms, ZoneInfo(zone)),
                }
                for one in parts.of
            ],
        },
    }


def look_of(lines: Sequence[Line], *, parts: PartsWaiting = NONE, site: str, now_ms: int, zone: str) -> Look:
    """For people: one screen, and the same in a line. parts: as of `document`."""
    at, first = moment(now_ms, ZoneInfo(zone)), first_of(lines)
    headline = cut(f"{site}, {at}: {_headline(lines, first, parts)}")
    table = aligned([_HEAD, *(_row(line, now_ms) for line in lines if line.part is not Part.SITE)], right=_NUMBERS)
    told = [line for line in lines if line.reason.person and line is not first]
    reasons = [text for line in ([first] if first else []) + told + _ordered(lines) for text in _paragraph(line)]
    brief = "; ".join(f"{line.title}: {line.reason.name}" for line in lines if line.reason.person)
    screen = "\n".join([headline, "", *table, *_parts(parts, now_ms), *reasons])
    return Look(screen, f"{at} {brief or _headline(lines, first, parts)}")


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """What a person ordered and needs nobody, each order once."""
    by_words = {line.reason.says: line for line in reversed(lines) if line.reason.ordered and not line.reason.person}
    return [line for line in lines if by_words.get(line.reason.says) is line]


def _headline(lines: Sequence[Line], first: Line | None, parts: PartsWaiting) -> str:
    if first is not None:
        return f"{first.title} needs a person"
    if parts.rows:
        return f"nothing needs a person; {count_of(parts.rows, 'row lacks', 'rows lack')} parts"
    return "nothing needs a person" + ("" if any(line.waiting for line in lines) else ", and nothing waits")


def _parts(parts: PartsWaiting, now_ms: int) -> Iterator[str]:
    """What waits in the join, longest first."""
    if parts.of:
        rows = [
            (f"{one.rows}", span(age_s(one.oldest, now_ms)), one.source, one.institution or "-", one.kind)
            for one in parts.of[:_MOST_PARTS]
        ]
        yield ""
        yield from aligned([_PARTS_HEAD, *rows], right=(0, 1))
    if (rest := len(parts.of) - _MOST_PARTS) > 0:
        yield f"and {rest} more kinds: yibao join pending"
    if parts.differing:
        told = ", ".join(f"{count} of {source}" for source, count in parts.differing.items())
        yield ""
        says = f"R2: settlements whose lines add up to something else than they say: {told}; yibao join sums"
        yield from textwrap.wrap(says, WIDE)
    if parts.unknown:
        yield ""
        yield from textwrap.wrap(f"What waits for parts is not counted to the end: {parts.unknown}", WIDE, break_on_hyphens=False)


def _row(line: Line, now_ms: int) -> tuple[str, ...]:
    title = f"  {line.name}" if line.part is Part.INSTITUTION else line.title
    waiting = "-" if line.waiting is None else f"{line.waiting}"
    old = "-" if line.oldest_ms is None else span(age_s(line.oldest_ms, now_ms))
    rate = "-" if line.rate_per_s is None else f"{line.rate_per_s:.1f}"
    tells = line.waiting and (line.drains or line.reason.name != "moves")  # between two looks a moment apart, a lane may rest
    out = line.drained if tells else "-"
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
