"""Which alerts fire, look by look, as Prometheus decides it: what is so waits for its time, then fires, until it is not so any
more. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from streams.telemetry.alerts.alert import Alert
from streams.telemetry.alerts.samples import History, Labels

Key = tuple[str, Labels]
"""Name of an alert, and labels of what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an alert stands about one thing."""

    since: float
    """Since when it is so, in seconds since the epoch."""
    over: float | None = None
    """Since when it is not so any more, although it still counts."""
    value: float
    """The value then."""
    fires: bool = False
    """Whether it has been so for long enough."""


def decide(
    alerts: Iterable[Alert], standing: Mapping[Key, Standing], history: History, *, now: float, since: float
) -> dict[Key, Standing]:
    """How they stand now. standing: how they stood. since: when this looking began; what asks for rates of a longer time than that
    cannot be over yet.
    """
    found: dict[Key, Standing] = {}
    for alert in alerts:
        values = alert.when.value(history, now)
        for labels, value in values.items():
            before = standing.get((alert.name, labels))
            began = now if before is None else min(before.since, now)  # a clock may be set back
            fires = now - began >= alert.for_s or (before is not None and before.fires)
            found[alert.name, labels] = Standing(since=began, value=value, fires=fires)
        for (name, labels), before in standing.items():
            if name != alert.name or labels in values or not before.fires:
                continue
            over = now if before.over is None else before.over
            if now - over < alert.keep_s or now - since < alert.reach_s:
                found[name, labels] = replace(before, over=over)
    return found
