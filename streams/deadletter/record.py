"""A dead letter as a message of `visit.dead`, and back.

Key and value are the original bytes; everything that is said about them is in headers, so that any Kafka tool can sort and count
without opening a record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from streams.deadletter import headers as h
from streams.deadletter.causes import cause_of
from streams.deadletter.owners import owner_of
from streams.domain.closings import ClosedBy, letter_id
from streams.domain.records import DeadLetter, Header
from streams.errors import Rejected
from streams.spec.masking import mask_text, show_key

FORM = 2
"""Of the letters that this version writes. 2: which row a letter is of; the offset is that of the row's own message. Form 1 had no
number. Readers show what they know of a later one; whoever sends letters again must refuse it, for it would drop the rest."""

MAX_MESSAGE_BYTES = 1024

_CONNECT_STAGES = {"join": "TRANSFORMATION", "deliver": "TASK_PUT"}


class Message(Protocol):
    """What both Kafka clients call a record, as far as it is read here."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterView:
    """A dead letter as it is read from its headers. What does not apply is `""`."""

    id: str
    """32 hex characters; the same for the same failure of the same content."""
    form: int = 1
    """Form of the letter; 1 where none is written."""
    dead_class: str
    """Why it is a dead letter, as in `DeadClass`."""
    rule: str
    """The first refusing rule, or what the class calls for."""
    stage: str
    """Stage that gave the record up."""
    owner: str
    """Who is asked first to mend it, as in `Owner`."""
    service: str
    """Code of the service."""
    institution: str
    """FIXMEDINS_CODE."""
    row_source: str = ""
    """Source of the row; this and the next five are empty in letters of form 1."""
    row_table: str = ""
    """Table of the row."""
    row_key: str = ""
    """Key of the row, as far as it may be shown."""
    visit_key: str = ""
    """Of its visit, as far as it may be shown."""
    position: str = ""
    """Of its last change in the database's log."""
    record_key: str = ""
    """Value of the service's key field, as far as it may be shown."""
    record_key_hash: str
    """Equal for equal records; says nothing by itself."""
    content_hash: str
    """32 hex characters over what failed."""
    mapping_version: str
    """Mapping that judged it."""
    http_status: str
    """Of the platform's answer."""
    platform_code: str
    """Code of the platform's answer."""
    message: str
    """For the clerk, masked."""
    msgid: str
    """Under which it was refused."""
    attempts: int
    """How often it was tried."""
    first_failed_at: int
    """Milliseconds since the epoch."""
    last_failed_at: int
    """Milliseconds since the epoch."""
    replay_count: int
    """How often it was replayed."""
    replay_id: str
    """Of the last replay."""
    closed_at: int = 0
    """Milliseconds since the epoch, where this message closes the letter: what it told has mended itself; else 0."""
    source: str
    """`topic/partition/offset` of the message that failed, without the offset where it is not known."""
    partition: int
    """Where the dead letter itself stands."""
    offset: int
    """Where the dead letter itself stands."""
    key: bytes | None = field(repr=False)
    """Original key of the message."""
    value: bytes | None = field(repr=False)
    """Original bytes, or a JSON document of the source rows."""
    original_headers: tuple[Header, ...] = field(repr=False)
    """Headers of the message that failed."""


def encode_dead_letter(letter: DeadLetter) -> tuple[bytes | None, bytes | None, list[Header]]:
    """Key, value and headers of the dead letter's message: the original headers, then ours.

    A record that fails again after a replay keeps the time of its first failure and its count of replays from its headers. Values
    that do not apply (an HTTP status before anything was sent) are empty texts, so that every letter has the same headers.
    """
    return letter.key, letter.value, [*_foreign(letter.original_headers), *_ours(letter), *_for_connect(letter)]


def record_key_hash(service: str, record_key: str) -> str:
    """What a record's key becomes in a header: equal for equal records, and says nothing by itself."""
    return _digest((service, record_key)) if record_key else ""


def safe_message(text: str) -> str:
    """`text` masked and cut to `MAX_MESSAGE_BYTES` of UTF-8, between characters."""
    return mask_text(text).encode(errors="replace")[:MAX_MESSAGE_BYTES].decode(errors="ignore")


