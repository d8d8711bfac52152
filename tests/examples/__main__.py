"""`make examples-proof`: every example of deploy/examples on a stack of its own, each step held against its SQL."""

import os
import shutil
import sys
import time
from functools import partial

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from tests.examples.course import play
from tests.examples.day import clear, walk
from tests.examples.files import example, names
from tests.examples.typed import Wrong

_DAY = "day"
FOLDER = CHECKOUT / ".yibao" / "examples"


def main(wanted: list[str]) -> int:
    """0 when all that came of every example is what its SQL says. wanted: names, and `day` for docs/day.md; without any, all."""
    os.umask(0o022)
    began, told = time.monotonic(), []
    stack = Stack(FOLDER / "stack", durable=False, bound=True)
    _clear(stack)
    try:
        endpoints = stack.up()
        for name in [name for name in wanted or names() if name != _DAY]:
            print(f"{name}: {len(example(name).steps)} steps", flush=True)
            told.append(f"{name} {play(example(name), endpoints, FOLDER / name, say=partial(print, flush=True))}")
        if not wanted or _DAY in wanted:
            stack.down()
            print("docs/day.md, as it is printed", flush=True)
            told.append(f"docs/day.md {walk(FOLDER / 'day', say=partial(print, flush=True))}")
    except (Wrong, TimeoutError, EOFError) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    finally:
        stack.down()
    _clear(stack)
    print(f"accepted + dead + waiting = rows that count: {', '.join(told)}; {time.monotonic() - began:.0f} s")
    return 0


def _clear(stack: Stack) -> None:
    clear(FOLDER / "day")
    stack.erase()
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
