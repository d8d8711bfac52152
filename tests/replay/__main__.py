"""`make replay-proof`: dead letters of a wrong dictionary, a lookup table with missing rows and a platform's wrong rule, and the
way back from there.

On the embedded stack, with the commands of the documentation: the sample hospital works through a bad night, in which the key of
one institution is another one's, too. What was wrong is mended; plans of all depths are run, while a tenth of the records get newer
versions, rows are deleted, new visits come, and runner, workers and broker are killed. At the end hospital, journal, receipts,
letters and what the commands say are held against each other, record by record.
"""

import argparse
import shutil
import sys
import time

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from tests.replay.course import Course
from tests.replay.night import Failed

FOLDER = CHECKOUT / ".yibao" / "replay"
_VISITS = 6_000


def main() -> int:
    """0 when every record is accepted once or has the letter that it should have."""
    parser = argparse.ArgumentParser(prog="make replay-proof", description=__doc__)
    parser.add_argument(
        "--visits", type=int, default=_VISITS, help="before the mending (8 letters each); half as many come after it"
    )
    parser.add_argument("--keep", action="store_true", help="keep the files")
    asked = parser.parse_args()
    began = time.monotonic()
    Stack(FOLDER / "stack").erase()
    shutil.rmtree(FOLDER, ignore_errors=True)
    course = Course(FOLDER, visits=asked.visits, say=lambda text: _say(f"{time.monotonic() - began:6.0f} s  {text}"))
    try:
        figures = course.run()
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    finally:
        course.end()
        if not asked.keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    _say(f"{figures}; {time.monotonic() - began:.0f} s")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
