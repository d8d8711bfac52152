"""How far this machine knows the lanes to have been: what tells an older copy of the brokers' data from the data itself.

A restored copy is consistent in itself: offsets, marks and logs fit together, and a lane that goes on from it would post what was
posted after the copy was taken, under new msgids. So a worker notes, once a second and beside its other files, up to which number
its lanes committed. Numbers never go back, whoever has the lane and whatever is made again of its offset; a mark with a lower one
is of an older copy.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import structlog

from streams.errors import Fatal, Misconfigured
from streams.lanes.exits import Exit
from streams.lanes.mark_text import object_of
from streams.lanes.ports import Committed, TopicPartition
from streams.private_files import private_folder, write_private

log = structlog.get_logger()

FILE: Final = "high-water.json"
"""In a worker's folder."""
_EVERY_S: Final = 1.0


class Reached(NamedTuple):
    """How far a lane was."""

    series: str
    """Of its numbers: their name, or the id of the topic that they count; `""` where nobody named them."""
    number: int
    """Below it all is committed."""
    at: int
    """When that was noted (ms)."""


class HighWater:
    """folder: of the worker, below the one of all workers; None: nothing is noted (a test of something else). clock: seconds that
    never go back.
    """

    def __init__(self, folder: Path | None, *, clock: Callable[[], float], wall_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._clock, self._wall_ms = clock, wall_ms
        self._known: dict[str, Reached] = {}
        self._new: dict[str, Committed] = {}
        self._written_at: float | None = None
        self._failing = False

    def demand(self, at: TopicPartition, committed: Committed, *, stage: str) -> None:
        """Raise Fatal where the lane was further than its offset says, as far as any worker of this machine noted."""
        if self._folder is None:
            return
        series, number = reached_in(committed.metadata)
        known = [one[_name(at)] for one in _notes(self._folder.parent) if _name(at) in one]
        if (further := [one for one in known if one.series == series and one.number > number]) and series:
            raise older_copy(at, number, max(further, key=lambda one: one.number), stage=stage)

    def note(self, at: TopicPartition, committed: Committed) -> None:
        """What a lane committed. Written at most once a second."""
        if self._folder is None:
            return
        self._new[_name(at)] = committed
        if self._written_at is None or self._clock() - self._written_at >= _EVERY_S:
            self.write()

    def write(self) -> None:
        """Write what was noted since the last time. Where that fails it is told, and the lanes go on."""
        if self._folder is None or not self._new:
            return
        self._written_at = self._clock()
        if not self._known:
            self._known = dict(_read(self._folder / FILE))
        for name, committed in self._new.items():
            self._known[name] = Reached(*reached_in(committed.metadata), self._wall_ms())
        self._new.clear()
        try:
            private_folder(self._folder)
            write_private(self._folder / FILE, orjson.dumps({name: [*one] for name, one in self._known.items()}).decode())
        except (OSError, Misconfigured) as error:
            if not self._failing:
                log.warning("high_water_write_failed", error=f"{error}")
            self._failing = True
        else:
            self._failing = False


def unnoted() -> HighWater:
    """Of a process that keeps no files."""
    return HighWater(None, clock=lambda: 0.0, wall_ms=lambda: 0)


def reached_in(metadata: str) -> tuple[str, int]:
    """Series and number in a mark of any stage. Raises Fatal where it is none."""
    mark = object_of(metadata)
    numbers = mark.get("out")
    # While something is aside, `seq` says from where that is kept, which goes back; `at` is where the lane is.
    number = sum(numbers) if isinstance(numbers, list) else int(f"{mark.get('at', mark.get('seq', 0))}")
    return f"{mark.get('born') or mark.get('log') or ''}", number


def noted(home: Path) -> Mapping[str, Reached]:
    """What was noted on this machine, by topic and partition. home: of all workers."""
    found: dict[str, Reached] = {}
    for name, one in (entry for notes in _notes(home) for entry in notes.items()):
        found[name] = max(found.get(name, one), one, key=lambda each: each.number)
    return found


def forget(home: Path) -> Mapping[str, Reached]:
    """Remove what was noted on this machine; what that was. home: of all workers."""
    known = noted(home)
    for file in _files(home):
        file.unlink(missing_ok=True)
    return known


def older_copy(at: TopicPartition, number: int, further: Reached, *, stage: str) -> Fatal:
    """The error to end a worker with."""
    return Fatal(
        f"the brokers hold an older copy: {stage} of {at.topic}-{at.partition} is at number {number}, and this machine had it at "
        f"{further.number}. What the platform took since then would be sent again, so nothing goes on: stop all workers and go the "
        "way of docs/backup.md; `yibao offsets accept-copy --why …` is its last step",
        exit_code=Exit.SHORT_LOG,
    )


def _name(at: TopicPartition) -> str:
    return f"{at.topic}-{at.partition}"


def _files(home: Path) -> list[Path]:
    return sorted(home.glob(f"*/{FILE}"))


def _notes(home: Path) -> list[Mapping[str, Reached]]:
    return [_read(file) for file in _files(home)]


def _read(file: Path) -> Mapping[str, Reached]:
    """What a file notes; nothing where it is missing or damaged: it is a second witness, and no state."""
    try:
        found = orjson.loads(file.read_bytes())
        return {f"{name}": Reached(f"{series}", int(number), int(at)) for name, (series, number, at) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
