"""`make operations-proof`: what an operator does at night, on the real stack, with the commands of the documentation.

Each part is a module of this folder with one function, `prove(folder, say)`: it starts what it needs in an empty folder, ends it,
returns its figures in one line, and raises Failed when something is not as the documentation promises.
"""

import argparse
import shutil
import sys
import time
from importlib import import_module

from sandbox.stack.service import CHECKOUT
from tests.operations.failed import Failed

FOLDER = CHECKOUT / ".yibao" / "operations"
PARTS: tuple[str, ...] = (
    "why_nothing_moves",
    "capture",
    "steering",
    "monitored",
    "dashboards",
    "explained",
    "rolled",
)
"""Modules of this folder, in the order in which they run."""


def main() -> int:
    """0 when every part holds."""
    parser = argparse.ArgumentParser(prog="make operations-proof", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; all without one")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*PARTS}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    chosen = [part for part in PARTS if part in asked.parts or not asked.parts]
    began = time.monotonic()
    failed = [part for part in chosen if not _holds(part, keep=asked.keep)]
    _say(f"{len(chosen) - len(failed)} of {len(chosen)} parts hold{_named(failed)}; {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _holds(part: str, *, keep: bool) -> bool:
    folder = FOLDER / part
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        figures = import_module(f"tests.operations.{part}").prove(folder, lambda text: _say(f"  {part}: {text}"))
    except Failed as failed:
        sys.stderr.write(f"{part}: {failed}\n")
        return False
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    _say(f"{part}: {figures}; {time.monotonic() - began:.0f} s")
    return True


def _named(failed: list[str]) -> str:
    return f", not: {', '.join(failed)}" if failed else ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
