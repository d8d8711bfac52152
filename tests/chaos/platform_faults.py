"""Faults of the platform: answers that are late, lost, or what nobody foresaw."""

from collections.abc import Callable
from functools import partial

from tests.chaos.course import Course


def platform(*faults: dict[str, object], times: int = 3) -> Callable[[Course], None]:
    """Each fault in a few windows."""

    def plan(course: Course) -> None:
        for fault in faults:
            for _ in range(times):
                for_s = course.rng.uniform(3, 7)
                course.at(
                    course.moment(),
                    f"platform {fault['kind']}",
                    partial(course.fault, **{"for_s": round(for_s, 1), **fault}),
                )

    return plan


def answers_lost(course: Course) -> None:
    """One answer in eight is lost, whatever was accepted; and workers die meanwhile."""
    course.at(0.0, "answers lost", partial(course.fault, kind="lost", probability=0.12, for_s=course.live_s))
    course.at(0.0, "answers cut", partial(course.fault, kind="cut", probability=0.03, for_s=course.live_s))
    course.orders("deliver", "post-after", count=2, passages=10)
