"""Two of the dashboards: for who is on call, and what goes to the platform. Words as in shape.py."""

from typing import Final

from deploy.grafana.shape import ACCEPTED, AGE, LAG, Board, Panel, age, late, rate

_TAKEN: Final = 'S,verdict="accepted"'

OVERVIEW: Final = Board(
    "值班总览",
    "On call",
    (),
    {
        "现在 · Now": (
            Panel("最旧未完成记录", "Oldest unfinished", "s", ((AGE, "{{stage}}"),), "stat", (300, 900), 6),
            Panel("等待的记录", "Records waiting", "short", ((LAG, "{{stage}}"),), "stat", (), 6),
            Panel(
                "平台最后接收至今",
                "Since last accepted",
                "s",
                (("time() - max(cdc_platform_last_accepted_timestamp_seconds{S})", "platform"),),
                "stat",
                (300, 900),
                4,
            ),
            Panel(
                "心跳至今",
                "Since heartbeat",
                "s",
                ((age("cdc_capture_heartbeat_timestamp_seconds", by="source"), "{{source}}"),),
                "stat",
                (60, 300),
                4,
            ),
            Panel(
                "工作进程", "Workers", "short", (("count by (stage) (cdc_build_info{S})", "{{stage}}"),), "stat", (), 4, floors=(1,)
            ),
            Panel(
                "24 小时接收",
                "Accepted in 24 h",
                "short",
                (("sum by (service) (increase(cdc_records_accepted_total{S}[24h]))", "{{service}}"),),
                "stat",
                (),
                8,
            ),
            Panel(
                "24 小时死信",
                "Dead letters in 24 h",
                "short",
                (("sum(increase(cdc_dead_letters_total{S}[24h])) or vector(0)", "letters"),),
                "stat",
                (1, 1000),
                4,
            ),
            Panel("挂起的通道", "Lanes held", "short", (("sum by (stage) (cdc_lane_held{S})", "{{stage}}"),), "stat", (1, 2), 6),
            Panel(
                "健康状况",
                "What speaks against it",
                "short",
                (("sum by (kind) (cdc_conditions{S})", "{{kind}}"),),
                "stat",
                (1, 10),
                6,
            ),
        ),
        "原因 · Why": (
            Panel(
                "告警（点击打开处置手册）",
                "Alerts (with their runbooks)",
                "short",
                (('max by (alertname, alertstate, severity) (ALERTS{alertname=~"Yibao.*"})', ""),),
                "table",
                (),
                12,
            ),
            Panel(
                "各项原因",
                "Reasons",
                "short",
                (("sum by (stage, reason) (cdc_conditions{S}) > 0", "{{stage}} {{reason}}"),),
                "timeseries",
                (),
                12,
            ),
        ),
        "趋势 · Trend": (
            Panel(
                "上报时延 p95", "Commit to accepted, p95", "s", ((late("cdc_freshness_seconds", 0.95, "service"), "{{service}}"),)
            ),
            Panel("各阶段积压", "Waiting by stage", "short", ((LAG, "{{stage}}"),)),
            Panel("最旧记录的年龄", "Age of the oldest", "s", ((AGE, "{{stage}}"),)),
            Panel(
                "吞吐",
                "Through each stage",
                "ops",
                (
                    (rate("cdc_rows_placed_total", by=""), "place: rows"),
                    (rate("cdc_changes_folded_total", by=""), "join: changes"),
                    (rate("cdc_records_emitted_total", by=""), "join: records"),
                    (rate("cdc_records_accepted_total", by=""), "deliver: accepted"),
                ),
            ),
            Panel("采集延迟", "Capture is late by", "s", (("max by (source) (cdc_source_lag_seconds{S})", "{{source}}"),)),
            Panel(
                "死信（每秒）",
                "Dead letters a second",
                "ops",
                ((rate("cdc_dead_letters_total", by="class"), "{{class}}"),),
                stacked=True,
            ),
        ),
    },
)

