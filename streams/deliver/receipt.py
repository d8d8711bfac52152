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
from streams.errors import Newer

FORM: Final = 1
"""Of the receipts that this version writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One accepted record. key: value of the service's key field. hash: of its content. number: in its partition of `visit.ready`.

    day, amount: business day and money (`""` for visits). Milliseconds since the epoch: committed_at of the commit in the
    hospital's database that made the record ready, captured_at of that change in `visit.changes`, ready_at of the record in
    `visit.ready`; the last two are 0 in receipts of a version that did not write them.
    """

    key: str
    hash: str
    number: int
    day: str
    amount: str
    committed_at: int
    mapping_version: str
    captured_at: int = 0
    ready_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One accepted batch. plan: its plan id. code: the platform's. repeated: it had the batch already (40005).

    attempts: POSTs of this batch, this process. Milliseconds: begun_at of the first of them; sealing_ms that it then waited for
    sealing; posted_at and answered_at of the last POST. begun_at and sealing_ms are 0 in receipts of a version without them.
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
    begun_at: int = 0
    sealing_ms: int = 0


def receipt(  # noqa: PLR0913 - one parameter per fact that the ledger keeps
    batch: Batch, verdict: Accepted, *, msgid: str, plan: str, attempts: int, begun_at: int, posted_at: int, answered_at: int
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
        begun_at=begun_at,
        sealing_ms=verdict.sealing_ms,
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
                captured_at=record.captured_at,
                ready_at=record.ready_at,
                mapping_version=record.mapping_version,
            )
            for record in batch.records
        ),
    )


def encode_receipt(written: Receipt) -> tuple[bytes, bytes]:
    """Key (the msgid) and value of the receipt's message."""
    return written.msgid.encode(), orjson.dumps(written)


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
