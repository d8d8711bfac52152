"""The alerts of captures, and of the databases that they read."""

from typing import Final

from streams.telemetry.alerts.alert import Alert, Severity
from streams.telemetry.alerts.expressions import Both, Compare, Either, Fold, Number, Sum
from streams.telemetry.alerts.spelt import HOUR, MINUTE, age, below, least, most, over, select

_SAFE, _KEPT = least("cdc_slot_safe_bytes", by=("source",)), most("cdc_slot_retained_bytes", by=("source",))
_LATE = most("cdc_source_lag_seconds", by=("source",))

CAPTURE: Final = (
    Alert(
        name="YibaoCaptureFailed",
        when=over(
            Fold(
                "max",
                Either(
                    select("cdc_capture_state", ("state", "=~", "failed|absent")),
                    select("cdc_capture_task_state", ("state", "=", "failed")),
                ),
                ("source",),
            ),
            0,
        ),
        for_s=2 * MINUTE,
        severity=Severity.CRITICAL,
        summary="the capture of {source} has failed, or is not there",
        zh="数据源 {source} 采集失败",
        remedy="yibao connector status has the cause and the verb that mends it",
    ),
    Alert(
        name="YibaoHeartbeatMissing",
        when=over(age(most("cdc_capture_heartbeat_timestamp_seconds", by=("source",))), 300),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="the capture of {source} has given no sign of life for {value:duration}",
        zh="数据源 {source} 无心跳",
        remedy="a connector that lost its database still says RUNNING: look at the database and the way to it",
    ),
    Alert(
        name="YibaoSourceStopped",
        when=over(most("cdc_source_stopped", by=("source",)), 0),
        for_s=MINUTE,
        severity=Severity.CRITICAL,
        summary="the rows of {source} are not placed until yibao resume",
        zh="数据源 {source} 已停止处理",
        remedy="source_stopped has the reasons and the remedy (docs/operations.md, A source that stands)",
    ),
    Alert(
        name="YibaoSlotNearItsEnd",
        when=Compare(_SAFE, "<", Sum(Number(0.2), "*", Sum(_SAFE, "+", _KEPT))),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="the slot of {source} loses its place after {value:bytes} more",
        zh="数据源 {source} 复制槽即将失效",
        remedy="see to it that capture runs, or raise max_slot_wal_keep_size; after that all rows are read again",
    ),
    Alert(
        name="YibaoSlotRetainsMuch",
        when=over(_KEPT, 2e10),
        for_s=15 * MINUTE,
        severity=Severity.WARNING,
        summary="the hospital's database keeps {value:bytes} of log for {source}",
        zh="数据源 {source} 的数据库日志堆积",
        remedy="capture is behind, or does not run: yibao connector status",
    ),
    Alert(
        name="YibaoSourceLagHigh",
        when=Both(
            over(_LATE, 300),
            below(Sum(age(most("cdc_source_last_commit_timestamp_seconds", by=("source",))), "-", _LATE), 600),
            ("source",),
        ),
        for_s=10 * MINUTE,
        severity=Severity.WARNING,
        summary="rows of {source} come {value:duration} after their commit",
        zh="数据源 {source} 采集延迟",
        remedy="a long transaction, a first snapshot, or clocks that differ; Debezium's own metrics tell more",
    ),
    Alert(
        name="YibaoDatabaseUnwatched",
        when=over(age(most("cdc_source_looked_timestamp_seconds", by=("source",))), 300),
        for_s=10 * MINUTE,
        severity=Severity.WARNING,
        summary="nobody has looked at the database of {source} for {value:duration}",
        zh="数据源 {source} 无法核对",
        remedy="capture_unwatched says why; while it lasts, a change of the database goes unnoticed",
    ),
    Alert(
        name="YibaoRowsMissALookup",
        when=over(age(least("cdc_join_oldest_wait_timestamp_seconds", ("part", "=", "lookup"), by=("part",))), HOUR),
        for_s=10 * MINUTE,
        severity=Severity.WARNING,
        summary="rows have waited for a row of a lookup for {value:duration}",
        zh="有记录长时间等待对照表",
        remedy="yibao dlq list --rule MISSING_LOOKUP names the table and the key",
    ),
)
