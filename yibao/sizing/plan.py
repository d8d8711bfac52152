"""From a demand to a plan. Every number has its reason: what bounds it, in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yibao.sizing.demand import DAY_S, Demand
from yibao.sizing.figures import MEASURED, Figures

BUSY: Final = 0.6
"""A worker is planned to be busy so far, and no further: neighbours, ticks, a colleague's share after it died."""
COPIES: Final = 3
MOST_PARTITIONS: Final = 1296
"""Of a site (docs/site.md)."""
_STEP: Final = 12
_MIB_A_PARTITION: Final = 24
"""Of a join worker, where it holds more than twelve: 8 MiB of visits, some 16 of rows and sums."""
_GIB: Final = 2**30
_ROOM: Final = 2.0
"""Volumes and memory, of what was measured: compaction, a rebalance, a bad day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Workers of one stage."""

    workers: int
    """In all."""
    cores: float
    """That they take together in the busiest hour."""
    memory_mib: int
    """Of one."""
    disk_gib: int
    """Of one; 0: none that matters."""
    because: str
    """What bounds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to set up."""

    partitions: int
    """`kafka.partitions`; it cannot be changed later."""
    place: Stage
    """One active worker a source."""
    join: Stage
    """At most one a partition."""
    deliver: Stage
    """At most one a partition."""
    connect_cores: float
    """In the busiest hour."""
    broker_cores: float
    """In the busiest hour, of all brokers."""
    broker_disk_gib: int
    """Of each of three brokers."""
    drain_s: float
    """What waited during the outage is gone after it, with what comes meanwhile."""
    catch_up_s: float
    """After capture, brokers or workers were away for so long instead: all rows are joined."""
    limits: tuple[str, ...]
    """What cannot be had, and what can be done about it."""


def plan_of(demand: Demand, figures: Figures = MEASURED) -> Plan:
    """What carries it, and what of it nothing carries."""
    changes, records = demand.peak_changes_per_s(figures), demand.peak_records_per_s(figures)
    join_cores = changes * figures.join_cpu.value * demand.slower / 1e6
    join_workers = max(2, math.ceil(join_cores / BUSY))
    wanted = demand.waiting_records(figures) / (demand.drain_min * 60) + demand.busy_records_per_s(figures)
    reached = min(wanted, _platform_takes(demand, figures))
    rate = max(reached, records)
    deliver_cores = rate * figures.deliver_cpu.value * demand.slower / 1e6
    deliver_workers = max(2, math.ceil(deliver_cores / (figures.deliver_cores.value * BUSY)))
    lanes = math.ceil(rate * demand.answer_ms / 1000 / (figures.records_a_batch.value * figures.of_the_bound.value) / BUSY)
    partitions = min(MOST_PARTITIONS, _STEP * math.ceil(max(lanes, 2 * join_workers, 2 * deliver_workers, _STEP) / _STEP))
    return Plan(
        partitions=partitions,
        place=_place(demand, changes, figures),
        join=Stage(
            workers=join_workers,
            cores=join_cores,
            memory_mib=_join_memory(partitions, join_workers, figures),
            disk_gib=max(1, math.ceil(_ROOM * _visits(demand, figures) * figures.state_bytes.value / join_workers / _GIB)),
            because=f"{changes:,.0f} changes a second in the busiest hour",
        ),
        deliver=Stage(
            workers=deliver_workers,
            cores=deliver_cores,
            memory_mib=int(figures.deliver_memory.value * _ROOM),
            disk_gib=0,
            because=_bound(rate, records),
        ),
        connect_cores=changes * figures.connect_cpu.value * demand.slower / 1e6,
        broker_cores=COPIES * changes * figures.broker_cpu.value * demand.slower / 1e6,
        broker_disk_gib=math.ceil(_ROOM * _kept_bytes(demand, figures) / _GIB),
        drain_s=_drained_in(demand, min(rate, _platform_takes(demand, figures)), figures),
        catch_up_s=_caught_up_in(demand, join_workers, figures),
        limits=tuple(_limits(demand, figures, wanted=wanted, lanes=lanes)),
    )


