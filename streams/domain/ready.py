"""A ready record's place in `visit.ready`: its number and what the deliver stage must know without parsing its value.

The headers of `_HEADERS` come first and in this order; behind them stands what later versions added, each with a default for the
records of earlier ones. A reader gives back what it does not know there, and does not need it. What it would need (a record that
must not be delivered as any other) comes with a header `form`: where its number is later than `FORM`, the reader refuses. Form 1
has no such header.

Form 2 is a recall: no record, but the word that a record which was emitted before has no row in its visit any more. It names the
record (service, institution, record key) and has no content. It is never posted: what of the record still waits in the deliver
stage is dropped there. With the header `anew` it answers a person's order to make anew what waits (`streams.domain.join.renewing`):
then versions whose content hash is the recall's own stay.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from streams.domain.changes import Incoming
from streams.domain.records import Header, ReadyRecord, Record
from streams.errors import Newer, Rejected
from streams.spec.fields import ServiceCode

NUMBER = "seq"
FORM = 2
"""The latest one that this version writes, and reads."""

_SERVICES = {service.value: service for service in ServiceCode}
_DIGITS = 18
_A_NUMBER = re.compile(rb"[0-9]{1,18}")
_CAPTURED_AT = "captured-at"
_YES = b"1"
REPORTED: Header = ("reported-before", _YES)
"""Behind the others, of a visit or settlement: it was handed to the deliver stage before, in another version."""
ALONE: Header = ("goes-alone", _YES)
"""Behind the others, of a record of a mapping that lets records go without what they belong to (rule R24 at another level)."""
CLOSES = "closes"
"""Behind the others, of a record whose row has an open letter: its id. When the record is settled, the letter is closed."""
_FORM = "form"
RECALL: Header = (_FORM, b"%d" % FORM)
"""Behind the others, of a recall, and of nothing else."""
_SERVICE = "service"
_INSTITUTION = "institution"
_INFNO = "infno"
_RECORD_KEY = "record-key"
_CONTENT_HASH = "content-hash"
_MAPPING_VERSION = "mapping-version"
_POSITION = "position"
_COMMITTED_AT = "committed-at"
_BUSINESS_DAY = "business-day"
_AMOUNT = "amount"
_HEADERS = (
    NUMBER,
    _SERVICE,
    _INSTITUTION,
    _INFNO,
    _RECORD_KEY,
    _CONTENT_HASH,
    _MAPPING_VERSION,
    _POSITION,
    _COMMITTED_AT,
    _BUSINESS_DAY,
    _AMOUNT,
)
_WRITTEN = (*_HEADERS, _CAPTURED_AT)
_name_of = itemgetter(0)
_NOTHING: tuple[Header, ...] = ()
RECORD_KEY_AT = _HEADERS.index(_RECORD_KEY)
"""Which of the headers says the record's key."""


class Emission(NamedTuple):
    """A record that became ready."""

    record: Record
    """The record."""
    visit_key: bytes
    """Key of its message, which decides its partition."""
    position: str
    """Of the row that it reports, in the database's log."""
    committed_at: int
    """Milliseconds of the commit that made it ready; of the tick, where the passing of time did."""
    captured_at: int
    """Milliseconds at which that change was captured."""
    tail: tuple[Header, ...] = ()
    """What is said of it behind the headers that all records have: `REPORTED`, `ALONE`, `RECALL`, `CLOSES`, `ANEW`."""

    def __repr__(self) -> str:
        """Without the visit key."""
        return f"Emission(record={self.record}, position={self.position!r})"

    @property
    def is_recall(self) -> bool:
        """Whether it says that the record has no row any more."""
        return bool(self.tail) and RECALL in self.tail


def encode(emission: Emission, number: int) -> tuple[bytes, bytes, list[Header]]:
    """Key, value and headers of an emission that takes the place `number` in its partition."""
    record = emission.record
    headers = _headers(
        record,
        number=number,
        key=record.key,
        position=emission.position,
        committed_at=emission.committed_at,
        captured_at=emission.captured_at,
    )
    return emission.visit_key, record.value, [*headers, *emission.tail] if emission.tail else headers


def number_of(headers: tuple[Header, ...]) -> int:
    """The gapless number of a message in `visit.ready`. Raises Rejected where it is not one of ours."""
    number = headers[0][1] or b"" if headers and headers[0][0] == NUMBER else b""
    if not (number.isdigit() and len(number) <= _DIGITS):
        raise Rejected(f"the first header is not {NUMBER!r}: the join did not write this message")
    return int(number)


def decode(message: Incoming) -> ReadyRecord:
    """The ready record in a message of `visit.ready`. Raises Rejected where the join did not write it, Newer where that of a later
    version did, in a form that must not be taken for this one.
    """
    return numbered(message, number_of(message.headers))


