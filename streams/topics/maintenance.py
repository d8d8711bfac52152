"""When the platform is maintained: windows that come again, of `site.yaml`, and the one that a person ordered. Pure.

Inside of a window nothing is posted and nobody is woken. For a while after it what waited is sent, and that it is old is no news.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

SITE: Final = "site.yaml"
"""Who says so, of a window that comes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """A window that comes again on days of the week, in the site's zone."""

    days: frozenset[int]
    """On which it begins: 0 is Monday."""
    begins: time
    """When."""
    ends: time
    """When, itself no longer in the window; not after `begins`: on the next day. So from 03:00 to 03:00 is a whole day."""

    def around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end of each that begins from two days before to eight days after. now: in the site's zone."""
        for offset in range(-2, 9):
            day = now.date() + timedelta(days=offset)
            if day.weekday() in self.days:
                begins, last = _at(day, self.begins, now), self.ends <= self.begins
                yield begins, _at(day + timedelta(days=int(last)), self.ends, now)


def _at(day: date, at: time, like: datetime) -> datetime:
    return datetime.combine(day, at, tzinfo=like.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """The window that a person ordered, in place of the one before. Times in ISO form with their zone."""

    begins: str
    """Its begin."""
    ends: str
    """Its end."""
    open: bool
    """False: from its begin to its end there is none, whatever `site.yaml` says."""
    at: str
    """When it was ordered."""
    by: str
    """Who ordered it: `user@host`."""
    why: str
    """As that person wrote it, with what looks like a person's number masked."""

    def comes(self, now: datetime) -> bool:
        """Whether it is a window that has not begun yet. now: aware."""
        return self.open and now < datetime.fromisoformat(self.begins)

    def stands(self, now: datetime) -> bool:
        """Whether it still says anything about the time to come. now: aware."""
        return now < datetime.fromisoformat(self.ends)

    @property
    def line(self) -> str:
        """As a person reads it."""
        what = "maintenance of the platform" if self.open else "no maintenance of the platform"
        return f"{what} from {self.begins} until {self.ends} ({self.by}: {self.why})"

    @property
    def document(self) -> dict[str, object]:
        """As it stands in the topic, without what all orders have."""
        return {
            "begins": self.begins,
            "ends": self.ends,
            "state": "open" if self.open else "closed",
            "at": self.at,
            "by": self.by,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A window: the one that is open, or that was over last, or that comes."""

    begins: datetime
    """In the site's zone."""
    ends: datetime
    """In the site's zone."""
    inside: bool
    """Whether it is open now; otherwise what waited in it is being sent."""
    by: str
    """Who says so."""
    why: str
    """For what; `""` for one that comes again."""

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        phase = "inside" if self.inside else "after"
        return {
            "phase": phase,
            "begins": self.begins.isoformat(timespec="seconds"),
            "ends": self.ends.isoformat(timespec="seconds"),
            "by": self.by,
            "why": self.why,
        }

    @property
    def line(self) -> str:
        """As a person reads it."""
        why = f"{self.by}: {self.why}" if self.why else self.by
        at = self.ends.isoformat(timespec="seconds")
        return (
            f"maintenance of the platform until {at} ({why})"
            if self.inside
            else f"maintenance of the platform ended at {at} ({why})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What a site says of it."""

    zone: ZoneInfo
    recurring: Sequence[Recurring] = ()
    drain_s: float = 0.0
    """How long after a window nobody is told that records are old."""

    def at(self, ordered: Ordered | None, now: datetime) -> Maintenance | None:
        """The window that counts now: the one that is open, or that was over less than `drain_s` ago. Windows that touch or overlap
        are one, from the begin of the first to the end of the last. now: aware.
        """
        here = now.astimezone(self.zone)
        found = self.around(ordered, here)
        wholes = _joined(found)
        if inside := [one for one in found if one.inside]:
            said = max(inside, key=lambda one: one.ends)
            begins, ends = next((begins, ends) for begins, ends in wholes if begins <= here < ends)
            return replace(said, begins=begins, ends=ends)
        after = [one for one in found if one.ends <= here and here - one.ends < timedelta(seconds=self.drain_s)]
        return max(after, key=lambda one: one.ends, default=None)

    def around(self, ordered: Ordered | None, now: datetime) -> list[Maintenance]:
        """Those of the last two days and of the next week, as they begin. now: aware."""
        here = now.astimezone(self.zone)
        spans = [_Span(begins, ends, SITE, "") for one in self.recurring for begins, ends in one.around(here)]
        if ordered is not None:
            begins, ends = (datetime.fromisoformat(one).astimezone(self.zone) for one in (ordered.begins, ordered.ends))
            if ordered.open:
                spans.append(_Span(begins, ends, ordered.by, ordered.why))
            else:
                spans = [one.without(begins, ends) for one in spans if not begins <= one.begins < ends]
        return [
            Maintenance(begins=one.begins, ends=one.ends, inside=one.begins <= here < one.ends, by=one.by, why=one.why)
            for one in sorted(spans)
        ]


def _joined(windows: Sequence[Maintenance]) -> list[tuple[datetime, datetime]]:
    """Begin and end of what is without a gap. windows: as they begin."""
    found: list[tuple[datetime, datetime]] = []
    for one in windows:
        if found and one.begins <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], one.ends)
        else:
            found.append((one.begins, one.ends))
    return found


class _Span(NamedTuple):
    begins: datetime
    ends: datetime
    by: str
    why: str

    def without(self, begins: datetime, ends: datetime) -> "_Span":
        """Cut short where somebody closed it."""
        return self._replace(ends=begins) if self.begins < begins < self.ends <= ends else self
