"""A plan is played: hours of a day, second by second, each partition a queue of its own.

Not the formulas of the plan once more: changes come in bursts, visits fall on partitions by chance, a worker is as fast as its
share of them lets it, a lane has one request under way. What comes out is how long records wait, and when an outage is forgotten.
"""

import random
from dataclasses import dataclass
from typing import Final

from yibao.sizing.demand import HOURS, Demand
from yibao.sizing.figures import MEASURED, Figures
from yibao.sizing.plan import Plan

_HOUR_S: Final = 3600
_FULL: Final = 1.0
_QUIET_S: Final = 5.0
"""What waits is no more than came in so many seconds: the outage is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it."""

    worst_join_s: float
    """Longest that a change waited for the join, in the busiest hour of the busiest day."""
    worst_deliver_s: float
    """Longest that a record waited for its delivery in that hour."""
    left: float
    """Records that waited at the end of that hour: what it could not carry."""
    drained_s: float | None
    """After the outage; None: not within six times what was asked."""


class _Stage:
    """Workers that share partitions: each works on its own, at its pace."""

    def __init__(self, partitions: int, workers: int, *, per_worker: float, per_lane: float, in_all: float) -> None:
        self._owned = [range(number, partitions, workers) for number in range(workers)]
        self._per_worker, self._per_lane, self._in_all = per_worker, per_lane, in_all
        self.waiting = [0.0] * partitions

    def worked(self) -> list[float]:
        """One second: what each partition is rid of."""
        left, done = self._in_all, [0.0] * len(self.waiting)
        for owned in self._owned:
            room = min(self._per_worker, left)
            for rank, number in enumerate(sorted(owned, key=self.waiting.__getitem__)):
                taken = min(self.waiting[number], self._per_lane, room / (len(owned) - rank))
                self.waiting[number] -= taken
                done[number] = taken
                room -= taken
                left -= taken
        return done

    def worst_s(self) -> float:
        """So long the last of the fullest partition waits: by its lane, or by what its worker takes of all its partitions."""
        lane = max(self.waiting) / self._per_lane if self._per_lane else 0.0
        return max(lane, *(sum(self.waiting[number] for number in owned) / self._per_worker for owned in self._owned))


def play(demand: Demand, plan: Plan, *, figures: Figures = MEASURED, seed: int = 1) -> Played:
    """The busiest hour of the busiest day; and the hours after an outage, which ends in the busiest hour of an average day."""
    chance = random.Random(seed)  # noqa: S311 - a day is played, nothing is kept secret
    join, deliver = _join(plan, demand, figures), _deliver(plan, demand, figures)
    worst_join = worst_deliver = 0.0
    coming = demand.peak_changes_per_s(figures)
    for _ in range(_HOUR_S):
        _arrive(join.waiting, coming, chance)
        _hand_on(join.worked(), deliver.waiting, figures)
        worst_join = max(worst_join, join.worst_s())
        deliver.worked()
        worst_deliver = max(worst_deliver, deliver.worst_s())
    return Played(
        worst_join_s=worst_join,
        worst_deliver_s=worst_deliver,
        left=sum(deliver.waiting) + sum(join.waiting) / figures.changes_a_record.value,
        drained_s=_drained(demand, plan, figures, chance),
    )


def _drained(demand: Demand, plan: Plan, figures: Figures, chance: random.Random) -> float | None:
    deliver = _deliver(plan, demand, figures)
    _waited(deliver.waiting, demand.waiting_records(figures), figures.records_a_line.value * figures.lines_a_visit.value, chance)
    coming = demand.busy_records_per_s(figures)
    for second in range(1, int(6 * demand.drain_min * 60) + 1):
        _arrive(deliver.waiting, coming * _of_hour(second), chance)
        deliver.worked()
        if sum(deliver.waiting) <= coming * _QUIET_S:
            return float(second)
    return None


def _of_hour(second: int) -> float:
    """The day goes on: what the present hour brings, of what the busiest one does."""
    busiest = HOURS.index(max(HOURS))
    return HOURS[(busiest + second // _HOUR_S) % len(HOURS)] / max(HOURS)


def _arrive(waiting: list[float], amount: float, chance: random.Random) -> None:
    """It comes as visits' bursts: to a hundredth of it at a time, into a partition by chance."""
    pieces = max(1, min(100, int(amount)))
    for _ in range(pieces):
        waiting[chance.randrange(len(waiting))] += amount / pieces


def _waited(waiting: list[float], amount: float, of_a_visit: float, chance: random.Random) -> None:
    """So many records of many visits, each of which fell into a partition by chance."""
    mean = amount / len(waiting)
    spread = (mean * of_a_visit) ** 0.5
    for number in range(len(waiting)):
        waiting[number] = max(0.0, chance.gauss(mean, spread))


def _hand_on(done: list[float], waiting: list[float], figures: Figures) -> None:
    """A visit has the same partition in both topics."""
    for number, changes in enumerate(done):
        waiting[number] += changes / figures.changes_a_record.value


def _join(plan: Plan, demand: Demand, figures: Figures) -> _Stage:
    per_worker = 1e6 / (figures.join_cpu.value * demand.slower)
    return _Stage(plan.partitions, plan.join.workers, per_worker=per_worker, per_lane=per_worker, in_all=float("inf"))


def _deliver(plan: Plan, demand: Demand, figures: Figures) -> _Stage:
    per_worker = figures.deliver_cores.value * 1e6 / (figures.deliver_cpu.value * demand.slower)
    per_lane = figures.of_the_bound.value * figures.records_a_batch.value / (demand.answer_ms / 1000)
    allowed = float("inf") if demand.requests_per_s is None else demand.requests_per_s * figures.records_a_batch.value
    return _Stage(plan.partitions, plan.deliver.workers, per_worker=per_worker, per_lane=per_lane, in_all=allowed)
