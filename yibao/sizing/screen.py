"""A plan as people, programs and the chart read it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from yibao.sizing.demand import Demand
from yibao.sizing.plan import COPIES, Plan, Stage
from yibao.sizing.simulation import Played

HEAD: Final = ("PART", "COUNT", "CORES", "MEMORY EACH", "DISK EACH", "BECAUSE")
RIGHT: Final = ("COUNT", "CORES", "MEMORY EACH", "DISK EACH")


def rows(plan: Plan) -> list[Sequence[str]]:
    """One of each part."""
    stages = {"place worker": plan.place, "join worker": plan.join, "deliver worker": plan.deliver}
    return [
        ("Connect", "1", _cores(plan.connect_cores), "-", "-", "a task a source"),
        *(_row(name, stage) for name, stage in stages.items()),
        ("broker", f"{COPIES}", _cores(plan.broker_cores), "-", f"{plan.broker_disk_gib} GiB", "what topics keep, three times"),
    ]


def said(demand: Demand, plan: Plan, played: Played) -> Iterator[str]:
    """Under the table: what it carries, and what not."""
    yield (
        f"kafka.partitions: {plan.partitions} (for the life of the site). {demand.fee_lines:,} fee lines a day make "
        f"{demand.peak_records_per_s():,.0f} a second of all records in the busiest hour of a day of {demand.peak:g} average ones."
    )
    yield (
        f"After {demand.outage_h:g} h without the platform, all is delivered within {span(plan.drain_s)} by the formulas; after as "
        f"long without capture, brokers or workers, all rows are joined within {span(plan.catch_up_s)}."
    )
    drained = "not within six times what was asked" if played.drained_s is None else f"within {span(played.drained_s)}"
    yield (
        f"Played second by second: {drained} after the outage; in the busiest hour the join is at most {played.worst_join_s:.1f} s "
        f"behind, delivery {played.worst_deliver_s:.1f} s, and what waits at its end is {played.left:,.0f}."
    )
    yield from (f"LIMIT {limit}" for limit in plan.limits)


def document(demand: Demand, plan: Plan, played: Played) -> dict[str, Any]:
    """For programs. What has no end is null."""
    told = {name: None if value == math.inf else value for name, value in asdict(plan).items()} | {"limits": list(plan.limits)}
    return {"demand": asdict(demand), "plan": told, "played": asdict(played)}


def values(plan: Plan) -> str:
    """For the chart. `kafka.partitions` stands in site.yaml."""
    lines = [f"# site.yaml: kafka.partitions: {plan.partitions}"]
    for name, stage in (("place", plan.place), ("join", plan.join), ("deliver", plan.deliver)):
        request = max(100, math.ceil(1000 * stage.cores / stage.workers))
        lines += [
            f"{name}:",
            f"  replicas: {stage.workers}",
            "  resources:",
            f"    requests: {{cpu: {request}m, memory: {stage.memory_mib // 2}Mi}}",
            f'    limits: {{cpu: "2", memory: {stage.memory_mib}Mi}}',
        ]
        if name != "deliver":
            lines += ["  persistence:", "    enabled: true", f"    size: {stage.disk_gib}Gi"]
    return "\n".join(lines)


def _row(name: str, stage: Stage) -> Sequence[str]:
    disk = f"{stage.disk_gib} GiB" if stage.disk_gib else "-"
    return (name, f"{stage.workers}", _cores(stage.cores), f"{stage.memory_mib} MiB", disk, stage.because)


def _cores(cores: float) -> str:
    return f"{max(0.1, cores):.1f}"


def span(seconds: float) -> str:
    """As people say it."""
    if math.isinf(seconds):
        return "no time: more comes than goes"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
