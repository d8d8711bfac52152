"""The dead letters of the join: what is said about a row that cannot become a record, and what is kept to try again."""

import hashlib

import orjson

from streams.domain.changes import Incoming, RowChange, Truncated
from streams.domain.join.entries import Part, StoredRow
from streams.domain.records import DeadLetter, Refusal, SourceRows
from streams.domain.violations import DeadClass, Level, Violation
from streams.spec.fields import ServiceCode

STAGE = "join"
_PARTS = {
    Part.VISIT.value: "所属就诊记录（R24）",
    Part.SETTLEMENT.value: "费用所指的结算记录（R24）",
    Part.UNSETTLED.value: "结算：费用至今未结算（R24）",
    Part.LOOKUP.value: "关联表中的行（R24）：",
    Part.POSITIVE_LINE.value: "退费所冲销的正向费用明细（R9）",
}


def undecodable(incoming: Incoming, reason: str) -> DeadLetter:
    """A message that no stage can read; its bytes are kept as they are."""
    identity = f"{incoming.topic}/{_digest((incoming.key or b'') + b'/' + (incoming.value or b''))}"
    return _of_message(incoming, dead_class=DeadClass.DECODE, rule="DECODE", message=f"记录无法解码：{reason}", identity=identity)


def unusable(incoming: Incoming, event: RowChange | Truncated, *, dead_class: DeadClass, rule: str, message: str) -> DeadLetter:
    """A change that can be read but not placed: no visit key, an unknown table, a missing column, a truncate.

    Capture may send the same change again with other clock readings in it: the identity is where the change stands in the
    database's log, and the row (all rows of a snapshot stand at one place), not its bytes.
    """
    row = event.row if isinstance(event, RowChange) else {}
    where = event.position if isinstance(event, RowChange) and event.position else (event.committed_at,)
    identity = "/".join((event.source, event.table, *map(str, where), _digest(orjson.dumps(sorted(row.items())))))
    return _of_message(incoming, dead_class=dead_class, rule=rule, message=message, identity=identity)


def refused(refusal: Refusal, *, row: StoredRow, rows: SourceRows, visit_key: bytes, incoming: Incoming) -> DeadLetter:
    """A record that breaks rules: the first refusing rule gives class and rule, the document lists all violations."""
    first = next(violation for violation in refusal.violations if violation.level is Level.REFUSE)
    # A field's name with a blank behind it would look like a quoted value, and be masked.
    named = "；".join(f"{v.field}/{v.rule} {v.message}" for v in refusal.violations if v.level is Level.REFUSE)
    return _of_row(
        row,
        visit_key=visit_key,
        incoming=incoming,
        dead_class=first.dead_class,
        rule=first.rule,
        service=refusal.service,
        institution=refusal.institution,
        record_key=refusal.key,
        mapping_version=refusal.mapping_version,
        message=named,
        document=_document(refusal.service, rows=rows, violations=refusal.violations),
    )


def incomplete(  # noqa: PLR0913 - what a dead letter must say
    row: StoredRow,
    *,
    service: ServiceCode,
    institution: str,
    rows: SourceRows,
    mapping_version: str,
    visit_key: bytes,
    incoming: Incoming,
) -> DeadLetter:
    """A row whose missing part did not come in time. The rule names the part."""
    part, _, lookup = row.waits_for.partition(" ")
    return _of_row(
        row,
        visit_key=visit_key,
        incoming=incoming,
        dead_class=DeadClass.JOIN_INCOMPLETE,
        rule=f"MISSING_{part.upper()}",
        service=service,
        institution=institution,
        record_key="/".join(row.key),
        mapping_version=mapping_version,
        message=f"等待超时，缺少{_PARTS[part]}{lookup}",
        document=_document(service, rows=rows, violations=()),
    )


def withdrawn(  # noqa: PLR0913 - what a dead letter must say
    row: StoredRow,
    *,
    service: ServiceCode,
    institution: str,
    rows: SourceRows,
    mapping_version: str,
    visit_key: bytes,
    incoming: Incoming,
) -> DeadLetter:
    """A row that was deleted after its record had been emitted. A person decides what the platform is told."""
    return _of_row(
        row,
        visit_key=visit_key,
        incoming=incoming,
        dead_class=DeadClass.WITHDRAWN,
        rule="DELETED_AFTER_REPORT",
        service=service,
        institution=institution,
        record_key="/".join(row.key),
        mapping_version=mapping_version,
        message="已上报的记录在医院系统中被删除，需人工处理",
        document=_document(service, rows=rows, violations=()),
    )


def fingerprint(refusal: Refusal, row: StoredRow) -> str:
    """What makes a refusal the same as an earlier one: the same row content with the same violations."""
    named = [[v.field, v.rule, v.masked] for v in refusal.violations]
    return _digest(orjson.dumps([named, sorted(row.columns.items())]))


def given_up(part: str, rows: SourceRows) -> str:
    """What makes waiting in vain the same as an earlier time: the same part missing for the same rows."""
    return f"waited {part} {_digest(orjson.dumps(_rows(rows)))}"


def _rows(rows: SourceRows) -> dict[str, dict[str, str | None]]:
    parts = (("visit", rows.visit), ("settlement", rows.settlement), ("fee", rows.fee))
    return {name: dict(row) for name, row in parts if row is not None}


def _document(service: ServiceCode, *, rows: SourceRows, violations: tuple[Violation, ...]) -> bytes:
    """The source rows and everything that is wrong with them: enough to renormalise."""
    return orjson.dumps(
        {
            "service": service.value,
            "rows": _rows(rows),
            "violations": [
                {
                    "field": violation.field,
                    "rule": violation.rule,
                    "level": violation.level.value,
                    "class": violation.dead_class.value,
                    "clause": violation.clause,
                    "masked": violation.masked,
                    "message": violation.message,
                }
                for violation in violations
            ],
        }
    )


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _of_message(incoming: Incoming, *, dead_class: DeadClass, rule: str, message: str, identity: str) -> DeadLetter:
    return DeadLetter(
        stage=STAGE,
        dead_class=dead_class,
        rule=rule,
        service="",
        institution="",
        record_key="",
        content_hash=_digest(incoming.value or b""),
        mapping_version="",
        message=message,
        identity=f"{identity}/{rule}",
        key=incoming.key,
        value=incoming.value,
        topic=incoming.topic,
        partition=incoming.partition,
        offset=incoming.offset,
        failed_at=incoming.timestamp_ms,
        original_headers=incoming.headers,
    )


def _of_row(  # noqa: PLR0913 - what a dead letter must say
    row: StoredRow,
    *,
    visit_key: bytes,
    incoming: Incoming,
    dead_class: DeadClass,
    rule: str,
    service: ServiceCode,
    institution: str,
    record_key: str,
    mapping_version: str,
    message: str,
    document: bytes,
) -> DeadLetter:
    content_hash = _digest(document)
    return DeadLetter(
        stage=STAGE,
        dead_class=dead_class,
        rule=rule,
        service=service.value,
        institution=institution,
        record_key=record_key,
        content_hash=content_hash,
        mapping_version=mapping_version,
        message=message,
        identity="/".join((row.source, row.table, *row.key, rule, content_hash)),
        key=visit_key,
        value=document,
        topic=incoming.topic,
        partition=incoming.partition,
        offset=incoming.offset,
        failed_at=incoming.timestamp_ms,
    )
