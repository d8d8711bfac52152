"""How lanes pace, wait and give up.

What a site can set has its default in the site's models alone (`streams.mapping`). What has one here nobody can set: it is measured
or proved, and says what it protects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.errors import Misconfigured

MOST_RECORDS: Final = 3000
"""Of a plan: two bits a record, and 4,096 bytes of metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """Both kinds of lane.

    linger_s: at most one transaction per linger and lane, so that it bounds the brokers' load (12 lanes at 0.4 s: 30 a second).
    idle_linger_s: what a record waits for company after a quiet time. high, low: records in hand at which a partition is no longer
    fetched, and fetched again. doubt_s: a transaction that took longer is read back. stuck_s: a longer one ends the worker.
    """

    linger_s: float
    idle_linger_s: float
    high: int = 4000
    low: int = 3000
    transaction_timeout_s: float = 60.0
    stuck_s: float = 60.0
    doubt_s: float = 1.0
    visible_within_s: float = 10.0
    offset_within_s: float = 15.0
    close_within_s: float = 8.0
    hole_s: float = 10.0
    silent_s: float = 30.0
    watch_every_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise Misconfigured(f"low ({self.low}) must lie between 0 and high ({self.high}), or a full lane is never filled again")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSettings:
    """max_chunk: input records of one transaction. tick_s: how often time passes for rows that wait."""

    max_chunk: int
    tick_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodGuard:
    """When refusals look like a fault of ours instead of the records': the lane is held before their dead letters are written.

    min_refused single records of one portion of a plan, and more than `ratio` of its records; or in_a_row refused single records
    without an accepted one between them, over plans (0 switches that off).
    """

    min_refused: int
    ratio: float
    in_a_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSettings:
    """max_plan: records of one plan: the more, the fuller its batches (docs/performance.md). portion: after so many of them their
    receipts and dead letters are committed, so that a platform that forgot their msgids is not asked about them again.
    late_s, late_linger_s: what was committed in the database so long ago waits so long for company, beyond the lane's linger.
    lease_s: a POST later than this after the last transaction renews the ownership first.

    first_retry_s, max_retry_s: bounds of the full jitter between tries of one message. max_throttle_s: bound of a Retry-After.
    probe_s, max_probe_s: bounds of the tries while the platform's or our configuration is at fault. alarm_every_s: how often a held
    lane says so again. msgid_memory_s: how long the platform surely remembers a msgid; an unknown outcome that is older holds the
    lane, because repeating it might deliver it twice (0: for ever). repeats_refused: the platform answers "repeated msgid" also
    to an id that it refused. msgid_chars: 32, or 36 where the platform reads the interface so.
    """

    max_plan: int
    first_retry_s: float
    max_retry_s: float
    probe_s: float
    max_probe_s: float
    msgid_memory_s: float
    repeats_refused: bool
    msgid_chars: int
    flood_guard: FloodGuard
    portion: int = 500
    late_s: float = 10.0
    late_linger_s: float = 1.0
    lease_s: float = 15.0
    max_throttle_s: float = 300.0
    alarm_every_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.max_plan <= MOST_RECORDS:
            raise Misconfigured(
                f"max_plan ({self.max_plan}) must be 1 to {MOST_RECORDS}: its refusals must fit the metadata of an offset"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where Kafka is and how every client of ours talks to it. security: aiokafka's connection arguments, none for plain text."""

    bootstrap_servers: str
    compression: str | None
    request_timeout_s: float = 40.0
    max_request_bytes: int = 8 << 20
    security: Mapping[str, object] = field(default_factory=dict, repr=False)
