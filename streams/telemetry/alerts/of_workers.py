"""The alerts of the workers themselves, of the brokers that they reach, and of certificates."""

from typing import Final

from streams.telemetry.alerts.alert import Alert, Severity
from streams.telemetry.alerts.combined import Absent, Either
from streams.telemetry.alerts.expressions import Fold, Rate
from streams.telemetry.alerts.spelt import DAY, HOUR, MINUTE, age, below, least, most, over, select, total, until

_ENDS: Final = until(least("cdc_certificate_expiry_timestamp_seconds", by=("name",)))


def _missing(stage: str) -> Absent:
    return Absent(select("cdc_build_info", ("stage", "=", stage)))


WORKERS: Final = (
    Alert(
        name="YibaoStageMissing",
        when=Either(Either(_missing("place"), _missing("join")), _missing("deliver")),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="no worker of {stage} is scraped",
        zh="{stage} 工作进程不存在",
        remedy="yibao status says whether it hangs (kill -9) or none runs (start it); else workers.http, the scrape configuration",
    ),
    Alert(
        name="YibaoNothingAssigned",
        when=below(total("cdc_assigned_partitions", by=("stage",)), 1),
        for_s=5 * MINUTE,
        severity=Severity.CRITICAL,
        summary="workers of {stage} run, and none has a partition",
        zh="{stage} 未分配到分区",
        remedy="/ready of its workers says what they wait for: brokers, or workers with another mapping",
    ),
    Alert(
        name="YibaoLoopStuck",
        when=over(total("cdc_conditions", ("reason", "=", "loop_stuck"), by=("stage",)), 0),
        for_s=MINUTE,
        severity=Severity.CRITICAL,
        summary="a worker of {stage} does not move any more",
        zh="{stage} 工作进程失去响应",
        remedy="a liveness probe on /live, or yibao worker all, restarts it; where neither does: kill -9, nothing is lost",
    ),
    Alert(
        name="YibaoLoopSlow",
        when=over(most("cdc_event_loop_lag_seconds", by=("stage",)), 2),
        for_s=5 * MINUTE,
        severity=Severity.WARNING,
        summary="a worker of {stage} comes to its work {value:duration} late",
        zh="{stage} 工作进程响应缓慢",
        remedy="the machine has too little CPU or memory for it, or its disk hangs",
    ),
    Alert(
        name="YibaoPausedForLong",
        when=over(age(least("cdc_paused_since_timestamp_seconds", by=("of", "name"))), 8 * HOUR),
        for_s=5 * MINUTE,
        severity=Severity.WARNING,
        summary="the {of} {name} has been paused for {value:duration}",
        zh="{of} {name} 已暂停超过 8 小时",
        remedy="yibao status says who paused it, and why; yibao resume lets it go on",
    ),
    Alert(
        name="YibaoBrokersAway",
        when=over(most("cdc_brokers_lost"), 0),
        for_s=5 * MINUTE,
        severity=Severity.WARNING,
        summary="{value} brokers do not answer",
        zh="Kafka 节点无应答",
        remedy="brokers_lost names them",
    ),
    Alert(
        name="YibaoRebalancesOften",
        when=over(Fold("sum", Rate(select("cdc_rebalances_total"), 15 * MINUTE, increase=True), ("stage",)), 10),
        for_s=5 * MINUTE,
        severity=Severity.WARNING,
        summary="the partitions of {stage} were assigned anew {value:number} times in a quarter of an hour",
        zh="{stage} 频繁重新分配",
        remedy="worker_ended of the supervisor says why workers end; each start assigns all partitions anew",
    ),
    Alert(
        name="YibaoCertificateEnds",
        when=below(_ENDS, 7 * DAY),
        for_s=10 * MINUTE,
        severity=Severity.CRITICAL,
        summary="a certificate of {name} ends in {value:duration}",
        zh="证书 {name} 即将到期",
        remedy="have it renewed, and restart the workers",
    ),
    Alert(
        name="YibaoCertificateEndsSoon",
        when=below(_ENDS, 30 * DAY),
        for_s=10 * MINUTE,
        severity=Severity.WARNING,
        summary="a certificate of {name} ends in {value:duration}",
        zh="证书 {name} 将在 30 天内到期",
        remedy="have it renewed, and restart the workers",
    ),
)
