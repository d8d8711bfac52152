"""What holds the delivery, read from the events that the workers log: a spectator must not count zeros for minutes.

A later version of an event may say more than an earlier one; what is not there is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson

from streams.deliver.causes import HoldCause

Lane: TypeAlias = tuple[str, int]
"""Topic and partition; of what concerns the whole platform `("", -1)`."""

SILENT: Final = "silent"
STANDS: Final = "stands"
_WHOLE: Final[Lane] = ("", -1)
_OVER: Final = frozenset({"lane_released", "breaker_closed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason why delivery is held."""

    cause: str
    """A `HoldCause`, a `RetryCause`, SILENT or STANDS."""
    says: str
    """What is wrong, as the worker logged it."""
    remedy: str = ""
    """What to do, as the worker logged it."""
    lanes: int = 1
    """How many lanes are held for it."""
    whole: bool = False
    """Whether it concerns the whole platform, and no lane more than another."""
    code: str = ""
    """The platform's code; `""` for none."""
    http_status: int | None = None
    """Of its answer; None for none."""


class Holds:
    """The holds in a worker's log, read as it grows."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0
        self._by_lane: dict[tuple[Lane, str], Hold] = {}
        """By lane, and by institution where that is set aside in the lane; `""`: the lane itself."""

    def now(self) -> tuple[Hold, ...]:
        """What holds now: each reason once, the one with most lanes first."""
        for event in self._new():
            self._take(event)
        found: dict[Hold, int] = {}
        for hold in self._by_lane.values():
            found[hold] = found.get(hold, 0) + 1
        named = (replace(hold, lanes=lanes) for hold, lanes in found.items())
        return tuple(sorted(named, key=lambda hold: (-hold.lanes, hold.cause)))

    def _new(self) -> list[dict[str, Any]]:
        """The events of whole lines that were not read yet; libraries' other lines are none."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._read)
                text = log.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        events = []
        for line in whole.splitlines():
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(event, dict):
                events.append(event)
        return events

    def _take(self, event: Mapping[str, Any]) -> None:
        name = event.get("event")
        lane = _lane_of(event), ""
        if name == "lane_held":
            self._by_lane[lane] = _hold(event, says=f"{event.get('platform_says')}")
        elif name == "lane_stopped":
            self._by_lane[lane] = Hold(cause=STANDS, says=f"{event.get('why')}", remedy=f"{event.get('remedy')}")
        elif isinstance(name, str) and name.startswith("institution_"):
            self._take_institution(name, event)
        elif name == "lane_opened":
            for one in [one for one in self._by_lane if one[0] == lane[0]]:
                del self._by_lane[one]
        elif name == "breaker_opened":
            told = [f"{event[field]}" for field in ("platform_says", "address") if event.get(field)]
            says = ", ".join(told) or f"{event.get('failures')} tries in a row failed"
            self._by_lane[_WHOLE, ""] = replace(_hold(event, says=says), whole=True)
        elif name in _OVER:
            self._by_lane.pop(lane, None)
        elif name == "worker_ended" and f"{event.get('worker')}".startswith("deliver"):  # the next one tells anew what holds it
            self._by_lane.clear()

    def _take_institution(self, name: str, event: Mapping[str, Any]) -> None:
        """What concerns one institution that is set aside, while the others of its lane go on."""
        institution = f"{event.get('institution')}"
        aside = _lane_of(event), institution
        if name == "institution_held":
            self._by_lane[aside] = _hold(event, says=f"{institution}: {event.get('platform_says')}")
        elif name == "institution_throttled":
            self._by_lane[aside] = _hold({**event, "cause": HoldCause.THROTTLED.value}, says=institution)
        elif name == "institution_stopped":
            says = f"{institution}: {event.get('why')}"
            self._by_lane[aside] = Hold(cause=STANDS, says=says, remedy=f"{event.get('remedy')}")
        elif name in ("institution_resumed", "institution_released"):
            self._by_lane.pop(aside, None)


def _hold(event: Mapping[str, Any], *, says: str) -> Hold:
    """The hold of an event that names its cause, and of the answer what it can."""
    status = event.get("http_status")
    return Hold(
        cause=f"{event.get('cause') or SILENT}",
        says=says,
        code=f"{event.get('code') or ''}",
        http_status=status if isinstance(status, int) else None,
    )


def _lane_of(event: Mapping[str, Any]) -> Lane:
    topic, partition = event.get("topic"), event.get("partition")
    return (topic, partition) if isinstance(topic, str) and isinstance(partition, int) else _WHOLE
