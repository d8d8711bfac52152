"""How far several topics are read that are read together, in a line every few seconds."""

import threading
import time
from collections.abc import Callable

import typer

from streams.topics.whole import OnProgress

EVERY_S = 5.0


class ReadingTold:
    """A bar would be torn by another one: some of the topics are read beside what has its own. May be told by several threads."""

    def __init__(self, *, every_s: float = EVERY_S, now: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._now = every_s, now
        self._last = now()
        self._far: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def __call__(self, topic: str) -> OnProgress:
        """Who is told of one topic."""

        def told(read: int, total: int) -> None:
            with self._lock:
                self._far[topic] = read, total
                if self._now() - self._last < self._every_s:
                    return
                self._last = self._now()
                far = ", ".join(f"{name}: {done} of {of}" for name, (done, of) in sorted(self._far.items()) if done < of)
            if far:
                typer.echo(f"reading what is not in the index: {far}", err=True)

        return told
