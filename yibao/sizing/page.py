"""The tables of docs/sizing.md, generated: the figures, and the plans of four sizes of site."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from yibao.sizing.demand import Demand
from yibao.sizing.figures import told
from yibao.sizing.plan import Plan, plan_of
from yibao.sizing.screen import span
from yibao.sizing.simulation import Played, play


def _demand(*, fee_lines: int, hospitals: int, drain_min: float) -> Demand:
    return Demand(
        fee_lines=fee_lines,
        hospitals=hospitals,
        peak=5.0,
        outage_h=24.0,
        drain_min=drain_min,
        answer_ms=50.0,
        requests_per_s=None,
        slower=2.0,
        kept_days=14,
        for_days=365,
    )


SITES: Final = {
    "1 hospital": _demand(fee_lines=30_000, hospitals=1, drain_min=10),
    "20 hospitals": _demand(fee_lines=600_000, hospitals=20, drain_min=10),
    "200 hospitals": _demand(fee_lines=3_000_000, hospitals=200, drain_min=60),
    "a province": _demand(fee_lines=6_000_000, hospitals=400, drain_min=60),
}
"""The defaults of `yibao sizing`, but for what is named: an average day of a hospital has 15,000 to 30,000 lines here."""


def written(page: str) -> str:
    """The page with its tables as they are now."""
    plans = {name: plan_of(demand) for name, demand in SITES.items()}
    played = {name: play(demand, plans[name]) for name, demand in SITES.items()}
    tables = {
        "figures": _table(("name", "measured", "of what", "by which run"), told()),
        "plans": _table(("", *SITES), _plans(plans)),
        "played": _table(("", *SITES), _played(played)),
    }
    for name, table in tables.items():
        before, _, rest = page.partition(f"<!-- {name} -->")
        _, _, after = rest.partition(f"<!-- {name} -->")
        page = f"{before}<!-- {name} -->\n{table}\n<!-- {name} -->{after}"
    return page


def _plans(plans: dict[str, Plan]) -> Iterable[Sequence[str]]:
    yield ("fee lines a day", *(f"{demand.fee_lines:,}" for demand in SITES.values()))
    yield (
        "records a second, busiest hour of a day 5 × the average",
        *(f"{demand.peak_records_per_s():,.0f}" for demand in SITES.values()),
    )
    yield ("`kafka.partitions`", *(f"{plan.partitions}" for plan in plans.values()))
    for name in ("place", "join", "deliver"):
        stages = [getattr(plan, name) for plan in plans.values()]
        yield (f"{name}: workers", *(f"{stage.workers}" for stage in stages))
        yield (f"{name}: cores in that hour, together", *(f"{stage.cores:.2f}" for stage in stages))
        yield (f"{name}: memory of each, MiB", *(f"{stage.memory_mib}" for stage in stages))
        if any(stage.disk_gib for stage in stages):
            yield (f"{name}: disk of each after a year, GiB", *(f"{stage.disk_gib}" for stage in stages))
    yield ("Connect: cores", *(f"{plan.connect_cores:.2f}" for plan in plans.values()))
    yield ("brokers: cores, of three together", *(f"{plan.broker_cores:.2f}" for plan in plans.values()))
    yield ("brokers: disk of each, GiB", *(f"{plan.broker_disk_gib}" for plan in plans.values()))
    yield ("a day without the platform is delivered in", *(span(plan.drain_s) for plan in plans.values()))
    yield ("a day without capture is joined in", *(span(plan.catch_up_s) for plan in plans.values()))


def _played(played: dict[str, Played]) -> Iterable[Sequence[str]]:
    yield (
        "a day without the platform is delivered in",
        *(span(math.inf if one.drained_s is None else one.drained_s) for one in played.values()),
    )
    yield ("join behind at most, s", *(f"{one.worst_join_s:.1f}" for one in played.values()))
    yield ("delivery behind at most, s", *(f"{one.worst_deliver_s:.1f}" for one in played.values()))
    yield ("records that wait at the end of the busiest hour", *(f"{one.left:,.0f}" for one in played.values()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
