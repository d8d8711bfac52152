"""One alert: what is so, for how long, how bad it is, and what a person who has never seen it reads."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.telemetry.alerts.expressions import Expression, Rate, Slope
from streams.telemetry.alerts.samples import Labels


class Severity(StrEnum):
    """CRITICAL: somebody must act now. WARNING: somebody must look today."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A line of the table. Its texts name labels in braces, and the value with the way it is written: `{stage}`,
    `{value:duration}`.
    """

    name: str
    """By which its runbook is found; no rename without need."""
    when: Expression
    """It is so, for each sample of this."""
    for_s: float
    """Only when it has been so for so long."""
    severity: Severity
    """How bad it is."""
    summary: str
    """What is so, in English."""
    zh: str
    """The same in Chinese."""
    remedy: str
    """What to do, or where that is told."""
    keep_s: float = 0.0
    """It counts for so long after it was last so, for what comes and goes."""

    @property
    def reach_s(self) -> float:
        """So far back it looks: after a restart of who looks it knows nothing before that has passed."""
        return max([part.over_s for part in self.when.parts() if isinstance(part, Rate | Slope)], default=0.0)


_PLACE: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")


def for_prometheus(text: str) -> str:
    """The text as a template of Prometheus."""
    return _PLACE.sub(lambda found: _TEMPLATES[found[2] or ""] if found[1] == "value" else f"{{{{ $labels.{found[1]} }}}}", text)


def filled(text: str, labels: Labels, value: float) -> str:
    """The text about one sample. A label that it has not is left empty, as Prometheus does."""
    named = dict(labels)
    return _PLACE.sub(lambda found: _WRITTEN[found[2] or ""](value) if found[1] == "value" else named.get(found[1], ""), text)


_TEMPLATES: Final[Mapping[str, str]] = {
    "": "{{ $value }}",
    "duration": "{{ $value | humanizeDuration }}",
    "percent": "{{ $value | humanizePercentage }}",
    "bytes": "{{ $value | humanize1024 }}B",
    "number": "{{ $value | humanize }}",
}


def _duration(value: float) -> str:
    """Its two greatest units: `3d 4h`."""
    left, parts = round(abs(value)), list[str]()
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        times, left = divmod(left, unit)
        if times or parts:
            parts.append(f"{times}{name}")
    return ("-" if value < 0 else "") + (" ".join(parts[:2]) or "0s")


def _bytes(value: float) -> str:
    size, units = value, iter(("", "ki", "Mi", "Gi", "Ti", "Pi"))
    unit = next(units)
    while abs(size) >= 1024 and unit != "Pi":
        size, unit = size / 1024, next(units)
    return f"{size:.4g}{unit}B"


_WRITTEN: Final[Mapping[str, Callable[[float], str]]] = {
    "": "{:g}".format,
    "duration": _duration,
    "percent": lambda value: f"{value * 100:.4g}%",
    "bytes": _bytes,
    "number": "{:.4g}".format,
}
