"""Why a lane or an institution waits, in a word that stands in the mark, so that who looks from outside need not read a log."""

import re
from typing import Final

from streams.deliver.verdict import Held

FLOOD_GUARD: Final = "flood_guard"
"""Most of its records are refused."""
MSGID_MEMORY: Final = "msgid_memory"
"""An outcome is unknown for longer than the platform remembers."""
OTHER_LIMITS: Final = "other_limits"
"""Its plan was cut by other limits of a batch."""
NO_ROOM: Final = "no_room"
"""More is refused than the mark can hold."""
TOPIC_GONE: Final = "topic_gone"
"""What waits does not stand in the topic any more."""

PAUSED: Final = "paused"
"""A person ordered it."""

_CODE: Final = re.compile(r"[0-9A-Za-z_.-]{1,12}", re.ASCII)


def cause_of(held: Held | None) -> str:
    """A `HoldCause`, and the platform's code where it is one; `""` where nobody heard why. Nothing of what the platform says."""
    if held is None:
        return ""
    return f"{held.cause.value} {held.code}" if _CODE.fullmatch(held.code) else held.cause.value
