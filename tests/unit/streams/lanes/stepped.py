"""Processes that go one step when they are told to, on a clock that stands still until it is moved: for models of crashes."""

import asyncio
import contextvars
import selectors
from contextlib import contextmanager

import structlog

from streams.testing import Deaths

_CURRENT = contextvars.ContextVar("process")


class _Selector(selectors.SelectSelector):
    """Waits for nothing, and tells its loop how long it would have waited."""

    def __init__(self):
        super().__init__()
        self.on_wait = None

    def select(self, timeout=None):
        if timeout != 0:
            self.on_wait(timeout)
        return []


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop without time of its own. next_timer_s: in how long the next timer is due, None where there is none."""

    def __init__(self):
        self.now = 0.0
        self.next_timer_s = None
        selector = _Selector()
        selector.on_wait = self._stand
        super().__init__(selector)
        self.set_exception_handler(lambda _loop, _context: None)  # the dead leave futures behind that nobody looks at

    def time(self):
        return self.now

    def _stand(self, timeout):
        self.next_timer_s = timeout
        self.stop()

    def settle(self):
        """Run all that can run at this moment."""
        self.run_forever()

    def advance(self, seconds):
        """Move the clock. What is due in between is late, as after a pause of the whole machine."""
        self.now += seconds + 1e-6  # more than the rounding of a sum, or a timer would be due for ever
        self.settle()

    def end(self):
        """End whatever still stands somewhere."""
        while tasks := asyncio.all_tasks(self):
            for task in tasks:
                task.cancel()
            self.settle()
        self.close()


class Process:
    """Everything that a worker does between two steps happens at once; before each step it stands at a gate.

    A dead one never goes on, but what it had sent may still arrive: `spend` lets its one open request through.
    """

    IN_FLIGHT = frozenset({"fence", "send", "send_offset", "commit", "post"})

    def __init__(self, loop):
        self.loop = loop
        self.dead = False
        self.deaths = Deaths()
        self.gate = ""
        self._passing = None
        self._spent = False
        self._context = contextvars.copy_context()
        self._context.run(_CURRENT.set, self)

    def begin(self, work):
        """Call `work` as this process, and see how far it comes."""
        self.loop.call_soon(work, context=self._context)
        self.loop.settle()

    async def stand(self, name):
        """Stand at a gate until somebody lets this process through."""
        self.gate = name
        self._passing = self.loop.create_future()
        await self._passing

    def die(self, reason):
        """The process ends itself."""
        self.deaths(reason)
        self.dead = True

    @property
    def stands(self):
        return self._passing is not None and not self._passing.done()

    def step(self):
        """Go to the next gate. False where it waits for something else: records, or time."""
        if self.dead or not self.stands:
            return False
        self._pass()
        return True

    def spend(self):
        """Let arrive what a dead process had under way. False where that was nothing."""
        if not self.dead or self._spent or not self.stands or self.gate not in self.IN_FLIGHT:
            return False
        self._spent = True
        self._pass()
        return True

    def _pass(self):
        self._passing.set_result(None)
        self.loop.settle()


async def stand(name):
    """Stand at a gate of the process that calls."""
    await _CURRENT.get().stand(name)


def current():
    """The process that calls."""
    return _CURRENT.get()


@contextmanager
def noticing(violations):
    """Keep what is asserted inside of a lane, which would take it for an error of its own and die of it."""
    try:
        yield
    except AssertionError as violation:
        violations.append(violation)
        raise


def silence():
    """Models log nothing: they would log millions of lines."""

    def drop(_logger, _method, _event):
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
