"""A lane or an institution that is held: in words, and what ends it. Pure."""

from typing import Final

from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REMEDIES
from streams.lanes.deliver.held_cause import FLOOD_GUARD, MSGID_MEMORY, NO_ROOM, OTHER_LIMITS, TOPIC_GONE
from yibao.status.facts import Facts

_STOPS: Final = {
    FLOOD_GUARD: "yibao dlq list --class rejected --since 1h; docs/operations.md, The flood guard, has what comes then",
    MSGID_MEMORY: "ask the platform whether it has the msgids of the plan: docs/operations.md, Doubles",
    OTHER_LIMITS: "put platform.max_chars, max_rows, encoding, encrypt and msgid_chars back, and restart the deliver worker",
    NO_ROOM: "mend what is refused (yibao dlq summary --by cause), and restart the deliver worker",
    TOPIC_GONE: "report its rows anew: yibao resnapshot; the topic kept them no longer (retention.ready_days)",
}
_LOG: Final = "the deliver worker's log says it every minute: lane_held, lane_stopped, institution_held"


def held_words(facts: Facts) -> str:
    """That it is held, and why."""
    told = f"held: {facts.cause}" if facts.cause else "held, and nobody heard why yet"
    again = f"; asked again {facts.probed}" if facts.probed else ""
    return f"{told} ({facts.where}){again}" if facts.where else f"{told}{again}"


def held_mend(facts: Facts) -> str:
    """What ends the hold."""
    if facts.mend:
        return facts.mend
    cause = facts.cause.partition(" ")[0]
    if cause in _STOPS:
        return _STOPS[cause]
    return REMEDIES[HoldCause(cause)] if cause in set(HoldCause) else _LOG
