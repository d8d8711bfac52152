"""What persons order in `visit.control` beside the sources' own entries: that work waits, how much the
platform gets, and when it is maintained. Pure.

Each order has a key of its own; the last entry of a key counts, and takes the place of the one before as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from streams.topics.maintenance import Ordered

FORM: Final = 1

LIMITS: Final = ("in_flight", "requests_per_s", "records_per_s")
"""What an order may limit."""

_PAUSE: Final = "pause"
_LIMITS: Final = "limits"
_MAINTENANCE: Final = "maintenance"


class Paused(StrEnum):
    """What may wait: rows of a source, records of an institution, records of a service with what comes behind them, a stage."""

    SOURCE = "source"
    INSTITUTION = "institution"
    SERVICE = "service"
    STAGE = "stage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """That something waits, or does so no more."""

    of: Paused
    """What kind of thing."""
    name: str
    """Which one: a source, a FIXMEDINS_CODE, a service code, or `place`, `join`, `deliver`."""
    paused: bool
    """False: a person let it go on."""
    since: str
    """Since when it waits, in ISO form with its zone."""
    until: str = ""
    """When it goes on by itself, the same way; `""` for never."""
    at: str
    """When this was written, the same way."""
    by: str
    """Who wrote it: `user@host`."""
    why: str
    """As that person wrote it, with what looks like a person's number masked."""

    @property
    def key(self) -> bytes:
        """Of its message."""
        return f"{_PAUSE}:{self.of}:{self.name}".encode()

    def holds(self, now: datetime) -> bool:
        """Whether it waits now. now: aware."""
        return self.paused and (not self.until or now < datetime.fromisoformat(self.until))

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        return {
            "of": self.of.value,
            "name": self.name,
            "since": self.since,
            "until": self.until,
            "by": self.by,
            "why": self.why,
        }

    @property
    def line(self) -> str:
        """As a person reads it."""
        if not self.paused:
            return f"{self.of} {self.name}: goes on, by {self.by}: {self.why}"
        until = f"until {self.until}" if self.until else "until somebody resumes it"
        return f"{self.of} {self.name}: paused since {self.since} {until}, by {self.by}: {self.why}"

    def dump(self) -> bytes:
        """As it stands in the topic."""
        state = "paused" if self.paused else "resumed"
        about = {"form": FORM, "order": _PAUSE, **self.document, "state": state, "at": self.at}
        return orjson.dumps(about)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOrder:
    """How much may go to the platform, from all workers together. What is None is as `site.yaml` has it."""

    institution: str = ""
    """Whose requests alone; `""`: all."""
    in_flight: int | None = None
    """Requests under way at once."""
    requests_per_s: float | None = None
    """Requests a second."""
    records_per_s: float | None = None
    """Records a second."""
    changes: frozenset[str] | None = None
    """Which of these three the person meant; the others are as they stood. None: all, as earlier versions wrote them."""
    at: str
    """When it was written, in ISO form with its zone."""
    by: str
    """Who wrote it: `user@host`."""
    why: str
    """As that person wrote it, with what looks like a person's number masked."""

    def upon(self, before: "LimitOrder | None") -> "LimitOrder":
        """What stands after both, whatever this one was made of: each of the three as who meant it last has it."""
        if before is None or self.changes is None:
            return self
        return replace(self, **{name: getattr(before, name) for name in LIMITS if name not in self.changes})

    @property
    def key(self) -> bytes:
        """Of its message."""
        return f"{_LIMITS}:{self.institution}".encode()

    @property
    def limits(self) -> bool:
        """Whether it limits anything."""
        return any(one is not None for one in (self.in_flight, self.requests_per_s, self.records_per_s))

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        return {
            "institution": self.institution,
            "in_flight": self.in_flight,
            "requests_per_s": self.requests_per_s,
            "records_per_s": self.records_per_s,
            "at": self.at,
            "by": self.by,
            "why": self.why,
        }

    def dump(self) -> bytes:
        """As it stands in the topic."""
        meant = {} if self.changes is None else {"changes": sorted(self.changes)}
        return orjson.dumps({"form": FORM, "order": _LIMITS, **self.document, **meant})


