"""What stands in `visit.orphans`, by key: a parent that the platform refused, a record that waits for one, an open letter.

p, institution, service, record key (joined by 0x1f)   JSON [form, visit key]
l, institution, service, record key                     JSON [2, id of the letter]
w, 18 digits: the record's number                       JSON [form, offset, ready at (ms), visit key, headers], line end, its bytes

Bytes that need not be text (visit key, headers) are written as Latin-1.
"""

from typing import Any, Final

import orjson

from streams.domain.changes import Incoming
from streams.domain.kinship import Identity
from streams.domain.ready import decode, headers_of
from streams.domain.records import ReadyRecord
from streams.errors import Fatal, Newer
from streams.lanes.exits import Exit
from streams.lanes.ports import TopicPartition
from streams.spec.fields import ServiceCode

FORM: Final = 1
LETTER_FORM: Final = 2
"""Of letters' entries. Versions that know form 1 alone would take them for parents: they end with 77 instead."""
_PART: Final = b"\x1f"
_REFUSED: Final = b"p"
_WAITING: Final = b"w"
_LETTER: Final = b"l"


def key_of_refused(identity: Identity) -> bytes:
    """Key of a refused parent's entry."""
    return _PART.join([_REFUSED, *(part.encode() for part in identity)])


def key_of_waiting(number: int) -> bytes:
    """Key of a waiting record's entry."""
    return _WAITING + _PART + b"%018d" % number


def refused_value(visit_key: bytes) -> bytes:
    """Value of a refused parent's entry."""
    return orjson.dumps([FORM, visit_key.decode("latin-1")])


def waiting_value(record: ReadyRecord) -> bytes:
    """Value of a waiting record's entry: everything that stood in `visit.ready`."""
    headers = [[name, (value or b"").decode("latin-1")] for name, value in headers_of(record)]
    said = [FORM, record.offset, record.ready_at, record.key.decode("latin-1"), headers]
    return orjson.dumps(said) + b"\n" + record.value


def is_waiting(key: bytes) -> bool:
    """Whether an entry is a waiting record's, and not a refused parent's."""
    return key.startswith(_WAITING + _PART)


def number_in(key: bytes) -> int:
    """The number of a waiting record."""
    return int(key[2:])


def key_of_letter(identity: Identity) -> bytes:
    """Key of the entry of a record's open letter."""
    return _PART.join([_LETTER, *(part.encode() for part in identity)])


def letter_value(letter_id: str) -> bytes:
    """Value of that entry."""
    return orjson.dumps([LETTER_FORM, letter_id])


def is_letter(key: bytes) -> bool:
    """Whether an entry is of a record's open letter."""
    return key.startswith(_LETTER + _PART)


def letter_of(key: bytes) -> Identity:
    """The record whose letter it is."""
    _, institution, service, name = key.split(_PART, 3)
    return Identity(institution.decode(), ServiceCode(service.decode()), name.decode())


def read_letter(value: bytes) -> str:
    """The letter's id. Raises Newer where a later version wrote it."""
    return f"{_ours(value, LETTER_FORM)[1]}"


def read_refused(key: bytes, value: bytes) -> tuple[Identity, bytes]:
    """A refused parent and its visit key. Raises Newer where a later version wrote it."""
    _, institution, service, name = key.split(_PART, 3)
    _, visit_key = _ours(value)
    return Identity(institution.decode(), ServiceCode(service.decode()), name.decode()), visit_key.encode("latin-1")


def read_waiting(value: bytes, at: TopicPartition) -> ReadyRecord:
    """A waiting record, as it stood in `visit.ready`. at: its partition there. Raises Newer where a later version wrote it."""
    said, _, record = value.partition(b"\n")
    _, offset, ready_at, visit_key, headers = _ours(said)
    return decode(
        Incoming(
            topic=at.topic,
            partition=at.partition,
            offset=offset,
            key=visit_key.encode("latin-1"),
            value=record,
            headers=tuple((name, text.encode("latin-1")) for name, text in headers),
            timestamp_ms=ready_at,
        )
    )


def _ours(said: bytes, form: int = FORM) -> list[Any]:
    found = orjson.loads(said)
    if not isinstance(found, list) or not found or type(found[0]) is not int:
        raise Fatal("visit.orphans holds what this product did not write", exit_code=Exit.LANE)
    if found[0] > form:
        raise Newer(f"an entry of visit.orphans (form {found[0]}; this version knows {form})")
    return found
