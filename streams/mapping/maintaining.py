"""The part of `site.yaml` that says when the platform is maintained."""

from collections.abc import Iterator
from datetime import time
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from streams.mapping.strict import Strict
from streams.mapping.values import Form
from streams.topics.maintenance import Recurring, Windows

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN: Final = 24 * 60
_WEEK_MIN: Final = 7 * _DAY_MIN
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Form(r"^([01]\d|2[0-3]):[0-5]\d$", 'a time of the day in quotes, such as "01:30"')]


class MaintenanceWindow(Strict):
    """A window that comes again, in the site's `timezone`."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = _DAYS
    """Days on which it begins: `[sun]`. Left out: every day."""
    begins: Clock
    """When: `"01:00"`."""
    ends: Clock
    """When: `"05:00"`, the first minute that is outside; where that is not later than `begins`, on the next day. The same time
    twice is a whole day: `{days: [sun], begins: "00:00", ends: "00:00"}`.
    """

    def minutes(self) -> Iterator[tuple[int, int]]:
        """First minute of the week that is inside, and the first that is not any more; the latter may lie in the next week."""
        first, last = (time.fromisoformat(one).hour * 60 + time.fromisoformat(one).minute for one in (self.begins, self.ends))
        for day in self.days:
            begins = _DAYS.index(day) * _DAY_MIN + first
            yield begins, begins + ((last - first) % _DAY_MIN or _DAY_MIN)


class Maintenance(Strict):
    """When the platform is maintained: nothing is posted then, no alarm is raised, and nothing counts as an outage. A window that
    does not come again is ordered by `yibao maintenance set`.
    """

    windows: tuple[MaintenanceWindow, ...] = ()
    """Those that come again. Those that touch or overlap are one window, from the begin of the first to the end of the last."""
    drain_s: Annotated[float, Field(ge=0)] = 3600.0
    """For so long after a window nobody is told that records are old: what waited is sent meanwhile."""

    @model_validator(mode="after")
    def _open_at_times(self) -> Self:
        """A platform that is always maintained gets nothing for ever, and nobody is told."""
        closed = {minute % _WEEK_MIN for one in self.windows for span in one.minutes() for minute in range(*span)}
        if len(closed) == _WEEK_MIN:
            raise ValueError(
                "leaves no minute of the week in which anything is posted (a window from a time to the same time is a whole day): "
                "name its `days`, or end it earlier"
            )
        return self

    def plan(self, timezone: str) -> Windows:
        """For who obeys. timezone: the site's."""
        recurring = [
            Recurring(
                days=frozenset(_DAYS.index(day) for day in one.days),
                begins=time.fromisoformat(one.begins),
                ends=time.fromisoformat(one.ends),
            )
            for one in self.windows
        ]
        return Windows(zone=ZoneInfo(timezone), recurring=recurring, drain_s=self.drain_s)
