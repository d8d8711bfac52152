"""Receipts: one message per accepted batch, the ledger that audit, explanation and reconciliation read. No personal data.

Nobody writes a receipt again, so a reader passes over members that it does not know. What must not be counted as any other receipt
comes with a member `form`: where its number is later than `FORM`, the reader refuses. Form 1 has no such member.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from streams.deliver.verdict import Accepted
from streams.domain.batch.cut import Batch
from streams.domain.records import ReadyRecord
from streams.errors import Newer

FORM: Final = 1
"""Of the receipts that this version writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One accepted record. Times are milliseconds since the epoch."""

    key: str
    """Value of the service's key field."""
    hash: str
    """Of its content."""
    number: int
    """In its partition of `visit.ready`."""
    day: str
    """Business day."""
    amount: str
    """Money as decimal text; `""` for visits."""
    committed_at: int
    """Of the commit in the hospital's database that made the record ready."""
    mapping_version: str
    """Mapping that made it."""
    captured_at: int = 0
    """Of that change in `visit.changes`; 0 where an earlier version wrote the receipt."""
    ready_at: int = 0
    """Of the record in `visit.ready`; 0 where an earlier version wrote the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One accepted batch. Times are milliseconds since the epoch."""

    msgid: str
    """Id that it was accepted under."""
    plan: str
    """Id of its plan."""
    service: str
    """Code of the service."""
    institution: str
    """FIXMEDINS_CODE."""
    infno: str
    """Business number of its envelope."""
    code: str
    """The platform's code."""
    repeated: bool
    """Whether the platform said that it had the batch already (40005)."""
    attempts: int
    """How often this process posted it."""
    posted_at: int
    """Of the last POST."""
    answered_at: int
    """Of the answer to it."""
    records: tuple[ReceiptLine, ...]
    """Its records in their order."""
    begun_at: int = 0
    """Of the first POST; 0 where an earlier version wrote the receipt."""
    sealing_ms: int = 0
    """How long the first POST waited for sealing; 0 where an earlier version wrote the receipt."""
    key: str = ""
    """Fingerprint of the public key that the last POST was sealed for; `""` where it was not, or an earlier version wrote it."""


def receipt(  # noqa: PLR0913 - one parameter per fact that the ledger keeps
    batch: Batch, verdict: Accepted, *, msgid: str, plan: str, attempts: int, begun_at: int, posted_at: int, answered_at: int
) -> dict[str, object]:
    """The receipt of `batch` as it is written, members in the order of `Receipt`: to make that of it, and its lines, and to write
    those takes eleven times as long, for every record.
    """
    return {
        "msgid": msgid,
        "plan": plan,
        "service": batch.service.value,
        "institution": batch.institution,
        "infno": batch.infno,
        "code": verdict.code,
        "repeated": verdict.repeated,
        "attempts": attempts,
        "posted_at": posted_at,
        "answered_at": answered_at,
        "records": [_line(record) for record in batch.records],
        "begun_at": begun_at,
        "sealing_ms": verdict.sealing_ms,
        "key": verdict.key,
    }


def _line(record: ReadyRecord) -> dict[str, object]:
    """The members of `ReceiptLine`."""
    return {
        "key": record.record_key,
        "hash": record.content_hash,
        "number": record.number,
        "day": record.business_day,
        "amount": record.amount,
        "committed_at": record.committed_at,
        "mapping_version": record.mapping_version,
        "captured_at": record.captured_at,
        "ready_at": record.ready_at,
    }


def encode_receipt(written: Receipt | Mapping[str, object]) -> tuple[bytes, bytes]:
    """Key (the msgid) and value of the receipt's message."""
    msgid = written.msgid if isinstance(written, Receipt) else written["msgid"]
    return f"{msgid}".encode(), orjson.dumps(written)


def decode_receipt(value: bytes) -> Receipt:
    """The receipt in a message's value. Raises ValueError when it is none, Newer when its form is a later one; members that a later
    version added are ignored, and times that an earlier one did not write are 0.
    """
    try:
        decoded = orjson.loads(value)
        if (form := decoded.get("form", FORM)) > FORM:
            raise Newer(f"a receipt (form {form}; this version knows {FORM})")
        records = tuple(ReceiptLine(**_known(line, ReceiptLine.__slots__)) for line in decoded["records"])
        return Receipt(**{**_known(decoded, Receipt.__slots__), "records": records})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a receipt: {type(error).__name__} {error}") from error


def _known(written: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: written[name] for name in names if name in written}
