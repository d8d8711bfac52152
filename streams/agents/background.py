"""What runs beside the agents of an app, and how an app runs in a process of its own."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from faust.worker import Worker

from streams.agents.connection import AppSettings
from streams.agents.engine import LaneApp
from streams.agents.loop import new_loop
from streams.errors import Fatal
from streams.lanes.away import away
from streams.lanes.context import LaneContext
from streams.lanes.kafka_roll import KafkaRoll
from streams.lanes.look import BrokersLook, LanesLook
from streams.lanes.roll_call import RollCall
from streams.lanes.shunning import shun
from streams.lanes.watch import Watch
from streams.telemetry.board import Look
from streams.telemetry.pulse import Pulse

Task = Callable[[], Awaitable[None]]

_OBJECTS_A_COLLECTION = 50_000


def keep_running(app: LaneApp, *tasks: Task) -> None:
    """Run each task for the life of the app. One that fails ends the process: without the watch, a lane that gets nothing would go
    unnoticed.
    """
    for task in tasks:
        app.task(_guarded(app, task))


def call_brokers(app: LaneApp, settings: AppSettings, *, context: LaneContext) -> None:
    """Tell for the life of the app which brokers do not answer, a person and the lanes."""
    roll = KafkaRoll(settings.broker, client_id=f"{settings.client_id}-roll")
    roll_call = RollCall(roll, clock=context.clock, absence=context.absence, shun=shun)
    app.closing.append(roll_call.stop)
    app.looks.append(BrokersLook(roll_call))
    keep_running(app, roll_call.run)


def keep_watch(app: LaneApp, watch: Watch, *looks: Look, tells_held: bool = True) -> None:
    """Run the watch over the lanes for the life of the app, and let who asks know how they look. looks: what the stage tells
    besides. tells_held: see `LanesLook`.
    """
    app.looks += (LanesLook(app.lanes, watch, tells_held=tells_held, ending=lambda: bool(app.should_stop)), *looks)
    keep_running(app, watch.run)


def _guarded(app: LaneApp, task: Task) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        try:
            await task()
        except Fatal as exc:
            app.die(exc)
        except Exception as exc:  # noqa: BLE001 - the stage's boundary: whatever it is, the process ends
            if fatal := away(exc, servers=app.servers, who="a background task of the worker"):
                app.die(fatal)
                return
            fatal = Fatal(f"a background task of the worker met {type(exc).__name__}")
            fatal.__cause__ = exc
            app.die(fatal)

    return run


class _QuietWorker(Worker):
    """Faust's worker without its banner, spinner, process title and logging: this product has its own."""

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        del info, ident

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        self._flag_as_shutdown_by_signal()
        self._on_sigterm()


def collect_less_often() -> None:
    """Let the garbage collector run rarely. Objects made so far live as long as the process, and records form no cycles: with
    Python's default, a collection every 700 objects, it would take 5 % of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_A_COLLECTION, 20, 100)


def run_app(make: Callable[[], Awaitable[LaneApp]], *, pulse: Pulse | None = None) -> bool:
    """Run until SIGTERM or SIGINT; returns after the lanes are closed and the group is left. Needs the main thread.

    Returns whether it was SIGINT.

    make: builds the app on the event loop; what it raises comes out of here, before anything was read. pulse: of this process;
    None: nobody looks at it.
    """
    loop = new_loop()
    if pulse is not None:
        pulse.begin(loop)
    app = _made(loop, make)
    if app is None:
        return False
    if pulse is not None:
        pulse.watch(*app.looks)
    collect_less_often()
    worker: Any = _QuietWorker(
        app,
        loop=loop,
        quiet=True,
        override_logging=False,
        redirect_stdouts=False,
    )
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except (SystemExit, asyncio.CancelledError) as exc:  # the latter where its own error was a cancellation
        if isinstance(exc, asyncio.CancelledError) or exc.code:
            crash = app.crash_reason
            if crash and (fatal := away(crash, servers=app.servers, who="the worker's framework")):
                raise fatal from crash
            raise Fatal("the worker's framework ended with an error; the log above says which") from exc
    return bool(worker.interrupted)


def _made(loop: asyncio.AbstractEventLoop, make: Callable[[], Awaitable[LaneApp]]) -> LaneApp | None:
    """The app; None where the process was asked to end before it could begin, which may take as long as an outage."""
    making = asyncio.ensure_future(make(), loop=loop)
    loop.add_signal_handler(signal.SIGTERM, making.cancel)
    try:
        return loop.run_until_complete(making)
    except asyncio.CancelledError:
        return None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
