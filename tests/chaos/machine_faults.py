"""What happens to the machine under the workers: a disk that is lost or full, a clock that jumps."""

import contextlib
import os
import shutil
import signal
from functools import partial
from pathlib import Path

from tests.chaos.course import Course
from tests.chaos.crew import STAGES, Stage


def state_lost(course: Course) -> None:
    """The folder of a worker's state is removed while it runs, and the worker killed: the changelog alone must bring it back."""

    def lose(stage: Stage) -> None:
        for index in range(course.crew.wanted[stage]):
            shutil.rmtree(course.crew.home_of(stage, index), ignore_errors=True)
        course.crew.signal(stage, signal.SIGKILL)

    for stage in STAGES:
        for first, last in ((0.1, 0.35), (0.5, 0.7)):
            course.at(course.moment(first, last), f"state of {stage} lost", partial(lose, stage))


def disk_full(course: Course) -> None:
    """The state's disk is full for a while, and workers are killed meanwhile."""
    ballast = course.crew.home / "workers" / "ballast"

    def fill() -> None:
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(os.urandom(4096))
                file.flush()
        course.strikes += 1

    full_at = course.moment(0.1, 0.25)
    course.at(full_at, "disk full", fill)
    for stage in STAGES:
        course.at(full_at + 1, f"lose folders of {stage}", partial(_remove, course, stage))
        course.at(full_at + 2, f"kill -9 {stage}", partial(course.crew.signal, stage, signal.SIGKILL))
    course.at(full_at + 14, "disk free again", partial(ballast.unlink, missing_ok=True))


def _remove(course: Course, stage: Stage) -> None:
    for path in Path(course.crew.home_of(stage, 0)).parent.glob(f"{stage}-*"):
        shutil.rmtree(path, ignore_errors=True)


def clock(course: Course) -> None:
    def jump(shift_s: float, only: Stage | None) -> None:
        course.crew.shift_clocks(shift_s, only=only)
        course.strikes += 1

    for number, shift_s in enumerate((600.0, -600.0, 0.0, 600.0, -600.0, 0.0)):
        only: Stage | None = course.rng.choice((None, *STAGES))
        moment = course.moment(0.1 + 0.12 * number, 0.2 + 0.12 * number)
        course.at(moment, f"clock {shift_s:+.0f} s {only or ''}", partial(jump, shift_s, only))
    course.at(course.moment(0.3, 0.7), "kill -9 deliver", partial(course.crew.signal, "deliver", signal.SIGKILL))
    course.at(course.moment(0.3, 0.7), "kill -9 join", partial(course.crew.signal, "join", signal.SIGKILL))
