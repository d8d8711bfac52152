"""`make operations-proof`: what an operator does at night, on the real stack, with the commands of the documentation.

Each part is a module of this folder with one function, `prove(folder, say)`: it starts what it needs in an empty folder, ends it,
returns its figures in one line, and raises Failed when something is not as the documentation promises.
"""

import argparse
import shutil
import sys
import time
import traceback
from importlib import import_module

from sandbox.stack.service import CHECKOUT
from tests.operations.failed import Failed

FOLDER = CHECKOUT / ".yibao" / "operations"
PARTS: tuple[str, ...] = (
    *("why_nothing_moves", "capture", "steering", "monitored", "alerted", "dashboards", "explained"),
    *("corrected", "rolled", "restored", "passwords"),
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
    figures = {part: _figures(part, keep=asked.keep) for part in chosen}
    failed = [part for part, found in figures.items() if found is None]
    told = "".join(f"; {part}: {found}" for part, found in figures.items() if found is not None)
    _say(f"{len(chosen) - len(failed)} of {len(chosen)} parts hold{_named(failed)}{told}; {time.monotonic() - began:.0f} s in all")
    return 1 if failed else 0


def _figures(part: str, *, keep: bool) -> str | None:
    """What a part found, in one line; None where it does not hold, which is told."""
    folder = FOLDER / part
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        figures = import_module(f"tests.operations.{part}").prove(folder, lambda text: _say(f"  {part}: {text}"))
    except Failed as failed:
        sys.stderr.write(f"{part}: {failed}\n")
        return None
    except (Exception, SystemExit):  # noqa: BLE001 - the parts behind it say something all the same, also of a command that ended
        sys.stderr.write(f"{part}: {traceback.format_exc()}\n")
        return None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    told = f"{figures}; {time.monotonic() - began:.0f} s"
    _say(f"{part}: {told}")
    return told


def _named(failed: list[str]) -> str:
    return f", not: {', '.join(failed)}" if failed else ""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
