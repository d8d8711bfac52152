"""What each section measures, in rounds that take turns."""

import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from tests.bench.bound import can_be_bound
from tests.bench.course import Cost, Kind, Surroundings
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import Parts, Venue, fold_all, measure
from tests.bench.processes import platform
from tests.bench.rounds import Round, run_round

_PARTITIONS = 12
_SLOW_S = 0.05
_BOUND_CORES = 0.45


async def _nothing(found: Round) -> None:
    del found


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all sections share."""

    load: Load
    at: Surroundings
    rounds: int

    async def round(self, kind: Kind, load: Load | None = None) -> Round:
        """One round on topics of its own, told as it ends."""
        found = await run_round(load or self.load, self.at, kind, prefix=f"b{time.monotonic_ns() // 1_000_000}-")
        print(
            f"{kind}: {found.cpu_us_per_record:.1f} us a record; "
            f"{_of_place(found)}join {found.join.cpu_us:.1f} us a change, {found.join.rate:.0f}/s; "
            f"deliver {found.deliver.cpu_us:.1f} us, {found.deliver.rate:.0f}/s; {found.records / found.requests:.1f} a batch; "
            f"load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
        return found


def _of_place(found: Round) -> str:
    return "" if found.place is None else f"place {found.place.cpu_us:.1f} us a change, {found.place.rate:.0f}/s; "


async def whole(bench: Bench) -> dict[str, Any]:
    """The whole path beside its parts, and what of it is the place stage's."""
    folded, parts = fold_all(bench.load), list[Parts]()

    async def measure_parts(found: Round) -> None:
        with platform(0.0, home=bench.at.home) as url:
            venue = Venue(servers=bench.at.servers, prefix=found.prefix, url=url)
            parts.append(await measure(bench.load, folded, venue))

    beside = await _with_and_without(bench, measure_parts)
    middle = {name: _median([asdict(one)[name] for one in parts]) for name in asdict(parts[0])}
    total, rounds = sum(middle.values()), beside["with"]
    cost = _median([one.cpu_us_per_record for one in rounds])
    return {
        "cpu_us_per_record": cost,
        "cpu_ratio_to_parts": cost / total,
        "parts_us_per_record": middle,
        "parts_total_us_per_record": total,
        "fold_us_per_change": folded.fold_us,
        "changes_per_record": rounds[0].changes / rounds[0].records,
        "records_per_s": _median([one.deliver.rate for one in rounds]),
        **_stages(rounds),
        **_beside_place(beside),
    }


async def place(bench: Bench) -> dict[str, Any]:
    """The path with and without the place stage, and each stage alone."""
    beside = await _with_and_without(bench)
    return {**_stages(beside["with"]), **_beside_place(beside)}


async def _with_and_without(bench: Bench, also: Callable[[Round], Awaitable[None]] = _nothing) -> Mapping[str, Sequence[Round]]:
    """Rounds that take turns. also: what belongs to each round with the place stage."""
    found: dict[str, list[Round]] = {name: [] for name in ("with", "without", "alone")}
    for number in range(bench.rounds):
        turns = {"with": Kind(placed=True), "without": Kind()}
        for name in turns if number % 2 else reversed(turns):
            found[name].append(await bench.round(turns[name]))
        await also(found["with"][-1])
        found["alone"].append(await bench.round(Kind(placed=True, apart=True)))
    return found


