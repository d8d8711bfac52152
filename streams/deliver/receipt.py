"""Receipts: one message per accepted batch, the ledger that audit, explanation and reconciliation read. No personal data."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from streams.deliver.verdict import Accepted
from streams.domain.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One accepted record. key: value of the service's key field. hash: of its content. number: in its partition of `visit.ready`.

    day, amount: business day and money (`""` for visits). committed_at: ms, of the commit in the hospital's database.
    """

    key: str
    hash: str
    number: int
    day: str
    amount: str
    committed_at: int
    mapping_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One accepted batch. plan: its plan id. code: the platform's. repeated: it had the batch already (40005).

    attempts: POSTs of this batch, this process. posted_at, answered_at: ms, of the last of them.
    """

    msgid: str
    plan: str
    service: str
    institution: str
    infno: str
    code: str
    repeated: bool
    attempts: int
    posted_at: int
    answered_at: int
    records: tuple[ReceiptLine, ...]


def receipt(  # noqa: PLR0913 - one parameter per fact that the ledger keeps
    batch: Batch, verdict: Accepted, *, msgid: str, plan: str, attempts: int, posted_at: int, answered_at: int
) -> Receipt:
    """The receipt of `batch`."""
    return Receipt(
        msgid=msgid,
        plan=plan,
        service=batch.service.value,
        institution=batch.institution,
        infno=batch.infno,
        code=verdict.code,
        repeated=verdict.repeated,
        attempts=attempts,
        posted_at=posted_at,
        answered_at=answered_at,
        records=tuple(
            ReceiptLine(
                key=record.record_key,
                hash=record.content_hash,
                number=record.number,
                day=record.business_day,
                amount=record.amount,
                committed_at=record.committed_at,
                mapping_version=record.mapping_version,
            )
            for record in batch.records
        ),
    )


def encode_receipt(written: Receipt) -> tuple[bytes, bytes]:
    """Key (the msgid) and value of the receipt's message."""
    return written.msgid.encode(), orjson.dumps(written)


def decode_receipt(value: bytes) -> Receipt:
    """The receipt in a message's value. Raises ValueError when it is none; members that a later version added are ignored."""
    try:
        decoded = orjson.loads(value)
        lines: Sequence[dict[str, object]] = decoded["records"]
        records = tuple(ReceiptLine(**{name: line[name] for name in ReceiptLine.__slots__}) for line in lines)  # type: ignore[arg-type]  # JSON
        return Receipt(**{**{name: decoded[name] for name in Receipt.__slots__}, "records": records})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a receipt: {type(error).__name__} {error}") from error
