"""`make compiled-proof`: the compiled core, as its wheel installs it, held against what the core of Python is held against.

Builds the wheel (`make compiled`), and runs in `build/compiled/checkout`, where it is installed: the unit tests of what is compiled
and of the lanes, the contract tests, bad input and a selection of the chaos suite on the real stack, the models of the lanes, and
the oracles. Then the same random courses, with spoilt messages among them, go through both cores, which must write the same bytes
(tests/compiled/told.py). What cannot hold for both stands in tests/compiled/left_out.py. The last line has the figures.
Exit codes: 0 all holds, 1 not, 2 it cannot be built here.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy import compiled, wheels
from deploy.steps import ROOT, StepFailed
from streams.errors import Misconfigured
from tests.compiled.left_out import LEFT_OUT

_PYTHON: Final = Path(".venv", "bin", "python")
_TESTS: Final = (
    "tests/unit/streams/domain",
    "tests/unit/streams/lanes",
    "tests/unit/streams/spec",
    "tests/unit/streams/test_built.py",
    "tests/contract",
)
_STACK: Final = ("tests/e2e/test_bad_input.py", "tests/e2e/test_chaos_selection.py")
_ORACLES: Final = ("headers", "moves", "asides", "claims", "collisions", "by_night", "counting", "linked")
_SHARE: Final = 10
"""The oracles beside the join's own run so much fewer courses than that."""


class Failed(Exception):
    """Something does not hold; the text says what."""


def main() -> int:
    """As the module says."""
    asked = argparse.ArgumentParser(prog="python -m tests.compiled")
    asked.add_argument("--courses", type=int, default=3_000, help="of the join's oracle, and of the comparison")
    asked.add_argument("--models", type=int, default=300, help="courses of each model of the lanes")
    asked.add_argument("--only", choices=("tests", "stack", "models", "oracles", "bytes"), action="append")
    chosen = asked.parse_args()
    parts: Mapping[str, Callable[[], str]] = {
        "bytes": lambda: _same_bytes(chosen.courses),
        "tests": lambda: _pytest("tests", _TESTS),
        "stack": lambda: _pytest("tests on the stack", _STACK),
        "models": lambda: _models(chosen.models),
        "oracles": lambda: _oracles(chosen.courses),
    }
    began = time.monotonic()
    try:
        compiled.check_out(compiled.build())
        core = _compiled_core()
        told = [parts[name]() for name in parts if not chosen.only or name in chosen.only]
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except (StepFailed, OSError, wheels.BuildFailed, Failed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    print(f"core {core}: {'; '.join(told)}; {time.monotonic() - began:.0f} s")
    return 0


def _compiled_core() -> str:
    """What runs there. Raises Failed where it is not the compiled one."""
    (line,) = [line for line in _said(["-m", "yibao", "--version"]).splitlines() if line.startswith("core: ")]
    if not line.startswith("core: compiled"):
        raise Failed(f"{compiled.CHECKOUT} runs {line}")
    return line.removeprefix("core: ")


def _pytest(what: str, paths: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    there = [path for path in paths if (compiled.CHECKOUT / path).exists()]
    if absent := [name for name in LEFT_OUT if not (ROOT / name.partition("::")[0]).is_file()]:
        raise Failed(f"tests/compiled/left_out.py names tests that are not there: {', '.join(absent)}")
    left_out = [f"--deselect={name}" for name in LEFT_OUT]
    said = _said(["-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *there, *left_out], env)
    found = re.search(r"(\d+ passed.*?) in ", said)
    print(f"{what}: {said.strip().splitlines()[-1]}", flush=True)
    return f"{what}: {found[1] if found else 'none'}"


def _models(count: int) -> str:
    models = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests/unit/streams/lanes").rglob("test_*model.py"))]
    return _pytest("models", models, {"HYPOTHESIS_PROFILE": "long", "MODEL_EXAMPLES": f"{count}"})


def _oracles(count: int) -> str:
    for name in _ORACLES:
        print(_said(["-m", f"tests.oracle.{name}", "--count", f"{count // _SHARE}"]).strip().splitlines()[-1], flush=True)
    print(_said(["-m", "tests.oracle", "--count", f"{count}"]).strip().splitlines()[-1], flush=True)
    return f"oracles: {count} courses of the join and {count // _SHARE} of each other one, none went wrong"


def _same_bytes(count: int) -> str:
    """Raises Failed for a course of which the two cores write something else."""
    words = ["-m", "tests.compiled.told", "--count", f"{count}"]
    both = [_started(place, words) for place in (ROOT, compiled.CHECKOUT)]
    told = [process.communicate()[0].splitlines() for process in both]
    if any(process.returncode for process in both):
        raise Failed(f"python {' '.join(words)} failed")
    other = [ours.split()[0] for ours, theirs in zip(*told, strict=True) if ours != theirs]
    if other:
        raise Failed(
            f"the two cores write different bytes in {len(other)} of {count} courses; look at one in both checkouts: "
            f"python -m tests.compiled.told --show {other[0]}"
        )
    print(f"{count} courses with spoilt messages: both cores write the same bytes", flush=True)
    return f"bytes: {count} courses alike"


def _started(place: Path, words: Sequence[str]) -> "subprocess.Popen[str]":
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen([place / _PYTHON, *words], cwd=place, env=env, stdout=subprocess.PIPE, text=True)


def _said(words: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """What a program prints there. Raises Failed where it fails."""
    around = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(env or {})
    command: list[str | Path] = [compiled.CHECKOUT / _PYTHON, *words]
    done = subprocess.run(command, cwd=compiled.CHECKOUT, env=around, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"python {' '.join(words)} ended with {done.returncode}:\n{done.stdout[-6000:]}{done.stderr[-1500:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
