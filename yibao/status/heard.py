"""What the workers on this machine say of themselves, as facts of their stages. Pure."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from streams.deliver.limits import ALL
from streams.telemetry.conditions import MEANINGS, PROBED, Kind, Reason
from yibao.monitored import Seen

_KIND: Final = {reason.value: kind for reason, (kind, _meaning) in MEANINGS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Of one stage. A text is `""` where nothing is so."""

    stuck: str = ""
    """Workers that do not move any more, or whose processes live and do not answer."""
    pids: tuple[int, ...] = ()
    """Of those, as far as they are known."""
    beginning: str = ""
    """Why workers cannot work yet."""
    throttled: str = ""
    """What lets requests of all to the platform wait, although that answers."""
    limited: frozenset[str] = frozenset()
    """Institutions whose own limits let their requests wait."""
    refused: frozenset[str] = frozenset()
    """Institutions of which the platform takes no more for now."""
    platform: str = ""
    """Why nothing gets through to the platform."""
    probes: Mapping[str, datetime] = field(default_factory=dict)
    """By institution that is held: when it is asked again, by the first of the workers."""


_PROBING: Final = (Reason.INSTITUTION_HELD, Reason.INSTITUTION_THROTTLED)


def heard_of(seen: Iterable[Seen], stage: str) -> Heard:
    """From what its workers here say, or do not say."""
    own = [one for one in seen if one.worker.rpartition("-")[0] == stage]
    told = [(one.worker, reason) for one in own for reason in one.reasons if reason.get("reason") in _KIND]
    silent = [f"{one.worker}: {one.process.line}" for one in own if one.hangs and one.process is not None]
    dead = [one for one in own if one.hangs or any(_is_dead(reason) for reason in one.reasons)]
    still = _said((worker, reason) for worker, reason in told if _is_dead(reason))
    return Heard(
        stuck="; ".join(filter(None, (*silent, still))),
        pids=tuple(one.process.pid for one in dead if one.process is not None),
        beginning=_said((worker, reason) for worker, reason in told if _begins(reason["reason"])),
        throttled=_said(
            (worker, reason)
            for worker, reason in told
            if reason["reason"] == Reason.PLATFORM_THROTTLES or (reason["reason"] == Reason.LIMITED and ALL in _names(reason))
        ),
        limited=frozenset(name for _, reason in told if reason["reason"] == Reason.LIMITED for name in _names(reason)) - {ALL},
        refused=frozenset(_probes(reason["what"] for _, reason in told if reason["reason"] == Reason.INSTITUTION_THROTTLED)),
        platform=_said((worker, reason) for worker, reason in told if reason["reason"] == Reason.PLATFORM_AWAY),
        probes=_probes(reason["what"] for _, reason in told if reason["reason"] in _PROBING),
    )


def _probes(told: Iterable[str]) -> dict[str, datetime]:
    """A worker of another version may say no time."""
    found: dict[str, datetime] = {}
    for what in told:
        said, _, at = what.rpartition(PROBED)
        with suppress(ValueError):
            name, moment = said.partition(":")[0], datetime.fromisoformat(at)
            found[name] = min(found.get(name, moment), moment)
    return found


def _is_dead(reason: Mapping[str, str]) -> bool:
    return _KIND.get(reason.get("reason", "")) is Kind.DEAD


def _names(reason: Mapping[str, str]) -> list[str]:
    return reason.get("what", "").split(", ")


def _begins(reason: str) -> bool:
    return _KIND[reason] is Kind.UNREADY or reason == Reason.MAPPING_AWAITED


def _said(told: Iterable[tuple[str, dict[str, str]]]) -> str:
    """Worker and meaning of each, once."""
    return "; ".join(dict.fromkeys(f"{worker}: {MEANINGS[Reason(reason['reason'])][1]}" for worker, reason in told))
