"""`python -m tests.bench [SECTION…]`: measure, and write build/bench.json. Sections that are not measured keep their last figures.

whole      the path from `visit.changes` to accepted with SM2, and its parts, in the same rounds
stages     each stage alone; the same lanes on a bare aiokafka loop; the deliver stage without plans and transactions
slow       a platform that answers in 50 ms
two        two workers of each stage beside one; as root also with the same bound on the CPU of each worker
linear     ten times the visits
capture    rows of a snapshot, and changes that waited in the database's log, into the topics
freshness  commit in the database to accepted, at a steady 200 changes a second, with capture and a platform that decrypts
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.own_folder import OwnFolder
from sandbox.stack import Stack, let_postgres_through
from streams.errors import Misconfigured
from streams.private_files import keep_private
from tests.bench.bound import can_be_bound
from tests.bench.capture import capture
from tests.bench.freshness import freshness
from tests.bench.messages import hospital_messages
from tests.bench.parts import Place, fold_all, measure
from tests.bench.processes import CHECKOUT, platform
from tests.bench.rounds import Kind, Load, Round, Surroundings, run_round

_PARTITIONS = 12
_SLOW_S = 0.05
_BOUND_CORES = 0.45
_FRESHNESS, _CAPTURE = "freshness", "capture"
_WITH_A_DATABASE = (_CAPTURE, _FRESHNESS)
_HOLDS = ("b[0-9]*", "capture", "mapping.yaml", "platform.log", "platform.pub", "stack", "steady", "workers")


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
            f"join {found.join.cpu_us:.1f} us a change, {found.join.rate:.0f}/s; "
            f"deliver {found.deliver.cpu_us:.1f} us, {found.deliver.rate:.0f}/s; {found.records / found.requests:.1f} a batch; "
            f"load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
        return found


async def whole(bench: Bench) -> dict[str, Any]:
    """The whole path beside its parts."""
    folded = fold_all(bench.load)
    rounds, parts = [], []
    for _ in range(bench.rounds):
        rounds.append(await bench.round(Kind()))
        with platform(0.0, home=bench.at.home) as url:
            place = Place(servers=bench.at.servers, prefix=rounds[-1].prefix, url=url)
            parts.append(await measure(bench.load, folded, place))
    middle = {name: _median([asdict(one)[name] for one in parts]) for name in asdict(parts[0])}
    total = sum(middle.values())
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
    }


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
    small = _load(max(1, len(bench.load.changes) // 240))
    for _ in range(bench.rounds):
        few.append(await bench.round(Kind(), small))
        many.append(await bench.round(Kind()))
    costs = [_median([one.cpu_us_per_record for one in rounds]) for rounds in (few, many)]
    return {
        "changes": [few[0].changes, many[0].changes],
        "cpu_us_per_record": costs,
        "cost_of_ten_times": 10 * costs[1] / costs[0],
    }


_SECTIONS: Mapping[str, Callable[[Bench], Coroutine[Any, Any, dict[str, Any]]]] = {
    "whole": whole,
    "stages": stages,
    "slow": slow,
    "two": two,
    "linear": linear,
}


def _stages(rounds: Sequence[Round]) -> dict[str, float]:
    return {
        "both_us_per_record": _median([one.cpu_us_per_record for one in rounds]),
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


def _load(visits: int) -> Load:
    lookups, changes = hospital_messages(visits, partitions=_PARTITIONS)
    return Load(lookups=lookups, changes=changes, partitions=_PARTITIONS)


def main() -> None:
    """Measure what is asked for."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("sections", nargs="*", metavar="SECTION", choices=[*_SECTIONS, *_WITH_A_DATABASE, []], help="default: all")
    asked.add_argument("--visits", type=int, default=5000, help="of the sample hospital; about 24 changes each")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--home", type=Path, default=CHECKOUT / ".yibao" / "bench")
    asked.add_argument("--out", type=Path, default=CHECKOUT / "build" / "bench.json")
    chosen = asked.parse_args()
    found = json.loads(chosen.out.read_text("utf-8")) if chosen.out.exists() else {}
    names = chosen.sections or [*_SECTIONS, *_WITH_A_DATABASE]
    keep_private()
    home = OwnFolder(root=chosen.home.resolve(), kind="bench", holds=_HOLDS)
    try:
        home.claim()
        let_postgres_through(home.root)
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    try:
        if paths := [name for name in names if name not in _WITH_A_DATABASE]:
            _measure_paths(paths, chosen, found)
        if _CAPTURE in names:
            _keep(found, _CAPTURE, lambda: capture(chosen.home / "capture"), chosen.out, {})
        if _FRESHNESS in names:
            _keep(found, _FRESHNESS, lambda: freshness(chosen.home / "steady"), chosen.out, {})
    finally:
        home.remove()
    print(json.dumps(found, indent=2))


def _measure_paths(names: Sequence[str], chosen: argparse.Namespace, found: dict[str, Any]) -> None:
    stack = Stack(chosen.home / "stack", services=("kafka",), durable=False, bound=True)
    try:
        servers = stack.up().bootstrap_servers
        bench = Bench(load=_load(chosen.visits), at=Surroundings(servers=servers, home=chosen.home), rounds=chosen.rounds)
        for name in names:
            about = {"visits": chosen.visits, "rounds": chosen.rounds}
            measure = partial(_run, _SECTIONS[name], bench)
            _keep(found, "whole_path" if name == "whole" else name, measure, chosen.out, about)
    finally:
        stack.erase()


def _run(section: Callable[[Bench], Coroutine[Any, Any, dict[str, Any]]], bench: Bench) -> dict[str, Any]:
    return asyncio.run(section(bench))


def _keep(found: dict[str, Any], name: str, measure: Callable[[], dict[str, Any]], out: Path, about: Mapping[str, Any]) -> None:
    """Measure a section, and write the file anew, so that what is measured stays measured."""
    before = os.getloadavg()
    measured = measure()
    when = datetime.now(UTC).isoformat(timespec="seconds")
    loads = [round(load, 2) for load in (before[0], os.getloadavg()[0])]
    found[name] = {**measured, "measured": {"at": when, **about, "cores": os.cpu_count(), "load": loads}}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
