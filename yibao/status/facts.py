"""What is known of one part of a site when it is asked why it does not move. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Part(StrEnum):
    """What a line of `yibao status` is about, in the order of the data."""

    SITE = "site"
    CAPTURE = "capture"
    PLACE = "place"
    JOIN = "join"
    DELIVER = "deliver"
    INSTITUTION = "institution"


class Slot(StrEnum):
    """How the place of a capture in its database's log stands. UNKNOWN: nobody could look, or there was no reason to."""

    UNKNOWN = "unknown"
    READ = "read"
    UNREAD = "unread"
    LOST = "lost"


class SlotLook(NamedTuple):
    """One look at the place of a capture in its database's log."""

    slot: Slot
    """How it stands."""
    kept_bytes: int = 0
    """How much of its log the database keeps for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one part. A text is `""` where nothing is so."""

    part: Part
    """What it is."""
    name: str = ""
    """Of the source or institution; of the join and deliver `""`."""
    asked: bool = True
    """Whether the brokers, or of a capture Connect, answered."""
    waiting: int | None = 0
    """Rows or records that wait for it; None where its offsets do not say."""
    late: bool = False
    """Whether the oldest of them is older, or more of them are, than `lag` in site.yaml allows."""
    rate_per_s: float | None = None
    """What it takes a second; None before two looks."""
    drains: bool | None = None
    """Whether it gets less; None where that is not known."""
    idle: int = 0
    """Of a stage: partitions that take nothing of what waits in them."""
    away: str = ""
    """Of the site: why no broker, or no Connect, answers."""
    brokers: bool = True
    """Of the site: whether the brokers do."""
    connector: str = "RUNNING"
    """Of a capture: what Connect says of its connector and tasks; `""` where it has none."""
    failure: str = ""
    """Of a capture: why it or its task failed."""
    mend: str = ""
    """What ends the failure, the change of the catalogue, or the hold, in words that are known where it was found."""
    slot: Slot = Slot.UNKNOWN
    """Of a capture."""
    kept: str = ""
    """Of a capture that does not read: how much of its log the database keeps for it."""
    silent: bool = False
    """Of a capture: whether its heartbeat is late, or never came."""
    unseen: str = ""
    """Of a capture: why its database does not let itself be looked at from here."""
    refused: str = ""
    """Of a capture: how its database refuses the login of capture, where it answers."""
    changed: str = ""
    """Of a capture: in what its database is no longer what it was applied against, or why its rows are not placed."""
    owed: tuple[str, ...] = ()
    """Of a capture: tables that are still to be read again."""
    full: str = ""
    """Where the disk is full."""
    workers: int = 1
    """Of a stage: how many take part in it."""
    stuck: str = ""
    """Of a stage: which of its workers on this machine do not move any more, or do not answer although they live."""
    stuck_pids: tuple[int, ...] = ()
    """Of a stage: their processes, as far as they are known."""
    beginning: str = ""
    """Of a stage: why its workers on this machine cannot work yet."""
    throttled: str = ""
    """Of deliver and an institution: what lets its requests wait, the platform or a limit of ours."""
    platform: str = ""
    """Of deliver: what its workers on this machine say of a platform that does not answer."""
    unowned: int = 0
    """Of a stage: partitions in which something waits, and which nobody was given."""
    paused: str = ""
    """Who paused it, and why."""
    ends: bool = False
    """Whether the pause ends by itself."""
    pressing: str = ""
    """Why a person must look at the pause although it ends by itself."""
    maintained: str = ""
    """Of deliver and an institution: until when the platform is maintained, and who says so."""
    after_maintenance: str = ""
    """Of deliver and an institution: when that was over, while what waited is sent."""
    held: bool = False
    """Of deliver and an institution: whether it is held."""
    cause: str = ""
    """Why it is held, and the platform's code; `""` where nobody heard it."""
    probed: str = ""
    """Of an institution that is held: when it is asked again; `""` where no worker of this machine says so."""
    where: str = ""
    """Of deliver: in which partitions, and of which institution where all that waits there is of one."""
    aside: bool = False
    """Of an institution: whether its records wait beside the others'."""
    unanswered_s: float = 0.0
    """Of deliver: so long its oldest plan is under way, where that is longer than a healthy platform takes."""
    awaited: int = 0
    """Of deliver: records that wait for a visit or settlement which the platform refused."""
    parts: str = ""
    """Of the join and an institution: how many rows wait for their parts, and since when the oldest."""
    before: str = ""
    """What stands before it, and why, where that does not move or waits for a person."""