def numbered(message: Incoming, number: int) -> ReadyRecord:
    """The same of a message whose number is known. Raises as `decode`."""
    headers, added = message.headers, _NOTHING
    names = tuple(map(_name_of, headers))
    if is_ours := names == _WRITTEN:  # a record of this version has nothing behind its time of capture
        captured_at = headers[-1][1] or b""
    else:
        is_ours, captured_at, added = names[: len(_HEADERS)] == _HEADERS, b"0", headers[len(_HEADERS) :]
        if added and added[0][0] == _CAPTURED_AT:
            captured_at, added = added[0][1] or b"", added[1:]
        if added or captured_at == b"0":
            _refuse_newer(message)
    if message.key is None or message.value is None or not is_ours:
        raise Rejected("the message has not the headers of a ready record")
    _, (_, service), (_, institution), (_, infno), (_, key), (_, content), (_, mapping), (_, position), *others = headers
    (_, committed_at), (_, day), (_, amount), *_ = others
    try:
        of_all = _texts_of_all(service or b"", institution or b"", infno or b"", mapping or b"")
        committed = int(committed_at or b"")
        # By position, and without a call of ours: by name, it takes four times as long.
        values = (
            message.key,
            message.value,
            number,
            message.offset,
            message.partition,
            of_all[0],
            of_all[1],
            of_all[2],
            (key or b"").decode(),
            (content or b"").decode(),
            of_all[3],
            (position or b"").decode(),
            committed,
            int(captured_at) or committed,
            message.timestamp_ms,
            (day or b"").decode(),
            (amount or b"").decode(),
            added,
        )
    except (KeyError, ValueError):
        raise Rejected("a header of the ready record has an impossible value") from None
    return tuple.__new__(ReadyRecord, values)


class Brief(NamedTuple):
    """What the headers of a ready record say to whoever only counts what waits."""

    number: int
    """In its partition."""
    service: str
    """`mdtrt_d`, `setl_d` or `fee_list_d`."""
    institution: str
    """FIXMEDINS_CODE."""
    captured_at: int
    """Milliseconds at which the change was captured that made it ready; 0 where an early version did not say."""


def brief_of(headers: tuple[Header, ...]) -> Brief | None:
    """In whatever form a later version wrote the rest; None where the join did not write the message."""
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    number, captured_at = said.get(NUMBER, ""), said.get(_CAPTURED_AT, "")
    if not _A_NUMBER.fullmatch(number.encode()) or _SERVICE not in said or _INSTITUTION not in said:
        return None
    at = int(captured_at) if _A_NUMBER.fullmatch(captured_at.encode()) else 0
    return Brief(int(number), said[_SERVICE], said[_INSTITUTION], at)


def closes(headers: Iterable[Header]) -> str:
    """The id of the letter that is closed when a record with these headers is settled; `""` where there is none."""
    return next(((value or b"").decode(errors="replace") for name, value in headers if name == CLOSES), "")


@lru_cache(1_024)
def _texts_of_all(service: bytes, institution: bytes, infno: bytes, version: bytes) -> tuple[ServiceCode, str, str, str]:
    """What the headers say that are the same for all records of a kind. Raises KeyError, ValueError."""
    return _SERVICES[service.decode()], institution.decode(), infno.decode(), version.decode()


def recalls_in(records: Iterable[ReadyRecord]) -> list[ReadyRecord]:
    """Those that are no records, but recalls of earlier ones."""
    return [record for record in records if record.added and RECALL in record.added]


def _refuse_newer(message: Incoming) -> None:
    form = next((value or b"" for name, value in message.headers if name == _FORM), b"")
    if _A_NUMBER.fullmatch(form) and int(form) > FORM:
        raise Newer(f"the record at offset {message.offset} (form {int(form)}; this version knows {FORM})")


def headers_of(record: ReadyRecord) -> tuple[Header, ...]:
    """The headers that a ready record was read with, for a dead letter that is to be sent again."""
    known = _headers(
        record,
        number=record.number,
        key=record.record_key,
        position=record.position,
        committed_at=record.committed_at,
        captured_at=record.captured_at,
    )
    return (*known, *record.added)


def _headers(  # noqa: PLR0913 - one parameter per fact that the two kinds of record name differently
    record: Record | ReadyRecord, *, number: int, key: str, position: str, committed_at: int, captured_at: int
) -> list[Header]:
    service, institution, infno, version = _of_all(record.service, record.institution, record.infno, record.mapping_version)
    # Written out, in the order of `_HEADERS`: a loop takes twice as long, for every record.
    return [
        (NUMBER, b"%d" % number),
        service,
        institution,
        infno,
        (_RECORD_KEY, key.encode()),
        (_CONTENT_HASH, record.content_hash.encode()),
        version,
        (_POSITION, position.encode()),
        (_COMMITTED_AT, b"%d" % committed_at),
        (_BUSINESS_DAY, record.business_day.encode()),
        (_AMOUNT, record.amount.encode()),
        (_CAPTURED_AT, b"%d" % captured_at),
    ]


@lru_cache(1_024)
def _of_all(service: ServiceCode, institution: str, infno: str, mapping_version: str) -> tuple[Header, Header, Header, Header]:
    """The headers that are the same for all records of a kind."""
    return (
        (_SERVICE, service.value.encode()),
        (_INSTITUTION, institution.encode()),
        (_INFNO, infno.encode()),
        (_MAPPING_VERSION, mapping_version.encode()),
    )
