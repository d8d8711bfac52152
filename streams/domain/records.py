"""The values that travel between the stages: rows, records, dead letters.

What holds a patient's data is left out of every `repr`, because that ends up in errors and logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeAlias

from streams.domain.violations import DeadClass, Violation
from streams.spec.fields import ServiceCode

Row: TypeAlias = Mapping[str, str | None]
"""One database row after decoding: every value is text or NULL; no float, no number, no time object."""

UNDECIDED: Final[Row] = MappingProxyType({})
"""Stands for a row of a lookup where several could be meant: it has no columns, as no other row."""

Header: TypeAlias = tuple[str, bytes | None]
"""A header of a message. Kafka knows names without a value; none of ours is, but anybody may have written one."""


class Lookups(Protocol):
    """Rows of the lookup tables, as far as they are known."""

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        """The row of lookup `name` under `key`; None if it is not known (yet), and `UNDECIDED` where nobody knows which it is."""


class SourceRows(NamedTuple):
    """The rows that one interface record is built from. A visit's record has no settlement and no fee."""

    visit: Row | None = None
    settlement: Row | None = None
    fee: Row | None = None
    tables: tuple[str, str, str] = ("", "", "")
    """The tables of these rows, in the same order; `""` where a row is not there, or its table says nothing."""

    def __repr__(self) -> str:
        """Without what the rows hold."""
        return "SourceRows()"


class Record(NamedTuple):
    """One interface record, ready to report. A named tuple, like `ReadyRecord`: one of them is made for every record."""

    service: ServiceCode
    """What it is reported as."""
    institution: str
    """FIXMEDINS_CODE."""
    infno: str
    """Business number of the envelope that it belongs in."""
    key: str
    """Value of the service's key field."""
    value: bytes
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

    def __repr__(self) -> str:
        """Without what the record holds."""
        return f"Record(service={self.service!r}, institution={self.institution!r}, key={self.key!r}, hash={self.content_hash!r})"


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
    """Its name."""
    key: tuple[str, ...] = field(repr=False)
    """Values of its key columns."""
    places: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False)
    """Where the key's values stand: role or lookup, and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrigin:
    """The database row that a dead letter is of, as far as it is known."""

    source: str = ""
    """Debezium's `topic.prefix`; `""` where it is not known."""
    table: str = ""
    """`schema.table`; `""` where it is not known."""
    key: tuple[str, ...] = field(default=(), repr=False)
    """Values of its key columns; () where they are not known."""
    visit_key: str = field(default="", repr=False)
    """Of its visit; `""` where it is not known."""
    position: str = ""
    """Of its last change in the database's log, as in `visit.ready`."""
    record_key: str = field(default="", repr=False)
    """Value of the service's key field, as the mapping makes it from the row."""
    personal: frozenset[str] = frozenset()
    """Which of `key`, `visit_key` and `record_key` the mapping also reports as a person's name, number or address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One record on its way to the dead letters. `streams.deadletter.record` gives it its bytes and headers."""

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
    """Topic of the message that it is of. Where a row failed, that is the row's own last message, whatever made it fail now."""
    partition: int
    """Partition of that message."""
    offset: int | None
    """Offset of that message; None where it is not known."""
    failed_at: int
    """Milliseconds since the epoch, of the event that failed (never a clock read in the domain)."""
    row: RowOrigin = RowOrigin()
    """The database row that it is of."""
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
    closed: bool = False
    """Whether this closes the letter instead of telling it: what it told has mended itself."""


class ReadyRecord(NamedTuple):
    """One record as it was read from `visit.ready`."""

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
    """The record's money as decimal text; `""` for visits."""
    added: tuple[Header, ...] = ()
    """Headers that a later version added, kept for whoever sends the record again."""

    def __repr__(self) -> str:
        """Without what the record holds."""
        return f"ReadyRecord(partition={self.partition}, number={self.number}, service={self.service!r}, key={self.record_key!r})"
