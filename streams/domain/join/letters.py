"""The dead letters of the join: what is said about a row that cannot become a record, and what is kept to try again."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import orjson

from connector.contract import Op
from streams.domain.changes import Incoming, RowChange, Truncated
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.records import DeadLetter, Refusal, RowOrigin, SourceRows
from streams.domain.violations import DeadClass, Level, Violation
from streams.spec.fields import ServiceCode

STAGE = "join"
COLLISION = "COLLISION"
_PARTS = {
    Part.VISIT.value: "所属就诊记录（R24）",
    Part.SETTLEMENT.value: "费用所指的结算记录（R24）",
    Part.UNSETTLED.value: "结算：费用至今未结算（R24）",
    Part.LOOKUP.value: "关联表中的行（R24）：",
    Part.POSITIVE_LINE.value: "退费所冲销的正向费用明细（R9）",
}
_ENDED = "经人工提前结束等待，"
_SEVERAL = {
    Part.AMBIGUOUS_VISIT.value: "同一就诊号有多条就诊记录，无法确定以哪一条为准",
    Part.AMBIGUOUS_SETTLEMENT.value: "费用可归属多条结算记录，无法确定属于哪一条",
}


def undecodable(incoming: Incoming, reason: str) -> DeadLetter:
    """A message that no stage can read; its bytes are kept as they are."""
    identity = f"{incoming.topic}/{digest((incoming.key or b'') + b'/' + (incoming.value or b''))}"
    return _of_message(incoming, dead_class=DeadClass.DECODE, rule="DECODE", message=f"记录无法解码：{reason}", identity=identity)


def unusable(  # noqa: PLR0913 - what a dead letter must say
    incoming: Incoming, event: RowChange | Truncated, origin: RowOrigin, *, dead_class: DeadClass, rule: str, message: str
) -> DeadLetter:
    """A change that can be read but not placed: no visit key, an unknown table, a missing column, a truncate.

    The identity is made of the change's position in the database's log and its row, and not of its bytes: capture may send the same
    change again with other clock readings in it. A row that was read is known by its content alone, because it may be read again
    at any time.
    """
    row = event.row if isinstance(event, RowChange) else {}
    where: tuple[object, ...] = (event.committed_at,)
    if isinstance(event, RowChange):
        where = (event.op.value,) if event.op is Op.READ else event.position or where
    identity = "/".join((event.source, event.table, *map(str, where), digest(orjson.dumps(sorted(row.items())))))
    letter = _of_message(incoming, dead_class=dead_class, rule=rule, message=message, identity=identity)
    return replace(letter, row=origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that has no record, or has one no more, and what is said of it whatever its fault is."""

    row: StoredRow
    """With the content that failed."""
    rows: SourceRows
    """The rows that its record is, or would be, built from."""
    service: ServiceCode
    """What its record is, or would be, reported as."""
    institution: str
    """FIXMEDINS_CODE; `""` where it is not known."""
    mapping_version: str
    """Mapping that judged it."""
    visit_key: bytes = field(repr=False)
    """Of its visit."""
    origin: RowOrigin
    """Which database row it is."""
    offset: int | None
    """Of the row's own last message; None where it is not known."""
    incoming: Incoming
    """The message at which it failed."""


def refused(refusal: Refusal, failed: FailedRow) -> DeadLetter:
    """A record that breaks rules: the first refusing rule gives class and rule, the document lists all violations."""
    first = next(violation for violation in refusal.violations if violation.level is Level.REFUSE)
    # A field's name with a blank behind it would look like a quoted value, and be masked.
    refusing = (violation for violation in refusal.violations if violation.level is Level.REFUSE)
    named = "；".join(f"{v.field}/{v.rule} {v.message}" if v.field else v.message for v in refusing)
    return letter_of(
        # Of a row whose institution the site does not have, too, the refusal knows best.
        replace(failed, institution=refusal.institution),
        dead_class=first.dead_class,
        rule=first.rule,
        record_key=refusal.key,
        message=named,
        violations=refusal.violations,
    )


def incomplete(waited_for: str, failed: FailedRow, name: str, *, ended: bool = False) -> DeadLetter:
    """A row whose missing part did not come in time. The rule names the part. name: of lookup rows; `""` for any other part.
    ended: whether a person ended its wait before that time.
    """
    part = waited_for.partition(" ")[0]
    message = f"{_ENDED if ended else '等待超时，'}缺少{_PARTS[part]}{name}"
    return letter_of(
        failed,
        dead_class=DeadClass.JOIN_INCOMPLETE,
        rule=f"MISSING_{part.upper()}",
        record_key="/".join(failed.row.key),
        message=message,
    )


