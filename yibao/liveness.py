"""Whether a worker still lives, as the supervisor that started it sees it: it asks `/live`, and counts how long no yes came."""

import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

_EVERY_S: Final = 5.0
_WITHIN_S: Final = 5.0
_LEAST_ASKED: Final = 3
"""So many times in a row at the least: between two askings that lie far apart the supervisor itself was held, by Ctrl-Z
or with the whole machine, and the worker may have been held with it."""
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Silence:
    """How long no yes came. Pure."""

    lasts_s: float = 0.0
    """Seconds, as far as they were watched; 0 after a yes."""
    asked_at: float | None = None
    """When it was asked last, on the supervisor's clock; None before the first time."""

    def after(self, *, yes: bool, at: float, allowed_s: float) -> "Silence":
        """With one answer more, or with none. allowed_s: how long it may last."""
        gap = 0.0 if self.asked_at is None else min(at - self.asked_at, allowed_s / _LEAST_ASKED)
        return replace(self, lasts_s=0.0 if yes else self.lasts_s + gap, asked_at=at)


def says_yes(url: str) -> bool:
    """Whether a worker that is served there says that it lives. Never by a proxy: it is on this machine."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/live", timeout=_WITHIN_S) as answer:
            answer.read(_MOST_BYTES)
            return True
    except (OSError, ValueError):  # nobody took it, or its answer is a no (urllib.error.HTTPError is an OSError)
        return False


class Watched:
    """Asks one process again and again, in a thread of its own, from its making to `close`. allowed_s: so long no yes may come."""

    def __init__(
        self,
        url: str,
        *,
        allowed_s: float,
        ask: Callable[[str], bool] = says_yes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._allowed_s = allowed_s
        self._ask = ask
        self._clock = clock
        self._silence = Silence(asked_at=clock())
        self._closed = threading.Event()
        threading.Thread(target=self._go_on, name="liveness", daemon=True).start()

    @property
    def is_dead(self) -> bool:
        """Whether no yes has come for too long."""
        return self._silence.lasts_s >= self._allowed_s

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()

    def _go_on(self) -> None:
        while not self._closed.wait(min(_EVERY_S, self._allowed_s / 4)):
            yes = self._ask(self._url)
            self._silence = self._silence.after(yes=yes, at=self._clock(), allowed_s=self._allowed_s)
