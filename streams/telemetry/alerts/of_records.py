"""The alerts of what is on its way, and of the platform. In a maintenance window of the platform nothing is told of it, and while
what waited is sent afterwards nothing of how old it is.
"""

from typing import Final

from streams.telemetry.alerts.alert import Alert, Severity
from streams.telemetry.alerts.combined import Both, Sum
from streams.telemetry.alerts.expressions import Quantile, Slope
from streams.telemetry.alerts.spelt import INSIDE, MINUTE, PAUSED, age, least, most, over, risen, select, total, unless_maintenance

_OLDEST: Final = age(least("cdc_oldest_unfinished_record_timestamp_seconds", by=("stage",)))

LATENESS: Final = (
    Alert(
        name="YibaoOldestRecordTooOld",
        when=unless_maintenance(
            Both(over(_OLDEST, 900), over(select("cdc_paused", PAUSED), 0), ("stage",), unless=True), on=("stage",)
        ),
        for_s=5 * MINUTE,
        keep_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="{stage}: the oldest record that is not through is {value:duration} old",
        zh="{stage} 阶段有记录滞留超过 15 分钟",
        remedy="yibao worker health; what waits for somebody is told there and in the log (docs/operations.md, A lane that stands)",
    ),
    Alert(
        name="YibaoLagGrowing",
        when=unless_maintenance(
            Both(over(Slope(total("cdc_lag_records", by=("stage",)), 30 * MINUTE, MINUTE), 0.5), over(_OLDEST, 300), ("stage",)),
            on=("stage",),
        ),
        for_s=15 * MINUTE,
        severity=Severity.WARNING,
        summary="{stage}: {value:number} records a second more come than go",
        zh="{stage} 阶段积压持续增长",
        remedy="more workers of the stage, up to its partitions; look at CPU and at cdc_platform_request_seconds first",
    ),
    Alert(
        name="YibaoFreshnessSlow",
        when=unless_maintenance(
            over(Quantile(0.95, risen("cdc_freshness_seconds_bucket", 15 * MINUTE, by=("le", "service"))), 600)
        ),
        for_s=15 * MINUTE,
        severity=Severity.WARNING,
        summary="{service}: one record in twenty takes more than {value:duration} from its commit to its acceptance",
        zh="{service} 上报时延过长",
        remedy="docs/freshness.md tells which part of the way takes the time",
    ),
)

PLATFORM: Final = (
    Alert(
        name="YibaoPlatformUnavailable",
        when=unless_maintenance(
            Both(
                Both(
                    over(age(most("cdc_platform_last_accepted_timestamp_seconds")), 600),
                    over(total("cdc_lag_records", ("stage", "=", "deliver")), 0),
                ),
                over(select("cdc_paused", ("stage", "=", "deliver"), PAUSED), 0),
                unless=True,
            ),
            INSIDE,
        ),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="the platform has accepted nothing for {value:duration}, and records wait",
        zh="平台持续未接收数据且有记录待上报",
        remedy="the event breaker_opened or lane_held of a deliver worker says why, and whom to call",
    ),
    Alert(
        name="YibaoBreakerOpen",
        when=unless_maintenance(over(total("cdc_platform_breaker_state", ("state", "!=", "closed")), 0), INSIDE),
        for_s=5 * MINUTE,
        severity=Severity.WARNING,
        summary="{value} deliver workers get no answer of the platform",
        zh="平台无应答",
        remedy="the event breaker_opened has the cause and the remedy",
    ),
    Alert(
        name="YibaoAnswersUnclear",
        when=unless_maintenance(
            over(Sum(risen("cdc_posts_retried_total", 10 * MINUTE), "/", risen("cdc_platform_answers_total", 10 * MINUTE)), 0.2),
            INSIDE,
        ),
        for_s=10 * MINUTE,
        severity=Severity.WARNING,
        summary="{value:percent} of the requests end without an outcome that is known",
        zh="平台应答异常比例过高",
        remedy="sum by (cause) (rate(cdc_posts_retried_total[10m])) tells why; it is tried again under the same msgid",
    ),
    Alert(
        name="YibaoRefusalsGrow",
        when=over(risen("cdc_dead_letters_total", 15 * MINUTE, ("class", "=", "REJECTED")), 0),
        for_s=15 * MINUTE,
        severity=Severity.CRITICAL,
        summary="the platform goes on refusing records, {value:number} a second",
        zh="平台持续拒收记录",
        remedy="yibao dlq summary; docs/replay.md leads from there",
    ),
    Alert(
        name="YibaoLaneHeld",
        when=unless_maintenance(over(total("cdc_lane_held", ("stage", "!=", "place"), by=("stage",)), 0), INSIDE, on=("stage",)),
        for_s=15 * MINUTE,
        severity=Severity.CRITICAL,
        summary="{value} lanes of {stage} wait for the platform or a person",
        zh="{stage} 通道被挂起",
        remedy="lane_held or lane_stopped has the cause and the remedy (docs/operations.md, A lane that stands)",
    ),
    Alert(
        name="YibaoInstitutionAside",
        when=unless_maintenance(
            over(age(least("cdc_institution_aside_since_timestamp_seconds", by=("institution",))), 900), INSIDE
        ),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="nothing of {institution} has been reported for {value:duration}",
        zh="机构 {institution} 已被单独挂起",
        remedy="institution_held has the cause; of 40006 compare the key with the platform's people (yibao keys show)",
    ),
)
