"""What the index keeps of one message of `visit.dead`: what letters are chosen, counted and listed by.

Of the message's value, which is a patient's record or rows, nothing is kept but a cause (`streams.deadletter.causes`); whoever
shows a letter reads it from the topic, at its place. Of keys there is what the headers show.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from streams.deadletter import headers as h
from streams.deadletter.causes import cause_of
from streams.deadletter.record import Message
from streams.domain.violations import DeadClass
from streams.spec.masking import show_key

_ID_BYTES: Final = 16
_LONGEST_KEY: Final = 200

SEPARATOR: Final = "\x1f"
RESTS: Final = ("position", "content_hash", "http_status", "msgid", "replay_id", "topic", "partition", "offset")
"""What stands in `Entry.rest`; the last three are of the message that failed."""


class Group(NamedTuple):
    """What many letters have in common: they are counted by it."""

    dead_class: str
    """Class."""
    rule: str
    """Rule."""
    field: str
    """Interface field that is wrong."""
    cause: str
    """What caused it."""
    service: str
    """Service."""
    institution: str
    """FIXMEDINS_CODE."""
    owner: str
    """Who mends it."""
    stage: str
    """Stage that gave it up."""
    source: str
    """Source of the row."""
    row_table: str
    """Table of the row."""
    code: str
    """Answer code of the platform."""
    mapping_version: str
    """Mapping that judged it."""


class Entry(NamedTuple):
    """One message of the topic, as far as the index keeps it."""

    id: bytes
    """16 bytes."""
    partition: int
    """Where it stands."""
    offset: int
    """Where it stands."""
    at: int
    """Of this failure, or of the closing (ms)."""
    first: int
    """Of the first failure (ms)."""
    group: Group
    """What it is counted by; all `""` in a closing that names the letter alone."""
    message: str
    """The reason, masked; of a closing the reason for that."""
    record_key: str
    """As far as it may be shown, as the next ones: `***` where it is hidden."""
    row_key: str
    """Key of the row."""
    visit_key: str
    """Key of the visit."""
    record_hash: bytes
    """Equal for equal records."""
    attempts: int
    """How often it was tried."""
    replays: int
    """How often it was replayed."""
    form: int
    """Form of the letter."""
    rest: str
    """What is only shown (`RESTS`), joined by 0x1f."""
    closed: str
    """What closed it, as in `streams.deadletter.closing`; `""` in a message that tells of a failure."""
    by: str
    """Who closed it."""
    evidence: str
    """By what: the platform's number, the letter that took its place."""

    def __repr__(self) -> str:
        """Without keys and reasons."""
        return f"Entry(partition={self.partition}, offset={self.offset}, group={self.group})"


class Entries:
    """Reads messages. Remembers the groups and causes that it met: letters that have the same are read faster."""

    def __init__(self) -> None:
        self._groups: dict[tuple[bytes | None, ...], Group] = {}
        self._causes: dict[tuple[str, str, str], tuple[str, str]] = {}

    def entry(self, message: Message) -> Entry | None:
        """None of what is no letter of ours."""
        said: dict[str, bytes | None] = dict(message.headers)
        identity = _id(said.get(h.ID))
        if identity is None:
            return None
        text = _text(said.get(h.MESSAGE))
        at = _number(said.get(h.LAST_FAILED_AT))
        closed_at = _number(said.get(h.CLOSED_AT))
        return Entry(
            identity,
            message.partition,
            message.offset,
            closed_at or at,
            _number(said.get(h.FIRST_FAILED_AT)) or at,
            self._group(said, text, message.value),
            _text(said.get(h.CLOSED_WHY)) if closed_at else text,
            _key(said.get(h.RECORD_KEY)),
            _key(said.get(h.ROW_KEY)),
            _visit_key(said, message.key),
            _hash(said.get(h.RECORD_KEY_HASH)),
            _number(said.get(h.ATTEMPTS)),
            _number(said.get(h.REPLAY_COUNT)),
            _number(said.get(h.FORM)) or 1,
            SEPARATOR.join([_text(said.get(name)) for name in _REST]),
            (_text(said.get(h.CLOSED_BY)) or "mended") if closed_at else "",
            _text(said.get(h.CLOSED_WHO)),
            _text(said.get(h.CLOSED_EVIDENCE)),
        )

    def _group(self, said: Mapping[str, bytes | None], message: str, value: bytes | None) -> Group:
        field, cause = said.get(h.FIELD), said.get(h.CAUSE)
        if field is None or cause is None:
            dead_class, rule = _text(said.get(h.CLASS)), _text(said.get(h.RULE))
            found = cause_of(dead_class, rule, message, value)
            field, cause = found.field.encode(), found.value.encode()
        key = (field, cause, *[said.get(name) for name in _GROUPED])
        group = self._groups.get(key)
        if group is None:
            _, _, *common = [_text(part) for part in key]
            dead_class, rule, service, *rest = common
            group = self._groups[key] = Group(dead_class, rule, _text(field), _text(cause), service, *rest)
        return group


_GROUPED: Final = (
    h.CLASS,
    h.RULE,
    h.SERVICE,
    h.INSTITUTION,
    h.OWNER,
    h.STAGE,
    h.SOURCE,
    h.TABLE,
    h.PLATFORM_CODE,
    h.MAPPING_VERSION,
)


_REST: Final = (
    h.POSITION,
    h.CONTENT_HASH,
    h.HTTP_STATUS,
    h.MSGID,
    h.REPLAY_ID,
    h.CONNECT_TOPIC,
    h.CONNECT_PARTITION,
    h.CONNECT_OFFSET,
)


def text_id(text: str) -> int:
    """The number under which a reason is kept: equal for equal ones."""
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest(), "big", signed=True)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode(errors="replace")


def _key(value: bytes | None) -> str:
    return _text(value)[:_LONGEST_KEY]


def _visit_key(said: Mapping[str, bytes | None], key: bytes | None) -> str:
    """As the letter says it. Letters of form 1 have it only as their key, which need not be fit to be shown."""
    is_said = said.get(h.STAGE) == b"join" and _number(said.get(h.FORM)) > 1
    if said.get(h.VISIT_KEY) or is_said or said.get(h.CLASS) == DeadClass.DECODE.encode():
        return _key(said.get(h.VISIT_KEY))
    return show_key(_text(key), personal=False)[:_LONGEST_KEY]


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _id(value: bytes | None) -> bytes | None:
    found = _hash(value)
    return found if len(found) == _ID_BYTES else None


def _hash(value: bytes | None) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError:
        return b""