@dataclass(slots=True)
class Orders:
    """The orders, as far as the topic was read."""

    pauses: dict[tuple[Paused, str], Pause] = field(default_factory=dict)
    """By what they are of."""
    limits: dict[str, LimitOrder] = field(default_factory=dict)
    """By institution; `""`: of all."""
    maintenance: Ordered | None = None
    """The window in which the platform is maintained."""

    def take(self, written: Mapping[str, Any]) -> None:
        """Take what one message says that has the member `order`. One of a kind that this version does not know is passed over.
        Raises KeyError, TypeError, ValueError for what is none of ours.
        """
        if written["order"] == _PAUSE:
            pause = _pause(written)
            self.pauses[pause.of, pause.name] = pause
        elif written["order"] == _LIMITS:
            order = _limits(written)
            self.limits[order.institution] = order
        elif written["order"] == _MAINTENANCE:
            self.maintenance = _maintenance(written)

    def in_force(self, now: datetime) -> tuple[Pause, ...]:
        """What waits now, in the order of its names. now: aware."""
        return tuple(pause for _of, pause in sorted(self.pauses.items()) if pause.holds(now))

    def of(self, what: Paused, name: str, now: datetime) -> Pause | None:
        """The pause that this one waits for now; None where it does not. now: aware."""
        pause = self.pauses.get((what, name))
        return pause if pause is not None and pause.holds(now) else None


def pauses_in_force(values: Iterable[bytes | None], now: datetime) -> tuple[Pause, ...]:
    """What waits now by the values of all messages of `visit.control`, in their order. now: aware. Raises KeyError, TypeError,
    ValueError for what is none of ours.
    """
    orders = Orders()
    for value in values:
        written = orjson.loads(value) if value is not None else {}
        if "order" in written:
            orders.take(written)
    return orders.in_force(now)


def _pause(written: Mapping[str, Any]) -> Pause:
    until = f"{written['until']}"
    for moment in filter(None, (f"{written['since']}", until)):
        if datetime.fromisoformat(moment).tzinfo is None:
            raise ValueError(moment)
    return Pause(
        of=Paused(written["of"]),
        name=f"{written['name']}",
        paused=written["state"] == "paused",
        since=f"{written['since']}",
        until=until,
        at=f"{written['at']}",
        by=f"{written['by']}",
        why=f"{written['why']}",
    )


def dump_window(window: Ordered) -> tuple[bytes, bytes]:
    """Key and value of the message that orders it."""
    return _MAINTENANCE.encode(), orjson.dumps({"form": FORM, "order": _MAINTENANCE, **window.document})


def _maintenance(written: Mapping[str, Any]) -> Ordered:
    begins, ends = (datetime.fromisoformat(f"{written[name]}") for name in ("begins", "ends"))
    if begins.tzinfo is None or ends.tzinfo is None:
        raise ValueError(begins, ends)
    return Ordered(
        begins=begins.isoformat(timespec="seconds"),
        ends=ends.isoformat(timespec="seconds"),
        open=written["state"] == "open",
        at=f"{written['at']}",
        by=f"{written['by']}",
        why=f"{written['why']}",
    )


def _limits(written: Mapping[str, Any]) -> LimitOrder:
    in_flight = written["in_flight"]
    return LimitOrder(
        institution=f"{written['institution']}",
        in_flight=None if in_flight is None else int(in_flight),
        requests_per_s=_rate(written["requests_per_s"]),
        records_per_s=_rate(written["records_per_s"]),
        changes=None if "changes" not in written else frozenset(LIMITS) & {*written["changes"]},
        at=f"{written['at']}",
        by=f"{written['by']}",
        why=f"{written['why']}",
    )


def _rate(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ValueError(value)
    return float(value)