def _beside_place(found: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    """What the place stage costs, as ratios of rounds that took turns, and what they are of."""
    alone, pairs = found["alone"], zip(found["with"], found["without"], strict=True)
    costs = [(place.cpu_us / one.join.cpu_us, place.rate / one.join.rate) for one in alone if (place := one.place)]
    at_once = [place.cpu_us / one.join.cpu_us for one in found["with"] if (place := one.place)]
    return {
        "ratios": {
            "a row in place, of a change in the join, CPU, each alone": _ratio([cpu for cpu, _ in costs], at_most=0.25),
            "a row in place, of a change in the join, CPU, all at once": _ratio(at_once, at_most=0.25),
            "rows a second of one place lane, of changes a second of one join worker": _ratio(
                [rate for _, rate in costs], at_least=2.0
            ),
            "the whole path, of the path without place, CPU a record": _ratio(
                [one.cpu_us_per_record / other.cpu_us_per_record for one, other in pairs], at_most=1.15
            ),
        },
        "without_place": _stages(found["without"]),
        "each_alone": _stages(alone),
    }


def _ratio(rounds: Sequence[float], **target: float) -> dict[str, Any]:
    return {"median": _median(rounds), **target, "rounds": [round(one, 3) for one in rounds]}


def ratio_lines(measured: Mapping[str, Any]) -> Iterator[str]:
    """The ratios of a section with their targets, for people; none where it has none."""
    for what, ratio in measured.get("ratios", {}).items():
        low, high = min(ratio["rounds"]), max(ratio["rounds"])
        target = f"at most {ratio['at_most']}" if "at_most" in ratio else f"at least {ratio['at_least']}"
        met = ratio["median"] <= ratio.get("at_most", ratio["median"]) and ratio["median"] >= ratio.get("at_least", 0)
        yield f"{what}: {ratio['median']} ({low} to {high}; {target}: {'met' if met else 'MISSED'})"


async def stages(bench: Bench) -> dict[str, Any]:
    """Each stage alone, as it is and with less around it."""
    kinds = {
        "shipped": Kind(apart=True),
        "bare": Kind(apart=True, join="lanes", deliver="lanes"),
        "plain": Kind(apart=True, deliver="plain"),
    }
    found: dict[str, list[Round]] = {name: [] for name in kinds}
    for _ in range(bench.rounds):
        for name, kind in kinds.items():
            found[name].append(await bench.round(kind))
    told = {name: _stages(rounds) for name, rounds in found.items()}
    return {
        **told,
        "framework_ratio_join": told["shipped"]["join_us_per_change"] / told["bare"]["join_us_per_change"],
        "framework_ratio_deliver": told["shipped"]["deliver_us_per_record"] / told["bare"]["deliver_us_per_record"],
        "plans_and_transactions_ratio": told["bare"]["deliver_us_per_record"] / told["plain"]["deliver_us_per_record"],
    }


async def slow(bench: Bench) -> dict[str, Any]:
    """A platform that takes its time: lanes x batch / answer time decides."""
    rounds = [await bench.round(Kind(apart=True, answer_s=_SLOW_S)) for _ in range(bench.rounds)]
    rate = _median([one.deliver.rate for one in rounds])
    bound = _PARTITIONS * _median([one.records / one.requests for one in rounds]) / _SLOW_S
    return {"answer_s": _SLOW_S, "records_per_s": rate, "bound_records_per_s": bound, "share_of_bound": rate / bound}


async def two(bench: Bench) -> dict[str, Any]:
    """Twice the workers: on this machine as it is, and where each has the same bound on its CPU as the one."""
    bounds = [None, _BOUND_CORES] if can_be_bound() else [None]
    found: dict[tuple[float | None, int], list[Round]] = {(cores, count): [] for cores in bounds for count in (1, 2)}
    for _ in range(bench.rounds):
        for (cores, count), rounds in found.items():
            rounds.append(await bench.round(Kind(workers=count, apart=True, cores=cores)))
    told = {cores: _beside(_stages(found[cores, 1]), _stages(found[cores, 2])) for cores in bounds}
    return {"unbound": told[None], "bound": told.get(_BOUND_CORES), "bound_cores": _BOUND_CORES}


def _beside(one: Mapping[str, float], two: Mapping[str, float]) -> dict[str, Any]:
    return {
        "one": one,
        "two": two,
        "join_speedup": two["join_changes_per_s"] / one["join_changes_per_s"],
        "deliver_speedup": two["deliver_records_per_s"] / one["deliver_records_per_s"],
    }


async def linear(bench: Bench) -> dict[str, Any]:
    """A tenth of the visits beside all of them."""
    few, many = list[Round](), list[Round]()
    small = load_of(max(1, len(bench.load.changes) // 240))
    for _ in range(bench.rounds):
        few.append(await bench.round(Kind(), small))
        many.append(await bench.round(Kind()))
    costs = [_median([one.cpu_us_per_record for one in rounds]) for rounds in (few, many)]
    return {
        "changes": [few[0].changes, many[0].changes],
        "cpu_us_per_record": costs,
        "cost_of_ten_times": 10 * costs[1] / costs[0],
    }


Section: TypeAlias = Callable[[Bench], Coroutine[Any, Any, dict[str, Any]]]

SECTIONS: Final[Mapping[str, Section]] = {
    "whole": whole,
    "place": place,
    "stages": stages,
    "slow": slow,
    "two": two,
    "linear": linear,
}


def _stages(rounds: Sequence[Round]) -> dict[str, float]:
    places = [one.place for one in rounds if one.place is not None]
    return {**_place(places), **_join_and_deliver(rounds)}


def _place(places: Sequence[Cost]) -> dict[str, float]:
    if not places:
        return {}
    return {
        "place_us_per_change": _median([one.cpu_us for one in places]),
        "place_changes_per_s": _median([one.rate for one in places]),
        "place_cores": _median([one.cpu_share for one in places]),
        "place_rss_mib": max(one.rss_mib for one in places),
    }


def _join_and_deliver(rounds: Sequence[Round]) -> dict[str, float]:
    return {
        "all_us_per_record": _median([one.cpu_us_per_record for one in rounds]),
        "records_per_batch": _median([one.records / one.requests for one in rounds]),
        "join_us_per_change": _median([one.join.cpu_us for one in rounds]),
        "join_changes_per_s": _median([one.join.rate for one in rounds]),
        "join_cores": _median([one.join.cpu_share for one in rounds]),
        "join_rss_mib": max(one.join.rss_mib for one in rounds),
        "deliver_us_per_record": _median([one.deliver.cpu_us for one in rounds]),
        "deliver_records_per_s": _median([one.deliver.rate for one in rounds]),
        "deliver_cores": _median([one.deliver.cpu_share for one in rounds]),
        "deliver_rss_mib": max(one.deliver.rss_mib for one in rounds),
    }


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)


def load_of(visits: int) -> Load:
    lookups, changes = hospital_messages(visits, partitions=_PARTITIONS)
    return Load(lookups=lookups, changes=changes, partitions=_PARTITIONS)
