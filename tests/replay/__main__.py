"""`make replay-proof`: dead letters of a wrong dictionary and of a platform's wrong rule, and the way back from there.

On the embedded stack, with the commands of the documentation: the sample hospital works under a spoilt mapping and a platform that
refuses a share of the records; both are mended; plans of both depths are run, while the hospital goes on, the runner is killed
and the stages' workers are killed. At the end the platform's journal is held against what the hospital expects.
"""

import argparse
import shutil
import sys
import time

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from tests.replay.course import Course, Failed

FOLDER = CHECKOUT / ".yibao" / "replay"
_VISITS = 6_000


def main() -> int:
    """0 when every record is accepted once or has the letter that it should have."""
    parser = argparse.ArgumentParser(prog="make replay-proof", description=__doc__)
    parser.add_argument("--visits", type=int, default=_VISITS, help="before the mending; half as many come while plans run")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    asked = parser.parse_args()
    began = time.monotonic()
    Stack(FOLDER / "stack").erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    course = Course(FOLDER, visits=asked.visits)
    try:
        figures = course.run()
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    finally:
        course.end()
        if not asked.keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    sys.stdout.write(f"{figures}; {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
