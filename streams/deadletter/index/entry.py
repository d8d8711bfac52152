"""What the index keeps of one message of `visit.dead`: what letters are chosen, counted and listed by.

Of the message's value, which is a patient's record or rows, nothing is kept but a cause (`streams.deadletter.causes`); whoever
shows a letter reads it from the topic, at its place. Of keys there is what the headers show.
"""

from binascii import unhexlify
from hashlib import blake2b
from operator import itemgetter
from typing import Final, NamedTuple

from streams.deadletter import headers as h
from streams.deadletter.causes import cause_of
from streams.deadletter.record import Message
from streams.domain.violations import DeadClass
from streams.spec.masking import show_key

_ID_BYTES: Final = 16
_LONGEST_KEY: Final = 200
_DECODE: Final = DeadClass.DECODE.encode()

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
        said = _Said(message.headers)
        named, failed, first, text, record_key, row_key, record_hash, form, closed = _OF_A_LETTER(said)
        identity = _hash(named)
        if len(identity) != _ID_BYTES:
            return None
        at, why = _number(failed), text.decode(errors="replace") if text else ""
        closed_at = _number(closed) if closed else 0
        who, whom, what = _closing(said) if closed_at else _NOT_CLOSED
        return Entry(
            identity,
            message.partition,
            message.offset,
            closed_at or at,
            at if first == failed else _number(first) or at,
            self._group(said, why, message.value),
            _text(said[h.CLOSED_WHY]) if closed_at else why,
            record_key.decode(errors="replace")[:_LONGEST_KEY] if record_key else "",
            row_key.decode(errors="replace")[:_LONGEST_KEY] if row_key else "",
            _visit_key(said, message.key)[:_LONGEST_KEY],
            _hash(record_hash),
            _number(form) or 1,
            _rest(said),
            who,
            whom,
            what,
        )

    def _group(self, said: "_Said", message: str, value: bytes | None) -> Group:
        key = _GROUPED(said)
        group = self._groups.get(key)
        if group is None:
            field, cause, dead_class, rule, *rest = [_text(part) for part in key[:-2]]
            if said[h.FIELD] is None or said[h.CAUSE] is None:  # a letter of an earlier version, which did not say it
                return self._of_before(said, message, value)
            counted: list[str | int] = [*rest, _number(key[-2]), _number(key[-1])]
            group = self._groups[key] = Group._make((dead_class, rule, field, cause, *counted))
        return group

    def _of_before(self, said: "_Said", message: str, value: bytes | None) -> Group:
        found = cause_of(_text(said[h.CLASS]), _text(said[h.RULE]), message, value)
        more = {h.FIELD: found.field.encode(), h.CAUSE: found.value.encode()}
        return self._group(_Said({**said, **more}), message, value)


class _Said(dict[str, bytes | None]):
    """Values by header; None for what is not there."""

    def __missing__(self, name: str) -> None:
        return None


_GROUPED: Final = itemgetter(
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
_OF_A_LETTER: Final = itemgetter(
    h.ID,
    h.LAST_FAILED_AT,
    h.FIRST_FAILED_AT,
    h.MESSAGE,
    h.RECORD_KEY,
    h.ROW_KEY,
    h.RECORD_KEY_HASH,
    h.FORM,
    h.CLOSED_AT,
)
_NOT_CLOSED: Final = ("", "", "")
_REST: Final = itemgetter(
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
    return value.decode(errors="replace") if value else ""


def _closing(said: _Said) -> tuple[str, str, str]:
    return _text(said[h.CLOSED_BY]) or "mended", _text(said[h.CLOSED_WHO]), _text(said[h.CLOSED_EVIDENCE])


def _visit_key(said: _Said, key: bytes | None) -> str:
    """As the letter says it. Letters of form 1 have it only as their key, which need not be fit to be shown."""
    if (key_said := said[h.VISIT_KEY]) or said[h.CLASS] == _DECODE or (said[h.STAGE] == b"join" and _number(said[h.FORM]) > 1):
        return _text(key_said)
    return show_key(_text(key), personal=False)


def _rest(said: _Said) -> str:
    told = _REST(said)
    return b"\x1f".join([value or b"" for value in told] if None in told else told).decode(errors="replace")


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _hash(value: bytes | None) -> bytes:
    try:
        return unhexlify(value) if value else b""
    except ValueError:
        return b""
