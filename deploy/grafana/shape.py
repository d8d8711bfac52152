"""The form in which the dashboards are written down, and the expressions that several of them share.

In an expression `{S}` stands for the site that was chosen, `{SRC}` for site and source, `{INST}` for site and institution;
`{S,x="y"}` asks for more. A title is Chinese and English, because both are read.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Panel(NamedTuple):
    """One panel."""

    zh: str
    en: str
    unit: str
    """As Grafana names it: s, short, ops, bytes, percentunit, d."""
    asks: tuple[tuple[str, str], ...]
    """Expressions, each with what its lines are called."""
    kind: str = "timeseries"
    """`stat`: the last value, large; `table`: the last values; else over time."""
    limits: tuple[float, ...] = ()
    """From the first on yellow, from the second on red."""
    width: int = 8
    """Of 24."""
    stacked: bool = False
    floors: tuple[float, ...] = ()
    """Below the first red; with two, below the second yellow. For what is wrong when it is small."""


class Board(NamedTuple):
    """One dashboard."""

    zh: str
    en: str
    variables: tuple[str, ...]
    """Besides data source and site."""
    rows: Mapping[str, tuple[Panel, ...]]
    """Panels by the title above them."""


AGE: Final = (
    "max by (stage) (time() - cdc_oldest_unfinished_record_timestamp_seconds{S}) or max by (stage) (0 * cdc_assigned_partitions{S})"
)
LAG: Final = "sum by (stage) (cdc_lag_records{S})"
ACCEPTED: Final = "sum by (service) (rate(cdc_records_accepted_total{S}[$__rate_interval]))"


def late(metric: str, part: float, by: str = "") -> str:
    """A quantile of a histogram, over time."""
    grouped = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({grouped}) (rate({metric}_bucket{{S}}[$__rate_interval])))"


def age(metric: str, *, by: str, of: str = "S") -> str:
    """The age of the newest of several times."""
    return f"time() - max by ({by}) ({metric}{{{of}}})"


def rate(metric: str, *, by: str, of: str = "S") -> str:
    """How fast a counter goes; by: labels that are kept, or none."""
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(rate({metric}{{{of}}}[$__rate_interval]))"


CPU: Final = (
    "sum by (stage) (rate(process_cpu_seconds_total{S}[$__rate_interval]) * on (instance) group_left (stage) cdc_build_info{S})"
)
MEMORY: Final = "max by (stage) (process_resident_memory_bytes{S} * on (instance) group_left (stage) cdc_build_info{S})"
