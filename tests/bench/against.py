"""`python -m tests.bench.against FOLDER`: this checkout beside an earlier one, in rounds that take turns.

FOLDER: a checkout of 5004eba, after its `make setup`: it has no place stage, and its bench another layout. Both get the same
changes: as capture writes them here, by visit there, where capture did that. Prints each round, and what a record costs here by
what it costs there. The earlier version makes more records of the same changes: it lets those go whose parent was refused.

All stages work at once, three here and two there: where they share their cores, each of the three is slowed by the other two, and
that counts as CPU (docs/performance.md). `--apart` measures each stage alone, on both sides, and adds up.
"""

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from sandbox.stack import Stack
from tests.bench.course import Kind, Surroundings
from tests.bench.messages import Load, Message
from tests.bench.sections import Bench, load_of

_THERE: Final = """
import asyncio, json, sys, time
from pathlib import Path
from bench.messages import Message
from bench.rounds import Kind, Load, Surroundings, run_round
said, servers, home = json.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2], Path(sys.argv[3])
home.mkdir(parents=True, exist_ok=True)
def messages(name):
    return [Message(topic=t, partition=p, key=k.encode(), value=v.encode()) for t, p, k, v in said[name]]
load = Load(lookups=messages("lookups"), changes=messages("changes"), partitions=said["partitions"])
kind, prefix = Kind(apart=said["apart"]), f"o{time.monotonic_ns() // 10**6}-"
found = asyncio.run(run_round(load, Surroundings(servers=servers, home=home), kind, prefix=prefix))
print(json.dumps([found.cpu_us_per_record, found.records, found.join.cpu_us, found.deliver.cpu_us]))
"""


def main() -> None:
    """Measure."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench.against", description=__doc__.partition("\n")[0])
    asked.add_argument("folder", type=Path)
    asked.add_argument("--visits", type=int, default=1500)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--apart", action="store_true", help="each stage alone, one after the other")
    chosen = asked.parse_args()
    load = load_of(chosen.visits)
    with tempfile.TemporaryDirectory() as home:
        told = Path(home) / "load.json"
        told.write_bytes(orjson.dumps(_document(load) | {"apart": chosen.apart}))
        stack = Stack(Path(home) / "stack", services=("kafka",), durable=False, bound=True)
        try:
            bench = Bench(load=load, at=Surroundings(servers=stack.up().bootstrap_servers, home=Path(home) / "here"), rounds=1)
            kind = Kind(placed=True, apart=chosen.apart)
            ratios = [_turn(bench, chosen.folder, told, kind, first=number % 2 == 0) for number in range(chosen.rounds)]
        finally:
            stack.erase()
    for name, found in zip(("CPU a record", "join, a change"), zip(*ratios, strict=True), strict=True):
        print(f"{name}, here by there: {median(found):.3f} (rounds: {', '.join(f'{one:.3f}' for one in found)})")


def _turn(bench: Bench, folder: Path, told: Path, kind: Kind, *, first: bool) -> tuple[float, float]:
    """Of a pair of rounds: CPU of the whole path a record, and of the join a change, here by there."""
    there = _there(folder, told, bench.at.servers) if first else None
    here = asyncio.run(bench.round(kind))
    whole, join = there or _there(folder, told, bench.at.servers)
    return here.cpu_us_per_record / whole, here.join.cpu_us / join


def _there(folder: Path, told: Path, servers: str) -> tuple[float, float]:
    command: list[str | Path] = [folder / ".venv" / "bin" / "python", "-c", _THERE, told, servers, told.with_name("there")]
    ran = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": f"{folder}"}, stdout=subprocess.PIPE, check=True)
    cost, records, join, deliver = json.loads(ran.stdout)
    load = os.getloadavg()[0]
    print(
        f"there: {cost:.1f} us a record; join {join:.1f} us a change; deliver {deliver:.1f} us; {records} records; load {load:.1f}"
    )
    return float(cost), float(join)


def _document(load: Load) -> dict[str, object]:
    return {"lookups": _plain(load.lookups), "changes": _plain(load.changes), "partitions": load.partitions}


def _plain(messages: Sequence[Message]) -> list[list[object]]:
    return [[one.topic, one.partition, one.key.decode(), one.value.decode()] for one in messages]


if __name__ == "__main__":
    main()
