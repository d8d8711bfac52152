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
    """One interface record, ready to report.

    institution: FIXMEDINS_CODE. infno: of the envelope it belongs in. key: value of the service's key field. value: the exact
    UTF-8 bytes of the JSON object. content_hash: 32 hex characters over `value`. business_day: `yyyy-MM-dd`. amount: the record's
    money as decimal text (`""` for visits). warnings: violations of level WARN.
    """

    service: ServiceCode
    institution: str
    infno: str
    key: str
    value: bytes = field(repr=False)
    content_hash: str
    mapping_version: str
    business_day: str
    amount: str
    warnings: tuple[Violation, ...] = ()


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
    dead_class: DeadClass
    rule: str
    service: str
    institution: str
    record_key: str
    content_hash: str
    mapping_version: str
    message: str
    identity: str
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    topic: str
    partition: int
    offset: int | None
    failed_at: int
    row: RowOrigin = RowOrigin()
    http_status: int | None = None
    platform_code: str | None = None
    msgid: str | None = None
    attempts: int = 1
    original_headers: tuple[Header, ...] = field(default=(), repr=False)


class ReadyRecord(NamedTuple):
    """One record as it was read from `visit.ready`.

    number: the gapless `seq` of its partition, from 1. offset: where it stands. key: the visit key. committed_at, captured_at,
    ready_at: milliseconds of the commit in the database, of its capture, and of this message. added: headers of a later version,
    kept for whoever sends the record again.
    """

    key: bytes
    value: bytes
    number: int
    offset: int
    partition: int
    service: ServiceCode
    institution: str
    infno: str
    record_key: str
    content_hash: str
    mapping_version: str
    position: str
    committed_at: int
    captured_at: int
    ready_at: int
    business_day: str
    amount: str
    added: tuple[Header, ...] = ()

    def __repr__(self) -> str:
        """Without what the record holds."""
        return f"ReadyRecord(partition={self.partition}, number={self.number}, service={self.service!r}, key={self.record_key!r})"
