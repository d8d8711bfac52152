"""The values that travel between the stages: rows, records, dead letters.

What holds a patient's data is left out of every `repr`, because that ends up in errors and logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from streams.domain.violations import DeadClass, Violation
from streams.spec.fields import ServiceCode

Row: TypeAlias = Mapping[str, str | None]
"""One database row after decoding: every value is text or NULL; no float, no number, no time object."""

Header: TypeAlias = tuple[str, bytes]


class Lookups(Protocol):
    """Rows of the lookup tables, as far as they are known."""

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        """The row of lookup `name` under `key`, or None if it is not known (yet)."""


class SourceRows(NamedTuple):
    """The rows that one interface record is built from. A visit's record has no settlement and no fee."""

    visit: Row | None = None
    settlement: Row | None = None
    fee: Row | None = None

    def __repr__(self) -> str:
        """Without what the rows hold."""
        return "SourceRows()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One interface record, ready to report."""

    service: ServiceCode
    """What it is reported as."""
    institution: str
    """FIXMEDINS_CODE."""
    infno: str
    """Business number of the envelope that it belongs in."""
    key: str
    """Value of the service's key field."""
    value: bytes = field(repr=False)
    """The exact UTF-8 bytes of the JSON object."""
    content_hash: str
    """32 hex characters over `value`."""
    mapping_version: str
    """Mapping that made it."""
    business_day: str
    """`yyyy-MM-dd`."""
    amount: str
    """The record's money as decimal text; `""` for visits."""
    warnings: tuple[Violation, ...] = ()
    """Violations of level WARN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that must not be reported: all its violations at once (refusing ones and warnings)."""

    service: ServiceCode
    institution: str
    key: str
    violations: tuple[Violation, ...]
    mapping_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLookup:
    """A lookup row that the record needs is not known (yet)."""

    lookup: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrigin:
    """The database row that a dead letter is of, as far as it is known: `""` and () where it is not.

    source: Debezium's `topic.prefix`. table: `schema.table`. key: values of its key columns. position: of its last change in the
    database's log, as in `visit.ready`. record_key: value of the service's key field, as the mapping makes it from the row.
    personal: which of `key`, `visit_key` and `record_key` the mapping also reports as a person's name, number or address.
    """

    source: str = ""
    table: str = ""
    key: tuple[str, ...] = field(default=(), repr=False)
    visit_key: str = field(default="", repr=False)
    position: str = ""
    record_key: str = field(default="", repr=False)
    personal: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One record on its way to the dead letters. `streams.deadletter.record` gives it its bytes and headers.

    key, value: original bytes (DECODE, REJECTED) or the JSON document of the source rows (all others), enough to run it again.
    rule: the first refusing rule, or what the class calls for. topic, partition, offset: of the message that it is of: where a row
    failed, of that row's own last one (offset None where it is not known), whatever made it fail now. identity: what makes its id
    deterministic, besides stage, class and source row. message: masked, at most 1 KB. original_headers are kept. failed_at:
    milliseconds since the epoch, of the event that failed (never a clock read in the domain).
    """

    stage: str
    """Stage that gave it up."""
    dead_class: DeadClass
    """Why."""
    rule: str
    """The first refusing rule, or what the class calls for."""
    service: str
    """Service of the record; `""` where it is not known."""
    institution: str
    """FIXMEDINS_CODE; `""` where it is not known."""
    record_key: str
    """Key of the record or of its row; `""` where it is not known."""
    content_hash: str
    """32 hex characters over what failed; `""` where nothing could be read."""
    mapping_version: str
    """Mapping that judged it; `""` where none did."""
    message: str
    """For the clerk. Masked and cut to 1 KB when it is written."""
    identity: str
    """What makes its id the same for the same failure, besides stage, class, service, institution and record key."""
    key: bytes | None = field(repr=False)
    """Key of the message that failed, or the visit key."""
    value: bytes | None = field(repr=False)
    """Bytes of the message that failed or, in a letter of the join about a row, a JSON document of the source rows: enough to
    run it again."""
    topic: str
    """Topic of the message that failed."""
    partition: int
    offset: int | None
    failed_at: int
    row: RowOrigin = RowOrigin()
    http_status: int | None = None
    """Of the platform's answer; None where nothing was sent."""
    platform_code: str | None = None
    """Code of the platform's answer; None where there is none."""
    msgid: str | None = None
    """The msgid under which it was refused; None where it was not sent."""
    attempts: int = 1
    """How often it was tried."""
    original_headers: tuple[Header, ...] = field(default=(), repr=False)
    """Headers of the message that failed; they are kept."""


class ReadyRecord(NamedTuple):
    """One record as it was read from `visit.ready`.

    number: the gapless `seq` of its partition, from 1. offset: where it stands. key: the visit key. committed_at, captured_at,
    ready_at: milliseconds of the commit in the database, of its capture, and of this message. added: headers of a later version,
    kept for whoever sends the record again.
    """

    key: bytes
    """The visit key."""
    value: bytes
    """The exact bytes of the JSON object."""
    number: int
    """The `seq` of its partition: without gaps, from 1."""
    offset: int
    """Where it stands in its partition."""
    partition: int
    """Its partition."""
    service: ServiceCode
    """What it is reported as."""
    institution: str
    """FIXMEDINS_CODE."""
    infno: str
    """Business number of its envelope."""
    record_key: str
    """Value of the service's key field."""
    content_hash: str
    """32 hex characters over `value`."""
    mapping_version: str
    """Mapping that made it."""
    position: str
    """Of its row's change in the database's log, as text."""
    committed_at: int
    """Milliseconds of the commit in the database that made it ready."""
    captured_at: int
    """Milliseconds at which that change was captured."""
    ready_at: int
    """Milliseconds of its message."""
    business_day: str
    """`yyyy-MM-dd`."""
    amount: str
    added: tuple[Header, ...] = ()

    def __repr__(self) -> str:
        """Without what the record holds."""
        return f"ReadyRecord(partition={self.partition}, number={self.number}, service={self.service!r}, key={self.record_key!r})"