def ambiguous(part: str, failed: FailedRow, candidates: str, *, ended: bool = False) -> DeadLetter:
    """A row of which it did not turn out in time which of several others belongs to it. candidates: what those are called. ended:
    whether a person ended its wait before that time.
    """
    message, rule = f"{_ENDED if ended else ''}{_SEVERAL[part]}", part.upper()
    several = Violation(
        field="",
        rule=rule,
        level=Level.REFUSE,
        dead_class=DeadClass.AMBIGUOUS,
        clause="R24",
        masked=candidates,
        message=message,
    )
    return letter_of(
        failed,
        dead_class=DeadClass.AMBIGUOUS,
        rule=rule,
        record_key="/".join(failed.row.key),
        message=f"{message}（R24）：{candidates}",
        violations=(several,),
    )


def collision(failed: FailedRow, both: str, *, content: str, elsewhere: bool = False) -> DeadLetter:
    """A row whose record another row backs, with another content. both: what the rows are called. content: what makes the letter's
    id, besides the row: both, and what stands in this one. elsewhere: whether the other row is in another visit.
    """
    other = "与另一次就诊的一行使用同一上报标识" if elsewhere else "与另一行使用同一上报标识而内容不同"
    message = f"{other}，未上报；请核对两行的编号是否重叠"
    several = Violation(
        field="", rule=COLLISION, level=Level.REFUSE, dead_class=DeadClass.COLLISION, clause="R12", masked=both, message=message
    )
    letter = letter_of(
        failed,
        dead_class=DeadClass.COLLISION,
        rule=COLLISION,
        record_key=failed.origin.record_key,
        message=f"{message}（R12）：{both}",
        violations=(several,),
    )
    identity = letter.identity.removesuffix(letter.content_hash) + content
    return replace(letter, content_hash=content, identity=identity)


def of_institution(failed: FailedRow, institution: str) -> FailedRow:
    """The same of a row of which it is known as whose record it was told."""
    return replace(failed, institution=institution)


def closing(letter: DeadLetter, *, content_hash: str, at: int) -> DeadLetter:
    """What closes a letter: what it told has mended itself. content_hash: of the letter as it was told."""
    identity = letter.identity.removesuffix(letter.content_hash) + content_hash
    return replace(letter, content_hash=content_hash, identity=identity, value=None, failed_at=at, closed=True)


def fingerprint(refusal: Refusal, row: StoredRow) -> str:
    """Equal for refusals of the same row content with the same violations, so that each is told once."""
    named = [[v.field, v.rule, v.masked] for v in refusal.violations]
    return digest(orjson.dumps([named, sorted(row.columns.items())]))


def given_up(part: str, rows: SourceRows, candidates: Iterable[StoredRow]) -> str:
    """Equal for the same part missing for the same rows, or the same candidates for it, so that each wait in vain is told once."""
    several = sorted([row.table, *row.key] for row in candidates)
    waited = orjson.dumps([several, _rows(rows)], option=orjson.OPT_SORT_KEYS) if several else orjson.dumps(_rows(rows))
    return f"waited {part} {digest(waited)}"


def _rows(rows: SourceRows) -> dict[str, dict[str, str | None]]:
    parts = (("visit", rows.visit), ("settlement", rows.settlement), ("fee", rows.fee))
    return {name: dict(row) for name, row in parts if row is not None}


def _content(service: ServiceCode, rows: SourceRows, violations: tuple[Violation, ...]) -> dict[str, object]:
    """The source rows and everything that is wrong with them: enough to renormalise."""
    return {
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


def _located(origin: RowOrigin) -> dict[str, object]:
    """Which row it is, exactly: the value of a letter is protected, its headers are not and may have to hide a key."""
    return {
        "source": origin.source,
        "table": origin.table,
        "key": origin.key,
        "position": origin.position,
        "record_key": origin.record_key,
    }


def document(failed: FailedRow, violations: tuple[Violation, ...]) -> bytes:
    return orjson.dumps({**_content(failed.service, failed.rows, violations), "row": _located(failed.origin)})


def digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _of_message(incoming: Incoming, *, dead_class: DeadClass, rule: str, message: str, identity: str) -> DeadLetter:
    return DeadLetter(
        stage=STAGE,
        dead_class=dead_class,
        rule=rule,
        service="",
        institution="",
        record_key="",
        content_hash=digest(incoming.value or b""),
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


def letter_of(  # noqa: PLR0913 - what a dead letter must say
    failed: FailedRow,
    *,
    dead_class: DeadClass,
    rule: str,
    record_key: str,
    message: str,
    violations: tuple[Violation, ...] = (),
) -> DeadLetter:
    """The identity is of the row and of what is wrong with it, not of where and when it was found again."""
    row, content = failed.row, _content(failed.service, failed.rows, violations)
    content_hash = digest(orjson.dumps(content))
    return DeadLetter(
        stage=STAGE,
        dead_class=dead_class,
        rule=rule,
        service=failed.service.value,
        institution=failed.institution,
        record_key=record_key,
        content_hash=content_hash,
        mapping_version=failed.mapping_version,
        message=message,
        identity="/".join((row.source, row.table, *row.key, rule, content_hash)),
        key=failed.visit_key,
        value=document(failed, violations),
        topic=failed.incoming.topic,
        partition=failed.incoming.partition,
        offset=failed.offset,
        failed_at=failed.incoming.timestamp_ms,
        row=failed.origin,
    )
