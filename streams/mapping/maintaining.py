"""The part of `site.yaml` that says when the platform is maintained."""

from datetime import time
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from streams.mapping.strict import Strict
from streams.mapping.values import Form
from streams.topics.maintenance import Recurring, Windows

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Form(r"^([01]\d|2[0-3]):[0-5]\d$", 'a time of the day in quotes, such as "01:30"')]


class MaintenanceWindow(Strict):
    """A window that comes again, in the site's `timezone`."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = _DAYS
    """Days on which it begins: `[sun]`. Left out: every day."""
    begins: Clock
    """When: `"01:00"`."""
    ends: Clock
    """When: `"05:00"`; where that is not later than `begins`, on the next day."""


class Maintenance(Strict):
    """When the platform is maintained: nothing is posted then, no alarm is raised, and nothing counts as an outage. A window that
    does not come again is ordered by `yibao maintenance set`.
    """

    windows: tuple[MaintenanceWindow, ...] = ()
    """Those that come again."""
    drain_s: Annotated[float, Field(ge=0)] = 3600.0
    """For so long after a window nobody is told that records are old: what waited is sent meanwhile."""

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
