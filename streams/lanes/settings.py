"""How lanes pace, wait and give up.

What a site can set has its default in the site's models alone (`streams.mapping`). What has a default here cannot be set by a site:
it was measured or proved, and its docstring says what it protects.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from streams.errors import Misconfigured

MOST_RECORDS: Final = 3000
"""Most records of one plan: its refusals take two bits a record, and the metadata of an offset holds 4,096 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """What both kinds of lane keep to."""

    linger_s: float
    """A lane makes at most one transaction in this time: it bounds the load on the brokers (12 lanes at 0.4 s: 30 a second)."""
    idle_linger_s: float
    """How long the first record after a quiet time waits for others."""
    high: int = 4000
    """Records in hand at which the partition is no longer fetched."""
    low: int = 3000
    """Records in hand at which it is fetched again."""
    stuck_s: float = 60.0
    """A transaction that takes longer ends the worker. Time in which brokers are away does not count."""
    doubt_s: float = 1.0
    """A transaction that took longer is read back before the lane goes on."""
    visible_within_s: float = 10.0
    """How long a transaction that is read back may stay invisible before the worker ends. Time in which brokers are away does not
    count."""
    offset_within_s: float = 15.0
    """How long a lane that opens asks for its committed offset before it counts as missing."""
    log_within_s: float = 15.0
    """How long the brokers may contradict what a lane knows of its logs before the worker ends."""
    close_within_s: float = 20.0
    """How long a lane may take to close before the worker ends: longer than it takes until another broker leads what a lost one
    led (about 10 s), shorter than a group waits for its members (30 s). Time in which brokers are away does not count: the group
    may then have given the partition to another worker, which fences this one's transaction."""
    hole_s: float = 10.0
    """How long a missing number is waited for before the worker ends."""
    silent_s: float = 30.0
    """How long nothing of a partition may be handed over, although its end moved on, before the worker ends. Time in
    which brokers are away does not count."""
    watch_every_s: float = 5.0
    """How often the watch looks for missing numbers and silent partitions."""

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise Misconfigured(f"low ({self.low}) must lie between 0 and high ({self.high}), or a full lane is never filled again")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSettings:
    """What the join's lanes keep to."""

    max_chunk: int
    """Input records of one transaction."""
    tick_s: float
    """How often rows that wait are told the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodGuard:
    """When refusals look like a fault of ours instead of the records': the lane is held before their dead letters are written.

    It is held when one portion of a plan has at least `min_refused` refused records and they are more than `ratio` of it, and also
    when `in_a_row` records were refused without an accepted one between them.
    """

    min_refused: int
    """Fewer refused records of one portion never count as a flood."""
    ratio: float
    """Share of the portion's records."""
    in_a_row: int
    """Counted across plans. 0 switches this sign off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSettings:
    """What the deliver lanes keep to."""

    max_plan: int
    """Most records of one plan: the more, the fuller its batches (docs/performance.md)."""
    first_retry_s: float
    """Longest wait before the first repetition of a request, with full jitter."""
    max_retry_s: float
    """Longest wait before any repetition."""
    probe_s: float
    """Wait before the first probe while the platform's or our configuration is at fault."""
    max_probe_s: float
    """Longest wait between probes."""
    msgid_memory_s: float
    """How long the platform surely remembers a msgid; 0: for ever. An unknown outcome that is older holds the lane, because
    repeating the request might deliver it twice."""
    repeats_refused: bool
    """The platform answers "repeated msgid" also to a msgid that it refused."""
    first_repeated: bool
    """ "Repeated msgid" to the first POST of a msgid counts as accepted."""
    msgid_chars: int
    """32, or 36 where the platform reads the interface so."""
    flood_guard: FloodGuard
    """When the lane is held because too much is refused."""
    portion: int = 500
    """After so many records of a plan their receipts and dead letters are committed, so that a platform that forgot their msgids
    is not asked about them again."""
    late_s: float = 10.0
    """A record whose commit in the database is older than this counts as late."""
    late_linger_s: float = 1.0
    """How long late records wait for others, beyond the lane's linger: a backlog gets through sooner in full batches."""
    company_s: float = 10.0
    """The same while the join has more of the partition before it; a tenth of their age at most."""
    lease_s: float = 15.0
    """A POST later than this after the last transaction first renews the ownership of the partition."""
    max_throttle_s: float = 300.0
    """Longest wait that the platform's Retry-After can demand."""
    alarm_every_s: float = 60.0
    """How often a held lane says so again."""
    aside_after_s: float = 10.0
    """How long an institution is held before its records are set aside and the others go on."""
    aside_answers: int = 2
    """How many answers must have held it by then, or how many of its POSTs must have had none."""
    silent_after_s: float = 30.0
    """How long none of its POSTs is answered before that is thought to be its own, where another institution's were meanwhile;
    twice as long where nobody else's was tried."""
    throttled_after_s: float = 30.0
    """How long no more of it is taken before it is set aside so that others are tried, where nobody else was answered meanwhile."""

    def __post_init__(self) -> None:
        if not 0 < self.max_plan <= MOST_RECORDS:
            raise Misconfigured(
                f"max_plan ({self.max_plan}) must be 1 to {MOST_RECORDS}: its refusals must fit the metadata of an offset"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where Kafka is and how every client of ours talks to it."""

    bootstrap_servers: str
    """`host:port,host:port`."""
    compression: str | None
    """Codec of what is written; None for none."""
    request_timeout_s: float = 40.0
    """Longest wait for a broker's answer."""
    max_request_bytes: int = 8 << 20
    """Largest request."""
    security: Mapping[str, object] = field(default_factory=dict, repr=False)
    """aiokafka's connection arguments; none for plain text."""
