"""A hospital that goes on, turn after turn, until it is ended; what it is asked to do beside that it does between two turns."""

import threading
from collections.abc import Callable
from queue import Empty, Queue
from typing import Any, Final, TypeVar

from tests.operations.failed import Failed
from tests.replay.days import Days

_RATE: Final = 4.0
_PATIENCE_S: Final = 120.0
_TURNS: Final = 2

Answer = TypeVar("Answer")


class Restless(threading.Thread):
    """days: of the hospital, which nobody else changes while it goes on."""

    def __init__(self, days: Days) -> None:
        super().__init__(daemon=True)
        self._days = days
        self._asked: Queue[tuple[Callable[[], Any], Queue[Any]]] = Queue()
        self._over = threading.Event()
        self._turned = threading.Condition()
        self._turns = 0
        self._fault: BaseException | None = None

    def run(self) -> None:
        """Until `end`."""
        try:
            while not self._over.is_set():
                self._answer()
                self._days.turn(self._turns, rate=_RATE)
                with self._turned:
                    self._turns += 1
                    self._turned.notify_all()
        except BaseException as fault:
            self._fault = fault
            raise

    def _answer(self) -> None:
        while True:
            try:
                wish, answer = self._asked.get_nowait()
            except Empty:
                return
            answer.put(wish())

    def asked(self, wish: Callable[[], Answer]) -> Answer:
        """Do something between two turns. Raises Failed where it does not come to that."""
        answer: Queue[Answer] = Queue()
        self._asked.put((wish, answer))
        try:
            return answer.get(timeout=_PATIENCE_S)
        except Empty as late:
            raise Failed(f"the hospital does not answer: {self._fault!r}") from late

    def goes_on(self) -> None:
        """Wait until something of everything was done. Raises Failed likewise."""
        with self._turned:
            wanted = self._turns + _TURNS
            if not self._turned.wait_for(lambda: self._turns >= wanted, timeout=_PATIENCE_S):
                raise Failed(f"the hospital does not go on: {self._fault!r}")

    def end(self) -> None:
        """After the turn that is under way. Raises Failed where it ended before."""
        self._over.set()
        self.join(_PATIENCE_S)
        if self._fault is not None or self.is_alive():
            raise Failed(f"the hospital did not go on to the end: {self._fault!r}")
