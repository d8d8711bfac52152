"""What speaks against a worker being well, in words that a probe, a person and an alert share."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

PROBED: Final = ", asked again at "
"""Before the time of the next probe, in what is known of an institution that is held."""


class Kind(StrEnum):
    """DEAD: the process must be ended, for nothing in it moves any more. UNREADY: it cannot work now, and will by itself. DEGRADED:
    it works, and some of its work waits for somebody; a new process would change nothing.
    """

    DEAD = "dead"
    UNREADY = "unready"
    DEGRADED = "degraded"


class Reason(StrEnum):
    """Every reason that can be told; `MEANINGS` says what each is."""

    LOOP_STUCK = "loop_stuck"
    STARTING = "starting"
    ENDING = "ending"
    NO_BROKER = "no_broker"
    NOT_ASSIGNED = "not_assigned"
    RESTORING = "restoring"
    MAPPING_AWAITED = "mapping_awaited"
    BROKERS_LOST = "brokers_lost"
    LANE_HELD = "lane_held"
    INSTITUTION_HELD = "institution_held"
    INSTITUTION_ASIDE = "institution_aside"
    PLATFORM_AWAY = "platform_away"
    PLATFORM_THROTTLES = "platform_throttles"
    INSTITUTION_THROTTLED = "institution_throttled"
    LIMITED = "limited"
    SOURCE_STOPPED = "source_stopped"
    CAPTURE_FAILED = "capture_failed"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"


MEANINGS: Final[Mapping[Reason, tuple[Kind, str]]] = {
    Reason.LOOP_STUCK: (Kind.DEAD, "the event loop has not moved for `workers.http.stuck_s`"),
    Reason.STARTING: (Kind.UNREADY, "it begins, or waits for brokers"),
    Reason.ENDING: (Kind.UNREADY, "it was asked to end"),
    Reason.NO_BROKER: (Kind.UNREADY, "no broker answers"),
    Reason.NOT_ASSIGNED: (
        Kind.UNREADY,
        "its group has not told it which partitions are its own (none is an answer, too)",
    ),
    Reason.RESTORING: (Kind.UNREADY, "lanes still read their state"),
    Reason.MAPPING_AWAITED: (
        Kind.DEGRADED,
        "it stands by until workers with another mapping have gone, and then takes their work: whoever replaces them may go on",
    ),
    Reason.BROKERS_LOST: (Kind.DEGRADED, "some brokers do not answer, others do"),
    Reason.LANE_HELD: (Kind.DEGRADED, "a lane waits for the platform or a person"),
    Reason.INSTITUTION_HELD: (Kind.DEGRADED, "nothing of an institution is taken"),
    Reason.INSTITUTION_ASIDE: (Kind.DEGRADED, "an institution is set aside, the others go on"),
    Reason.PLATFORM_AWAY: (Kind.DEGRADED, "the platform does not answer"),
    Reason.PLATFORM_THROTTLES: (
        Kind.DEGRADED,
        "the platform takes no more for now (429), and is left alone for a while: nobody was answered otherwise since",
    ),
    Reason.INSTITUTION_THROTTLED: (
        Kind.DEGRADED,
        "the platform takes no more of an institution for now (429), and is asked again when it said",
    ),
    Reason.LIMITED: (Kind.DEGRADED, "requests wait for their turn: no more a second may go, by `yibao limits` or site.yaml"),
    Reason.SOURCE_STOPPED: (Kind.DEGRADED, "the rows of a source are not placed until `yibao resume`"),
    Reason.CAPTURE_FAILED: (Kind.DEGRADED, "the capture of a source has failed in Connect"),
    Reason.PAUSED: (Kind.DEGRADED, "a person paused some of its work, until `yibao resume` or the end that was set"),
    Reason.MAINTENANCE: (
        Kind.DEGRADED,
        "the platform is maintained: nothing is posted until that is over (`yibao maintenance show`)",
    ),
}


class Condition(NamedTuple):
    """One thing that speaks against a worker."""

    reason: Reason
    """Why, in one word."""
    what: str
    """Which one, and what is known of it. Never anything of a record."""

    @property
    def kind(self) -> Kind:
        """What it means for the worker."""
        return MEANINGS[self.reason][0]

    @property
    def document(self) -> dict[str, str]:
        """As it is served."""
        return {"kind": self.kind.value, "reason": self.reason.value, "what": self.what}


class State(StrEnum):
    """Of a worker, from the worst of what speaks against it."""

    OK = "ok"
    DEGRADED = "degraded"
    UNREADY = "unready"
    DEAD = "dead"


def state_of(conditions: Sequence[Condition]) -> State:
    """The worst of them."""
    kinds = {one.kind for one in conditions}
    return next((State(kind.value) for kind in (Kind.DEAD, Kind.UNREADY, Kind.DEGRADED) if kind in kinds), State.OK)
