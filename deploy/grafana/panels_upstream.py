"""The other two dashboards: what comes from the hospital's database, and what waits in the join. Words as in shape.py."""

from typing import Final

from deploy.grafana.shape import CPU, MEMORY, Board, Panel, age, late, rate

_NOT_RUNNING: Final = 'sum by (source) (cdc_capture_state{SRC,state!="running"}) or 0 * max by (source) (cdc_capture_state{SRC})'
_HEARTBEAT: Final = age("cdc_capture_heartbeat_timestamp_seconds", by="source", of="SRC")

CAPTURE: Final = Board(
    "采集与医院数据库",
    "Capture and hospital database",
    ("source",),
    {
        "现在 · Now": (
            Panel(
                "连接器与任务",
                "Connector and task",
                "short",
                (
                    ("max by (source, state) (cdc_capture_state{SRC}) > 0", "{{source}} {{state}}"),
                    ("max by (source, task, state) (cdc_capture_task_state{SRC}) > 0", "{{source}}/{{task}} {{state}}"),
                ),
                "stat",
                (),
                6,
            ),
            Panel("未运行", "Not running", "short", ((_NOT_RUNNING, "{{source}}"),), "stat", (1, 1), 3),
            Panel("心跳", "Heartbeat", "s", ((_HEARTBEAT, "{{source}}"),), "stat", (60, 300), 3),
            Panel(
                "复制槽",
                "Slot active",
                "short",
                (("max by (source) (cdc_slot_active{SRC})", "{{source}}"),),
                "stat",
                (),
                3,
                floors=(1,),
            ),
            Panel("已连接", "Connected", "short", (("debezium_connected{SRC}", "{{source}}"),), "stat", (), 3, floors=(1,)),
            Panel(
                "与启用时不符",
                "Drifts",
                "short",
                (("max by (source) (cdc_catalogue_drifts{SRC})", "{{source}}"),),
                "stat",
                (1, 1),
                3,
            ),
            Panel("已停止", "Stopped", "short", (("max by (source) (cdc_source_stopped{SRC})", "{{source}}"),), "stat", (1, 1), 3),
        ),
        "医院数据库 · Hospital database": (
            Panel(
                "数据库保留的日志", "Log that is kept", "bytes", (("max by (source) (cdc_slot_retained_bytes{SRC})", "{{source}}"),)
            ),
            Panel(
                "复制槽失效前余量",
                "Room until the slot is lost",
                "bytes",
                (("min by (source) (cdc_slot_safe_bytes{SRC})", "{{source}}"),),
            ),
            Panel(
                "提交到 Kafka 的延迟", "Commit to Kafka", "s", (("max by (source) (cdc_source_lag_seconds{SRC})", "{{source}}"),)
            ),
            Panel(
                "最后提交至今",
                "Since the last commit",
                "s",
                ((age("cdc_source_last_commit_timestamp_seconds", by="source", of="SRC"), "{{source}}"),),
            ),
            Panel(
                "查看数据库至今",
                "Since it was looked at",
                "s",
                ((age("cdc_source_looked_timestamp_seconds", by="source", of="SRC"), "{{source}}"),),
            ),
            Panel("处理的行", "Rows placed", "ops", ((rate("cdc_rows_placed_total", by="outcome"), "{{outcome}}"),)),
        ),
        "Debezium（JMX）": (
            Panel(
                "落后于数据库",
                "Behind its source",
                "s",
                (
                    ("debezium_behind_source_seconds{SRC} >= 0", "{{source}}"),
                    ("debezium_behind_source_p95_seconds{SRC} >= 0", "{{source}} p95"),
                ),
                width=12,
            ),
            Panel(
                "最后事件至今",
                "Since the last event",
                "s",
                (("debezium_since_last_event_seconds{SRC} >= 0", "{{source}}"),),
                width=12,
            ),
            Panel(
                "变更（每秒）",
                "Changes a second",
                "ops",
                ((rate("debezium_changes_total", by="source, operation", of="SRC"), "{{source}} {{operation}}"),),
            ),
            Panel(
                "队列占用",
                "Queue in use",
                "percentunit",
                (("1 - debezium_queue_free_events{SRC} / debezium_queue_capacity_events{SRC}", "{{source}}"),),
            ),
            Panel(
                "全量读取：剩余表",
                "Reading all: tables left",
                "short",
                (("debezium_snapshot_remaining_tables{SRC}", "{{source}}"),),
            ),
            Panel(
                "全量读取：行",
                "Reading all: rows",
                "short",
                (("sum by (source, table) (debezium_snapshot_rows{SRC})", "{{source}} {{table}}"),),
                width=12,
            ),
            Panel(
                "事件（每秒）",
                "Events a second",
                "ops",
                (
                    (rate("debezium_events_filtered_total", by="source", of="SRC"), "{{source}} filtered"),
                    (rate("debezium_events_erroneous_total", by="source", of="SRC"), "{{source}} erroneous"),
                ),
                width=12,
            ),
        ),
        "Kafka Connect（JMX）": (
            Panel(
                "记录（每秒）",
                "Records a second",
                "ops",
                (
                    (rate("connect_source_records_polled_total", by="connector"), "{{connector}} polled"),
                    (rate("connect_source_records_written_total", by="connector"), "{{connector}} written"),
                ),
            ),
            Panel(
                "任务错误（每秒）",
                "Errors of tasks a second",
                "ops",
                (
                    (rate("connect_task_errors_total", by="connector"), "{{connector}} errors"),
                    (rate("connect_task_retries_total", by="connector"), "{{connector}} retries"),
                    (rate("connect_task_skipped_total", by="connector"), "{{connector}} skipped"),
                ),
            ),
            Panel(
                "内存",
                "Memory",
                "bytes",
                (
                    ('sum by (instance) (jvm_memory_used_bytes{S,area="heap"})', "{{instance}} used"),
                    ('sum by (instance) (jvm_memory_max_bytes{S,area="heap"})', "{{instance}} most"),
                ),
            ),
        ),
    },
)

