"""What a site has to carry."""

from dataclasses import dataclass
from typing import Final

from yibao.sizing.figures import MEASURED, Figures

DAY_S: Final = 86_400

HOURS: Final = (1, 1, 1, 1, 1, 1, 2, 5, 11, 13, 12, 8, 4, 7, 9, 8, 6, 3, 2, 1, 1, 1, 1, 1)
"""How a day's changes are spread over its hours: an outpatient day, whose busiest hour is the second of the morning. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of it. Fee lines are what a hospital can count; the rest follows from them."""

    fee_lines: int
    """On an average day, of all its hospitals."""
    hospitals: int
    """Sources: databases that are captured."""
    peak: float
    """A day at the end of a month, in average days."""
    outage_h: float
    """So long the platform may be away, on an average day."""
    drain_min: float
    """In so many minutes what waited for it must be gone."""
    answer_ms: float
    """Of the platform to one request."""
    requests_per_s: float | None
    """That the platform allows in all; None: not known."""
    slower: float
    """The machines there, in the time of those of the figures."""
    kept_days: int
    """So long rows, changes and records stay in the topics."""
    for_days: int
    """A visit's state is kept for ever: disks hold the visits of so many days."""

    @property
    def hour_share(self) -> float:
        """The busiest hour's, of a day."""
        return max(HOURS) / sum(HOURS)

    def records_a_day(self, figures: Figures = MEASURED) -> float:
        """On an average day."""
        return self.fee_lines * figures.records_a_line.value

    def peak_changes_per_s(self, figures: Figures = MEASURED) -> float:
        """In the busiest hour of the busiest day."""
        return self.peak_records_per_s(figures) * figures.changes_a_record.value

    def peak_records_per_s(self, figures: Figures = MEASURED) -> float:
        """In the busiest hour of the busiest day."""
        return self.records_a_day(figures) * self.peak * self.hour_share / 3600

    def busy_records_per_s(self, figures: Figures = MEASURED) -> float:
        """In the busiest hour of an average day, in which an outage may end."""
        return self.records_a_day(figures) * self.hour_share / 3600

    def waiting_records(self, figures: Figures = MEASURED) -> float:
        """After the outage."""
        return self.records_a_day(figures) * self.outage_h / 24
