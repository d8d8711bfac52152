"""The dead letters of the deliver stage: what the platform refused, what no envelope carries, what the join did not write."""

from dataclasses import dataclass, replace

from streams.deliver.verdict import Refused
from streams.domain.changes import Incoming
from streams.domain.kinship import is_new_parent
from streams.domain.ready import headers_of
from streams.domain.records import DeadLetter, ReadyRecord, RowOrigin
from streams.domain.violations import DeadClass

STAGE = "deliver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusing:
    """How a record was refused."""

    verdict: Refused | None
    """The platform's answer; None when an earlier owner got it, which recorded only the refusal."""
    msgid: str
    attempts: int
    failed_at: int


def rejected(record: ReadyRecord, refusing: Refusing, *, topic: str) -> DeadLetter:
    """A single record that the platform does not take, with the platform's words."""
    verdict = refusing.verdict
    said = "平台拒收（应答由上一进程收到，原文未保留）" if verdict is None else f"平台拒收：{verdict.message}"
    return _of_record(
        record,
        topic=topic,
        dead_class=DeadClass.REJECTED,
        rule="PLATFORM" if verdict is None else verdict.code,
        message=f"{said}；所属的结算、费用明细暂不上报，待本条更正并被接收后自动上报" if is_new_parent(record) else said,
        failed_at=refusing.failed_at,
        http_status=None if verdict is None else verdict.http_status,
        platform_code=None if verdict is None else verdict.code,
        msgid=refusing.msgid,
        attempts=refusing.attempts,
    )


def oversize(record: ReadyRecord, *, topic: str, failed_at: int) -> DeadLetter:
    """A record that is larger than one envelope. It was not posted."""
    message = f"单条记录 {len(record.value)} 字节，加密后超过一个报文的上限"
    return _of_record(
        record, topic=topic, dead_class=DeadClass.OVERSIZE, rule="OVERSIZE", message=message, failed_at=failed_at, attempts=0
    )


def parent_refused(record: ReadyRecord, *, topic: str, failed_at: int) -> DeadLetter:
    """A record whose visit or settlement the platform refused, while too many wait already. It was not posted."""
    message = "所属的就诊或结算被平台拒收，等待上报的记录已达上限，本条未上报；上级记录更正并被接收后，请修改本条以重新上报"
    return _of_record(
        record,
        topic=topic,
        dead_class=DeadClass.JOIN_INCOMPLETE,
        rule="PARENT_REFUSED",
        message=message,
        failed_at=failed_at,
        attempts=0,
    )


def superseded(record: ReadyRecord, *, topic: str, failed_at: int) -> DeadLetter:
    """A record that waited for its refused visit or settlement, until a later version of itself went without it: its letter is
    closed from the beginning, and says where its bytes stayed.
    """
    letter = parent_refused(record, topic=topic, failed_at=failed_at)
    return replace(letter, rule="SUPERSEDED", message="等待期间已有更新的版本，本版本不再上报", closed=True)


def recalled(record: ReadyRecord, *, topic: str, failed_at: int) -> DeadLetter:
    """A record that waited for its refused visit or settlement, until no row of its visit backed it any more. The join told of that
    where somebody must know; this letter is closed from the beginning, and says where the bytes stayed.
    """
    letter = parent_refused(record, topic=topic, failed_at=failed_at)
    return replace(letter, rule="RECALLED", message="等待期间原数据行已被删除或转到其他就诊，本条不再上报", closed=True)


def foreign(message: Incoming) -> DeadLetter:
    """A message in `visit.ready` that the join did not write: it has no number."""
    return DeadLetter(
        stage=STAGE,
        dead_class=DeadClass.DECODE,
        rule="DECODE",
        service="",
        institution="",
        record_key="",
        content_hash="",
        mapping_version="",
        message="该记录不是由 join 阶段写入（缺少序号等标头），未上报",
        identity=f"{message.topic}/{message.partition}/{message.offset}",
        key=message.key,
        value=message.value,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        failed_at=message.timestamp_ms,
        attempts=0,
        original_headers=message.headers,
    )


def _of_record(  # noqa: PLR0913 - what a dead letter must say
    record: ReadyRecord,
    *,
    topic: str,
    dead_class: DeadClass,
    rule: str,
    message: str,
    failed_at: int,
    http_status: int | None = None,
    platform_code: str | None = None,
    msgid: str | None = None,
    attempts: int,
) -> DeadLetter:
    return DeadLetter(
        stage=STAGE,
        dead_class=dead_class,
        rule=rule,
        service=record.service.value,
        institution=record.institution,
        record_key=record.record_key,
        content_hash=record.content_hash,
        mapping_version=record.mapping_version,
        message=message,
        identity=f"{topic}/{record.partition}/{record.number}",
        key=record.key,
        value=record.value,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        failed_at=failed_at,
        http_status=http_status,
        platform_code=platform_code,
        msgid=msgid,
        attempts=attempts,
        row=RowOrigin(visit_key=record.key.decode(errors="replace"), position=record.position, record_key=record.record_key),
        original_headers=headers_of(record),
    )
