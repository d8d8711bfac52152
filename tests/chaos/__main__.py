"""`make chaos`: run the flow through faults, on the real broker, Connect and PostgreSQL, before a strict judge."""

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from streams.errors import Misconfigured
from streams.private_files import keep_private
from tests.chaos.result import Result
from tests.chaos.run import run_folder, run_scenario
from tests.chaos.scenarios import NAMES, USUAL, named

_COLUMNS = ("changes", "accepted", "lost", "doubled", "out_of_order", "unexplained", "dead_letters", "seconds")


def main() -> int:
    """0 when every scenario ended as it must."""
    asked = _arguments()
    names = [name for text in asked.scenarios or USUAL for name in text.split()]
    if unknown := [part for name in names for part in name.split("+") if part not in NAMES]:
        sys.stderr.write(f"no scenario {', '.join(unknown)}; there are: {', '.join(NAMES)}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    keep_private()
    home = asked.home.resolve()
    stacks = {
        1: Stack(home / "stack", durable=False, bound=True, brokers=1),
        3: Stack(home / "stack-three", durable=False, bound=True, brokers=3),
    }
    try:
        _demand_ours([*stacks.values()], [home / name for name in names], asked.out)
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    results: list[Result] = []
    failed: list[str] = []
    try:
        for name in names:
            try:
                scenario = named(name)
                stack = _only(stacks, scenario.options.brokers)
                result = run_scenario(scenario, stack=stack, home=home / name, changes=asked.changes, seed=asked.seed)
            except Exception:  # noqa: BLE001 - one scenario that cannot be run must not hide the others
                traceback.print_exc()
                failed.append(name)
                _say(f"{name:20} could not be run; its files: {home / name}")
                continue
            results.append(result)
            _say(_line(result))
            _write(asked.out, results, failed)
            if result.ok and not asked.keep:
                run_folder(home / name).remove()
    finally:
        for stack in stacks.values():
            stack.erase()
    _write(asked.out, results, failed)
    _table(results)
    return 0 if not failed and all(result.ok for result in results) else 1


def _only(stacks: Mapping[int, Stack], brokers: int) -> Stack:
    """The stack with so many brokers; the other one is taken down, because a machine has not the room for both."""
    for count, stack in stacks.items():
        if count != brokers and stack.is_made:
            stack.down()
    return stacks[brokers]


def _demand_ours(stacks: Sequence[Stack], folders: list[Path], out: Path) -> None:
    """Raises Misconfigured, before anything is removed or overwritten, where something of it is not ours."""
    for stack in stacks:
        stack.demand_erasable()
    for folder in folders:
        run_folder(folder).demand_erasable()
    if out.exists() and '"scenarios"' not in out.read_text("utf-8", "replace"):
        raise Misconfigured(f"--out {out} is there and holds no results of these runs: it is left as it is; name another file")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"default: all of {' '.join(USUAL)}; a+b: both in one run")
    parser.add_argument("--changes", type=int, default=20_000, help="row changes of each scenario")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="decides workload and moments")
    parser.add_argument("--home", type=Path, default=CHECKOUT / ".yibao" / "chaos", help="stack and files of the runs")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "build" / "chaos.json")
    parser.add_argument("--keep", action="store_true", help="keep the files of what went well, too")
    return parser.parse_args()


def _line(result: Result) -> str:
    found = result.document()
    faults = ", ".join(f"{name.replace('_', ' ')} {found[name]}" for name in ("lost", "doubled", "out_of_order", "unexplained"))
    exits = ", ".join(f"{count} {how}" for how, count in sorted(result.exits.items()))
    head = (
        f"{result.name:20} {'ok' if result.ok else 'FAILED':7} {found['changes']} changes, {found['accepted']} accepted, {faults}"
    )
    tail = f"{found['dead_letters']} dead letters, {found['struck']} faults, drained in {found['drain_s']} s, {found['seconds']} s"
    more = "".join(f"\n    {each}" for each in (*result.notes, *(result.verdict.examples if not result.ok else ())))
    return f"{head}, {tail}; seed {result.seed}; workers: {exits}{more}"


def _table(results: list[Result]) -> None:
    _say(f"\n{'scenario':20} {'':7} " + " ".join(f"{name.replace('_', ' '):>12}" for name in _COLUMNS))
    for result in results:
        found = result.document()
        _say(f"{result.name:20} {'ok' if result.ok else 'FAILED':7} " + " ".join(f"{found[name]:>12}" for name in _COLUMNS))


def _write(out: Path, results: list[Result], failed: list[str]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {"scenarios": [result.document() for result in results]}
    if failed:
        document["not_run"] = failed
    out.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