JOIN: Final = Board(
    "关联与死信",
    "Join and letters",
    (),
    {
        "关联 · Join": (
            Panel(
                "等待的行（按缺什么）",
                "Rows that wait, by what is missing",
                "short",
                (("sum by (part) (cdc_join_waiting_rows{S})", "{{part}}"),),
                stacked=True,
            ),
            Panel(
                "等待最久",
                "Longest wait",
                "s",
                (("time() - min by (part) (cdc_join_oldest_wait_timestamp_seconds{S})", "{{part}}"),),
            ),
            Panel(
                "关联结果（每秒）",
                "What the join decided, a second",
                "ops",
                ((rate("cdc_fold_outcomes_total", by="outcome"), "{{outcome}}"),),
                stacked=True,
            ),
            Panel("产生的记录", "Records made", "ops", ((rate("cdc_records_emitted_total", by=""), "records"),)),
            Panel("对照表变更", "Changes of lookups", "ops", ((rate("cdc_lookup_changes_total", by=""), "changes"),)),
            Panel("等待上级记录", "Wait for a refused parent", "short", (("sum(cdc_orphans_waiting_records{S})", "records"),)),
        ),
        "死信 · Dead letters": (
            Panel(
                "24 小时（按类别）",
                "In 24 h, by class",
                "short",
                (("sum by (class) (increase(cdc_dead_letters_total{S}[24h]))", "{{class}}"),),
                "stat",
                (),
                12,
            ),
            Panel(
                "24 小时（由谁处理）",
                "In 24 h, by whose they are",
                "short",
                (("sum by (owner) (increase(cdc_dead_letters_total{S}[24h]))", "{{owner}}"),),
                "stat",
                (),
                12,
            ),
            Panel(
                "死信（每秒）",
                "Letters a second",
                "ops",
                ((rate("cdc_dead_letters_total", by="class"), "{{class}}"),),
                width=12,
                stacked=True,
            ),
            Panel(
                "自行关闭（每秒）",
                "Closed by themselves, a second",
                "ops",
                ((rate("cdc_dead_letters_closed_total", by="by"), "{{by}}"),),
                width=12,
            ),
        ),
        "进程 · Processes": (
            Panel("CPU（核）", "CPU, cores", "short", ((CPU, "{{stage}}"),)),
            Panel("内存", "Memory", "bytes", ((MEMORY, "{{stage}}"),)),
            Panel("事件循环滞后", "Event loop is late by", "s", (("max by (stage) (cdc_event_loop_lag_seconds{S})", "{{stage}}"),)),
            Panel("事务耗时 p95", "Transactions, p95", "s", ((late("cdc_transaction_seconds", 0.95, "stage"), "{{stage}}"),)),
            Panel(
                "分区：已分配与已就绪",
                "Partitions: assigned, and ready",
                "short",
                (
                    ("sum by (stage) (cdc_assigned_partitions{S})", "{{stage}} assigned"),
                    ("sum by (stage) (cdc_restored_partitions{S})", "{{stage}} ready"),
                ),
            ),
            Panel(
                "重新分配与重复",
                "Rebalances, repeated records",
                "short",
                (
                    ("sum by (stage) (cdc_rebalances_total{S})", "{{stage}} rebalances"),
                    ("sum by (stage) (cdc_records_repeated_total{S})", "{{stage}} repeated"),
                ),
            ),
        ),
    },
)