DELIVERY: Final = Board(
    "上报与平台",
    "Delivery and platform",
    ("institution",),
    {
        "现在 · Now": (
            Panel(
                "接收比例",
                "Requests accepted",
                "percentunit",
                (
                    (
                        f"{rate('cdc_platform_answers_total', by='', of=_TAKEN)} / {rate('cdc_platform_answers_total', by='')}",
                        "accepted",
                    ),
                ),
                "stat",
                (),
                4,
                floors=(0.5, 0.9),
            ),
            Panel(
                "熔断器未闭合",
                "Breakers not closed",
                "short",
                (('sum(cdc_platform_breaker_state{S,state!="closed"})', "workers"),),
                "stat",
                (1, 1000),
                6,
            ),
            Panel("等待上报", "Records waiting", "short", (('sum(cdc_lag_records{S,stage="deliver"})', "records"),), "stat", (), 4),
            Panel(
                "证书剩余",
                "Certificates end in",
                "s",
                (("min by (name) (cdc_certificate_expiry_timestamp_seconds{S}) - time()", "{{name}}"),),
                "stat",
                (),
                5,
                floors=(7 * 86_400, 30 * 86_400),
            ),
            Panel(
                "等待上级记录",
                "Wait for a refused parent",
                "short",
                (("sum(cdc_orphans_waiting_records{S})", "records"),),
                "stat",
                (1, 1000),
                5,
            ),
        ),
        "平台 · Platform": (
            Panel(
                "应答（按结论和代码）",
                "Answers by verdict and code",
                "ops",
                ((rate("cdc_platform_answers_total", by="verdict, code"), "{{verdict}} {{code}}"),),
                stacked=True,
            ),
            Panel(
                "应答时间",
                "Time of answers",
                "s",
                ((late("cdc_platform_request_seconds", 0.5), "p50"), (late("cdc_platform_request_seconds", 0.95), "p95")),
            ),
            Panel("重试（按原因）", "Tried again, by cause", "ops", ((rate("cdc_posts_retried_total", by="cause"), "{{cause}}"),)),
            Panel("限流", "Throttled", "ops", ((rate("cdc_posts_throttled_total", by=""), "throttled"),)),
            Panel("挂起（按原因）", "Held, by cause", "ops", ((rate("cdc_posts_held_total", by="cause"), "{{cause}}"),)),
            Panel("接收的记录", "Records accepted", "ops", ((ACCEPTED, "{{service}}"),)),
        ),
        "机构 · Institutions": (
            Panel(
                "被挂起的机构",
                "Institutions held",
                "short",
                (("max by (institution, cause) (cdc_institution_held{INST})", "{{institution}} {{cause}}"),),
            ),
            Panel(
                "单独挂起的记录",
                "Records set aside",
                "short",
                (("sum by (institution) (cdc_institution_aside_records{INST})", "{{institution}}"),),
            ),
            Panel(
                "密钥文件更换至今",
                "Since its key was changed",
                "s",
                ((age("cdc_institution_key_changed_timestamp_seconds", by="institution", of="INST"), "{{institution}}"),),
            ),
        ),
        "批次 · Batches": (
            Panel(
                "批次（每秒）",
                "Batches a second",
                "ops",
                (
                    (rate("cdc_batches_accepted_total", by=""), "accepted"),
                    (rate("cdc_batches_refused_total", by=""), "refused"),
                    (rate("cdc_plans_total", by=""), "plans"),
                ),
            ),
            Panel(
                "每批记录数",
                "Records of a batch",
                "short",
                ((late("cdc_batch_records", 0.5), "p50"), (late("cdc_batch_records", 0.95), "p95")),
            ),
            Panel("加密耗时 p95", "Sealing, p95", "s", ((late("cdc_sealing_seconds", 0.95), "p95"),)),
        ),
    },
)
