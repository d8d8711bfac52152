"""What is known of the capture of a source, and the one reason why it stands as it does. Pure."""

from dataclasses import replace
from typing import Final

from connector.profiles import profile_of
from connector.remedies import is_lost
from yibao.captures.shown import Shown
from yibao.status.facts import Facts, Part, Slot, SlotLook
from yibao.status.parts import Asked, Line, line_of

_FULL: Final = "No space left on device"
_SLOT: Final = "replication slot"
_TOLD: Final = 16 << 20
"""Bytes of a log that are worth a word: less is a server's daily business."""
_LONGEST: Final = 200
"""Of a failure that is told in a line."""


def capture_line(shown: Shown, asked: Asked) -> Line:
    """Of one source."""
    stand, status = shown.stand, shown.status
    control, failure = stand.control, "" if status is None or status.failure is None else status.failure
    stopped = control is not None and control.stopped
    found = asked.slots.get(shown.source.name, SlotLook(Slot.UNKNOWN))
    lost = is_lost(failure) or any(drift.where == _SLOT for drift in stand.drifts)
    facts = Facts(
        part=Part.CAPTURE,
        name=shown.source.name,
        asked=shown.asked,
        connector=_state(shown),
        failure=" ".join(failure.split())[:_LONGEST],
        mend=(shown.remedy if failure else stand.mend) or "",
        slot=Slot.LOST if lost else found.slot,
        kept=f"{found.kept_bytes >> 20} MiB" if found.kept_bytes >= _TOLD else "",
        silent=shown.silent and not asked.brokers_away,
        unseen=stand.unseen if profile_of(shown.source.kind).looks else "",
        refused=stand.unseen if stand.refused else "",
        changed="; ".join(control.reasons if control is not None and stopped else map(str, stand.drifts)),
        owed=() if control is None else control.read_again,
        full=failure[:_LONGEST] if _FULL in failure else "",
    )
    beat = None if shown.heartbeat_age_s is None else asked.at_ms - int(shown.heartbeat_age_s * 1000)
    line = replace(line_of(facts, ()), waiting=None, oldest_ms=beat)
    return replace(line, since=control.since) if control is not None and line.reason.name == "source_changed" else line


def _state(shown: Shown) -> str:
    """What Connect says of connector and tasks in a word; `""` where it has none."""
    if shown.status is None:
        return "" if shown.asked else "RUNNING"
    states = [shown.status.state, *(task.state for task in shown.status.tasks)]
    return next((state for state in states if state != "RUNNING"), "RUNNING" if shown.status.tasks else "UNASSIGNED")
