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
    attempts: int
    """How often it was tried."""
    replays: int
    """How often it was replayed."""


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
    """Reads messages. Remembers the groups that it met: letters that have the same are read faster."""

    def __init__(self) -> None:
        self._groups: dict[tuple[bytes | None, ...], Group] = {}

    def entry(self, message: Message) -> Entry | None:
        """None of what is no letter of ours."""
        said: dict[str, bytes | None] = dict(message.headers)
        get = said.get
        identity = _hash(get(h.ID))
        if len(identity) != _ID_BYTES:
            return None
        at, text = _number(get(h.LAST_FAILED_AT)), _text(get(h.MESSAGE))
        first = get(h.FIRST_FAILED_AT)
        closed_at = _number(get(h.CLOSED_AT)) if h.CLOSED_AT in said else 0
        return Entry(
            identity,
            message.partition,
            message.offset,
            closed_at or at,
            _number(first) or at,
            self._group(said, text, message.value),
            _text(get(h.CLOSED_WHY)) if closed_at else text,
            _text(get(h.RECORD_KEY))[:_LONGEST_KEY],
            _text(get(h.ROW_KEY))[:_LONGEST_KEY],
            _visit_key(said, message.key)[:_LONGEST_KEY],
            _hash(get(h.RECORD_KEY_HASH)),
            _number(get(h.FORM)) or 1,
            b"\x1f".join([get(name) or b"" for name in _REST]).decode(errors="replace"),
            (_text(get(h.CLOSED_BY)) or "mended") if closed_at else "",
            _text(get(h.CLOSED_WHO)) if closed_at else "",
            _text(get(h.CLOSED_EVIDENCE)) if closed_at else "",
        )

    def _group(self, said: Mapping[str, bytes | None], message: str, value: bytes | None) -> Group:
        key = tuple([said.get(name) for name in _GROUPED])
        if None in key[:_WITH_CAUSE]:  # of a letter of an earlier version, which did not say it
            found = cause_of(_text(said.get(h.CLASS)), _text(said.get(h.RULE)), message, value)
            key = (found.field.encode(), found.value.encode(), *key[_WITH_CAUSE:])
        group = self._groups.get(key)
        if group is None:
            field, cause, dead_class, rule, *rest = [_text(part) for part in key[:-2]]
            counted: list[str | int] = [*rest, _number(key[-2]), _number(key[-1])]
            group = self._groups[key] = Group._make((dead_class, rule, field, cause, *counted))
        return group


_GROUPED: Final = (
    h.FIELD,
    h.CAUSE,
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
    h.ATTEMPTS,
    h.REPLAY_COUNT,
)
_WITH_CAUSE: Final = 2


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


def _visit_key(said: Mapping[str, bytes | None], key: bytes | None) -> str:
    """As the letter says it. Letters of form 1 have it only as their key, which need not be fit to be shown."""
    is_said = said.get(h.STAGE) == b"join" and _number(said.get(h.FORM)) > 1
    if said.get(h.VISIT_KEY) or is_said or said.get(h.CLASS) == DeadClass.DECODE.encode():
        return _text(said.get(h.VISIT_KEY))
    return show_key(_text(key), personal=False)


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _hash(value: bytes | None) -> bytes:
    try:
        return bytes.fromhex(value.decode()) if value else b""
    except ValueError:
        return b""
