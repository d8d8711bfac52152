"""The dead letters about what was reported and has no row any more."""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from streams.domain.changes import Incoming
from streams.domain.join.letters import STAGE, FailedRow, digest, document, letter_of
from streams.domain.records import DeadLetter, RowOrigin
from streams.domain.violations import DeadClass, Level, Violation
from streams.spec.masking import show_key


def withdrawn(failed: FailedRow, children: str = "") -> DeadLetter:
    """A row that was deleted after its record had been emitted. A person decides what the platform is told.

    children: what those are called that belong to it and were reported (rule R24); `""` for none. They are no part of what makes
    the letter's id.
    """
    rule, message = "DELETED_AFTER_REPORT", "已上报的记录在医院系统中被删除，需人工处理"
    letter = letter_of(failed, dead_class=DeadClass.WITHDRAWN, rule=rule, record_key="/".join(failed.row.key), message=message)
    if not children:
        return letter
    message = f"{message}；其下已上报的记录（R24）：{children}"
    left = Violation(
        field="", rule=rule, level=Level.REFUSE, dead_class=DeadClass.WITHDRAWN, clause="R24", masked=children, message=message
    )
    return replace(letter, message=message, value=document(failed, (left,)))


def renamed(failed: FailedRow, *, became: tuple[str, str, str]) -> DeadLetter:
    """A row whose record has another key or institution now. The new record is reported; a person decides about the old one.
    became: institution and key of the new one.
    """
    personal = "record_key" in failed.origin.personal
    return letter_of(
        failed,
        dead_class=DeadClass.WITHDRAWN,
        rule="KEY_CHANGED_AFTER_REPORT",
        record_key="/".join(failed.row.key),
        message=f"已上报记录的标识已改变：原 {failed.institution}/{show_key(failed.origin.record_key, personal=personal)}，"
        f"现 {became[0]}/{show_key(became[2], personal=personal)}；新记录照常上报，原记录需人工撤销",
    )


def emptied(incoming: Incoming, source: str, table: str, *, position: str, gone: int) -> DeadLetter:
    """How many reported records of a partition have no row any more since a table was emptied."""
    where = {"source": source, "table": table, "position": position}
    return _of_many(
        incoming,
        RowOrigin(source=source, table=table, position=position),
        rule="TRUNCATE_COUNTED",
        which=f"{source}/{table}/{position}/{incoming.partition}",
        content={**where, "partition": incoming.partition, "records": gone},
        message=f"表 {table} 被 TRUNCATE 清空：分区 {incoming.partition} 中有 {gone} 条已上报的记录不再有数据行，需人工处理",
    )


def too_many_withdrawn(incoming: Incoming, source: str, *, per_hour: int, since: int, closed: bool) -> DeadLetter:
    """Withdrawals of a source are held in this partition. closed: they are held no more."""
    letter = _of_many(
        incoming,
        RowOrigin(source=source),
        rule="WITHDRAWALS_HELD",
        which=f"{source}/{incoming.partition}/{since}",
        content={"source": source, "partition": incoming.partition, "per_hour": per_hour},
        message=f"数据源 {source} 分区 {incoming.partition} 一小时内被删除的已上报记录超过 {per_hour} 条，疑为归档作业，"
        "已暂停通知；请核对后设置映射的 deletions.ignore_older_than 或站点的 join.withdrawal_guard",
    )
    return replace(letter, failed_at=incoming.timestamp_ms if closed else since, closed=closed)


def _of_many(  # noqa: PLR0913 - what differs between letters that are about many records
    incoming: Incoming, row: RowOrigin, *, rule: str, which: str, content: Mapping[str, object], message: str
) -> DeadLetter:
    """A letter about many records of a partition at once. which: what makes its id, with the rule."""
    value = orjson.dumps(content)
    return DeadLetter(
        stage=STAGE,
        dead_class=DeadClass.WITHDRAWN,
        rule=rule,
        service="",
        institution="",
        record_key="",
        content_hash=digest(value),
        mapping_version="",
        message=message,
        identity=f"{which}/{rule}",
        key=None,
        value=value,
        topic=incoming.topic,
        partition=incoming.partition,
        offset=None,
        failed_at=incoming.timestamp_ms,
        row=row,
    )