def _place(demand: Demand, changes: float, figures: Figures) -> Stage:
    cores = changes * figures.place_cpu.value * demand.slower / 1e6
    return Stage(
        workers=max(2, math.ceil(cores / BUSY) + 1),
        cores=cores,
        memory_mib=512,
        disk_gib=max(1, math.ceil(_ROOM * _visits(demand, figures) * figures.place_state_bytes.value / _GIB)),
        because="one lane a source; one worker more, which takes over",
    )


def _platform_takes(demand: Demand, figures: Figures) -> float:
    """Records a second, by the requests that it allows."""
    if demand.requests_per_s is None:
        return math.inf
    return demand.requests_per_s * figures.records_a_batch.value


def _visits(demand: Demand, figures: Figures) -> float:
    return demand.fee_lines / figures.lines_a_visit.value * demand.for_days


def _join_memory(partitions: int, workers: int, figures: Figures) -> int:
    held = math.ceil(partitions / max(1, workers - 1))  # one of them is away
    return int(_ROOM * (figures.join_memory.value + _MIB_A_PARTITION * max(0, held - 12)))


def _kept_bytes(demand: Demand, figures: Figures) -> float:
    """What a broker holds of three that each hold all: rows, changes and records as long as they are kept, receipts and state."""
    records = demand.records_a_day(figures)
    changes = records * figures.changes_a_record.value
    a_day = changes * (figures.row_bytes.value + figures.change_bytes.value) + records * figures.record_bytes.value
    receipts = records / figures.records_a_batch.value * figures.receipt_bytes.value * 400
    state = _visits(demand, figures) * figures.state_bytes.value
    return figures.live_factor.value * a_day * demand.kept_days + receipts + state


def _drained_in(demand: Demand, rate: float, figures: Figures) -> float:
    """Seconds; without end where more comes than goes."""
    spare = rate - demand.busy_records_per_s(figures)
    return demand.waiting_records(figures) / spare if spare > 0 else math.inf


def _caught_up_in(demand: Demand, join_workers: int, figures: Figures) -> float:
    """Seconds: by the slowest of capture, place and join. Delivery goes on beside them."""
    of_sources = demand.hospitals * min(figures.capture.value / demand.slower, _lane(figures.place_cpu.value, demand))
    pace = min(of_sources, join_workers * _lane(figures.join_cpu.value, demand))
    spare = pace - demand.busy_records_per_s(figures) * figures.changes_a_record.value
    waiting = demand.waiting_records(figures) * figures.changes_a_record.value
    return waiting / spare if spare > 0 else math.inf


def _lane(cpu_us: float, demand: Demand) -> float:
    """What a worker of one core takes a second."""
    return 1e6 / (cpu_us * demand.slower)


def _bound(rate: float, records: float) -> str:
    what = "what waited during the outage" if rate > records else "the busiest hour"
    return f"{what}, {rate:,.0f} a second"


def _limits(demand: Demand, figures: Figures, *, wanted: float, lanes: int) -> Iterator[str]:
    changes = demand.peak_changes_per_s(figures)
    of_a_source = changes / demand.hospitals
    lane = _lane(figures.place_cpu.value, demand)
    task = figures.capture.value / demand.slower
    if of_a_source > BUSY * min(lane, task):
        narrow = "capture" if task < lane else "place"
        yield (
            f"{narrow}: one source brings {of_a_source:,.0f} changes a second in the busiest hour, and {min(lane, task):,.0f} is "
            f"what its one {'task' if narrow == 'capture' else 'lane'} takes: capture its databases as several sources"
        )
    takes = _platform_takes(demand, figures)
    if takes < wanted:
        yield (
            f"platform: {demand.requests_per_s:,g} requests a second carry {takes:,.0f} of the records, and {wanted:,.0f} must go "
            f"to be through in {demand.drain_min:g} minutes: it takes longer, or ask for more"
        )
    if takes < demand.peak_records_per_s(figures):
        yield "platform: it allows less than comes in the busiest hour: records wait until the evening, or longer"
    if lanes > MOST_PARTITIONS:
        yield f"partitions: {lanes:,} lanes would be needed, a site has at most {MOST_PARTITIONS}: report as several sites"
    if demand.outage_h * 3600 > demand.kept_days * DAY_S / 2:
        yield f"retention: an outage of {demand.outage_h:g} h is more than half of the {demand.kept_days} days that are kept"
