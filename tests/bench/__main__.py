"""`python -m tests.bench [SECTION…]`: measure, and write build/bench.json. Sections that are not measured keep their last figures.

whole      the path from `rows.<source>` to accepted with SM2, its parts in the same rounds, and all that `place` measures
place      with and without the place stage in rounds that take turns, and each stage alone: what the place stage costs
stages     each stage alone; the same lanes on a bare aiokafka loop; the deliver stage without plans and transactions
slow       a platform that answers in 50 ms
two        two workers of each stage beside one; as root also with the same bound on the CPU of each worker
linear     ten times the visits
growth     one change in a stay of 10 to 20,000 lines, without brokers
lists      a list of 100,000 letters for the insurance office, written and read again
letters    the index of a million dead letters: made anew, and asked
explained  what became of one visit among a million records
capture    rows of a snapshot, and changes that waited in the database's log, into the topics
freshness  commit in the database to accepted, at a steady 200 changes a second, with capture and a platform that decrypts
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.own_folder import OwnFolder
from sandbox.stack import Stack, let_postgres_through
from streams.errors import Misconfigured
from streams.private_files import keep_private
from tests.bench import interpreter
from tests.bench.capture import capture
from tests.bench.course import Surroundings
from tests.bench.explained import explained_in_time
from tests.bench.freshness import freshness
from tests.bench.growth import growth
from tests.bench.letters import letters
from tests.bench.lists import lists
from tests.bench.processes import CHECKOUT
from tests.bench.sections import SECTIONS, Bench, Section, load_of, ratio_lines

_FRESHNESS, _CAPTURE, _GROWTH, _LETTERS, _LISTS = "freshness", "capture", "growth", "letters", "lists"
_EXPLAINED = "explained"
_WITHIN_WHOLE = "place"
_WITHOUT_THE_PATH = (_CAPTURE, _EXPLAINED, _FRESHNESS, _GROWTH, _LETTERS, _LISTS)
_HOLDS = (
    "b[0-9]*",
    "capture",
    "explained",
    "growth",
    "letters",
    "lists",
    "mapping.yaml",
    "platform.log",
    "platform.pub",
    "stack",
    "steady",
    "workers",
)


def main() -> None:
    """Measure what is asked for."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        choices=[*SECTIONS, *_WITHOUT_THE_PATH, []],
        help="default: all (place is in whole)",
    )
    asked.add_argument("--visits", type=int, default=5000, help="of the sample hospital; about 24 changes each")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--home", type=Path, default=CHECKOUT / ".yibao" / "bench")
    asked.add_argument("--out", type=Path, default=CHECKOUT / "build" / "bench.json")
    chosen = asked.parse_args()
    found = json.loads(chosen.out.read_text("utf-8")) if chosen.out.exists() else {}
    names = chosen.sections or [*(name for name in SECTIONS if name != _WITHIN_WHOLE), *_WITHOUT_THE_PATH]
    keep_private()
    home = OwnFolder(root=chosen.home.resolve(), kind="bench", holds=_HOLDS)
    try:
        home.claim()
        let_postgres_through(home.root)
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    try:
        if paths := [name for name in names if name not in _WITHOUT_THE_PATH]:
            _measure_paths(paths, chosen, found)
        if _GROWTH in names:
            _keep(found, _GROWTH, lambda: growth(chosen.home / "growth"), chosen.out, {})
        if _LETTERS in names:
            _keep(found, _LETTERS, lambda: letters(chosen.home / "letters"), chosen.out, {})
        if _LISTS in names:
            _keep(found, _LISTS, lambda: lists(chosen.home / "lists"), chosen.out, {})
        if _EXPLAINED in names:
            _keep(found, _EXPLAINED, lambda: explained_in_time(chosen.home / "explained"), chosen.out, {})
        if _CAPTURE in names:
            _keep(found, _CAPTURE, lambda: capture(chosen.home / "capture"), chosen.out, {})
        if _FRESHNESS in names:
            _keep(found, _FRESHNESS, lambda: freshness(chosen.home / "steady"), chosen.out, {})
    finally:
        home.remove()
    print(json.dumps(found, indent=2))
    sys.stderr.writelines(f"{line}\n" for line in interpreter.lines())
    for name in names:
        sys.stderr.writelines(f"{line}\n" for line in ratio_lines(found[_key(name)]))


def _key(name: str) -> str:
    return "whole_path" if name == "whole" else name


def _measure_paths(names: Sequence[str], chosen: argparse.Namespace, found: dict[str, Any]) -> None:
    stack = Stack(chosen.home / "stack", services=("kafka",), durable=False, bound=True)
    try:
        servers = stack.up().bootstrap_servers
        bench = Bench(load=load_of(chosen.visits), at=Surroundings(servers=servers, home=chosen.home), rounds=chosen.rounds)
        for name in names:
            about = {"visits": chosen.visits, "rounds": chosen.rounds}
            measure = partial(_run, SECTIONS[name], bench)
            _keep(found, _key(name), measure, chosen.out, about)
    finally:
        stack.erase()


def _run(section: Section, bench: Bench) -> dict[str, Any]:
    return asyncio.run(section(bench))


def _keep(found: dict[str, Any], name: str, measure: Callable[[], dict[str, Any]], out: Path, about: Mapping[str, Any]) -> None:
    """Measure a section, and write the file anew, so that what is measured stays measured."""
    before = os.getloadavg()
    measured = measure()
    when = datetime.now(UTC).isoformat(timespec="seconds")
    loads = [round(load, 2) for load in (before[0], os.getloadavg()[0])]
    found[name] = {
        **measured,
        "measured": {"at": when, **about, "cores": os.cpu_count(), "load": loads, "python": interpreter.interpreter()},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