def _ours(letter: DeadLetter) -> list[Header]:
    before = _texts(letter.original_headers)
    message = safe_message(letter.message)
    cause = cause_of(letter.dead_class, letter.rule, message, letter.value)
    values = {
        h.ID: letter_id(letter),
        h.FORM: str(FORM),
        h.CLASS: letter.dead_class.value,
        h.RULE: letter.rule,
        h.STAGE: letter.stage,
        h.OWNER: owner_of(letter).value,
        h.FIELD: cause.field,
        h.CAUSE: cause.value,
        h.SERVICE: letter.service,
        h.INSTITUTION: letter.institution,
        h.SOURCE: letter.row.source,
        h.TABLE: letter.row.table,
        h.ROW_KEY: _shown("/".join(letter.row.key), personal="key" in letter.row.personal),
        h.VISIT_KEY: _shown(letter.row.visit_key, personal="visit_key" in letter.row.personal),
        h.POSITION: letter.row.position,
        h.RECORD_KEY: _shown(letter.row.record_key, personal="record_key" in letter.row.personal),
        h.RECORD_KEY_HASH: record_key_hash(letter.service, letter.row.record_key or letter.record_key),
        h.CONTENT_HASH: letter.content_hash,
        h.MAPPING_VERSION: letter.mapping_version,
        h.HTTP_STATUS: "" if letter.http_status is None else str(letter.http_status),
        h.PLATFORM_CODE: letter.platform_code or "",
        h.MESSAGE: message,
        h.MSGID: letter.msgid or "",
        h.ATTEMPTS: str(letter.attempts),
        h.FIRST_FAILED_AT: before.get(h.FIRST_FAILED_AT) or str(letter.failed_at),
        h.LAST_FAILED_AT: str(letter.failed_at),
        h.REPLAY_COUNT: before.get(h.REPLAY_COUNT) or "0",
        h.REPLAY_ID: before.get(h.REPLAY_ID, ""),
    }
    if letter.closed:
        values |= {h.CLOSED_AT: str(letter.failed_at), h.CLOSED_BY: ClosedBy.MENDED, h.CLOSED_WHO: letter.stage}
    return [(name, value.encode()) for name, value in values.items()]


def _shown(key: str, *, personal: bool) -> str:
    """A key as it may stand in a header: not where the mapping says that it is a person's, nor where it looks so."""
    return safe_message(show_key(key, personal=personal))


def _for_connect(letter: DeadLetter) -> list[Header]:
    values = {
        h.CONNECT_TOPIC: letter.topic,
        h.CONNECT_PARTITION: str(letter.partition),
        h.CONNECT_OFFSET: "" if letter.offset is None else str(letter.offset),
        h.CONNECT_CLASS: f"yibao.{letter.dead_class.value}",
        h.CONNECT_MESSAGE: safe_message(letter.message),
        h.CONNECT_STAGE: _CONNECT_STAGES.get(letter.stage, letter.stage.upper()),
    }
    return [(name, value.encode()) for name, value in values.items()]


def read_dead_letter(message: Message) -> DeadLetterView:
    """The dead letter in a message of `visit.dead`. Raises Rejected when it has no `x-dlq-id`: somebody else wrote it."""
    said = _texts(message.headers)
    if not said.get(h.ID):
        raise Rejected(f"the message at {message.partition}/{message.offset} has no header {h.ID}: no dead letter of ours")
    return DeadLetterView(
        id=said[h.ID],
        form=_number(said.get(h.FORM)) or 1,
        dead_class=said.get(h.CLASS, ""),
        rule=said.get(h.RULE, ""),
        stage=said.get(h.STAGE, ""),
        owner=said.get(h.OWNER, ""),
        service=said.get(h.SERVICE, ""),
        institution=said.get(h.INSTITUTION, ""),
        row_source=said.get(h.SOURCE, ""),
        row_table=said.get(h.TABLE, ""),
        row_key=said.get(h.ROW_KEY, ""),
        visit_key=said.get(h.VISIT_KEY, ""),
        position=said.get(h.POSITION, ""),
        record_key=said.get(h.RECORD_KEY, ""),
        record_key_hash=said.get(h.RECORD_KEY_HASH, ""),
        content_hash=said.get(h.CONTENT_HASH, ""),
        mapping_version=said.get(h.MAPPING_VERSION, ""),
        http_status=said.get(h.HTTP_STATUS, ""),
        platform_code=said.get(h.PLATFORM_CODE, ""),
        message=said.get(h.MESSAGE, ""),
        msgid=said.get(h.MSGID, ""),
        attempts=_number(said.get(h.ATTEMPTS)),
        first_failed_at=_number(said.get(h.FIRST_FAILED_AT)),
        last_failed_at=_number(said.get(h.LAST_FAILED_AT)),
        replay_count=_number(said.get(h.REPLAY_COUNT)),
        replay_id=said.get(h.REPLAY_ID, ""),
        closed_at=_number(said.get(h.CLOSED_AT)),
        source="/".join(said.get(name, "") for name in (h.CONNECT_TOPIC, h.CONNECT_PARTITION, h.CONNECT_OFFSET)),
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        original_headers=tuple(_foreign(message.headers)),
    )


def _foreign(found: Iterable[Header]) -> list[Header]:
    return [(name, value) for name, value in found if not name.startswith((h.PREFIX, h.CONNECT_PREFIX))]


def _texts(found: Iterable[tuple[str, bytes | None]]) -> Mapping[str, str]:
    return {name: value.decode(errors="replace") for name, value in found if value is not None}


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0


def _digest(parts: Iterable[str]) -> str:
    return blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
