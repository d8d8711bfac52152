"""`yibao worker` with the seams of the chaos suite: the same command, its ports wrapped. Takes the same arguments.

CHAOS_POINT, CHAOS_PASSAGE: where it ends itself (see `seams`). CHAOS_CLOCK: the file that moves its clock.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from streams import topology
from tests.chaos.seams import Passages, SeamBroker, SeamPlatform, ShiftedClock
from yibao.main import run

_PORTION = 3
"""Records of a plan that are committed together: the suite's plans are short, and must be settled in the middle, too."""


def main() -> None:
    passages = Passages(os.environ.get("CHAOS_POINT", ""), int(os.environ.get("CHAOS_PASSAGE", "0")))
    clock = Path(os.environ["CHAOS_CLOCK"])
    for name, wrap in (("place_stage", _place), ("join_stage", _join), ("deliver_stage", _deliver)):
        setattr(topology, name, wrap(getattr(topology, name), passages, clock))
    sys.argv = ["yibao", "worker", *sys.argv[1:]]
    run()


def _place(made_by: Callable[..., Any], passages: Passages, _clock: Path) -> Callable[..., Any]:
    def make(*arguments: Any, **named: Any) -> Any:
        stage = made_by(*arguments, **named)
        broker = SeamBroker(stage.context.broker, passages, dead=stage.shared.topics.dead)
        return replace(stage, context=replace(stage.context, broker=broker))

    return make


def _join(made_by: Callable[..., Any], passages: Passages, clock: Path) -> Callable[..., Any]:
    def make(*arguments: Any, **named: Any) -> Any:
        stage = made_by(*arguments, **named)
        broker = SeamBroker(stage.context.broker, passages, dead=stage.topics.dead)
        return replace(stage, context=replace(stage.context, broker=broker), wall_ms=ShiftedClock(clock, stage.wall_ms))

    return make


def _deliver(made_by: Callable[..., Any], passages: Passages, clock: Path) -> Callable[..., Any]:
    def make(*arguments: Any, **named: Any) -> Any:
        stage = made_by(*arguments, **named)
        shared = stage.shared
        broker = SeamBroker(stage.context.broker, passages, dead=shared.topics.dead)
        platform = SeamPlatform(shared.platform, passages)
        settings = replace(shared.settings, portion=_PORTION)
        shared = replace(shared, platform=platform, settings=settings, wall_ms=ShiftedClock(clock, shared.wall_ms))
        return replace(stage, context=replace(stage.context, broker=broker), shared=shared)

    return make


if __name__ == "__main__":
    main()
