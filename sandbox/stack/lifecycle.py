"""How one service is brought up and taken down, whatever it is."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from sandbox.stack import process
from sandbox.stack.ports import PortBook, is_free
from sandbox.stack.service import Home, Service, ServiceFailed, tail
from streams.errors import Misconfigured

_STOP_WITHIN_S = 30.0
_STARTS = 3
"""Attempts with another port each, for when somebody took the port between our look and the service's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of a start or stop."""

    service: str
    step: str
    """`starting`, `ready`, `stopping` or `stopped`."""
    after_s: float
    """Since the service's first step."""

    @property
    def is_last(self) -> bool:
        """Whether the service got where it was to go."""
        return self.step in {"ready", "stopped"}


OnProgress = Callable[[Progress], None]


class Cancelled(ServiceFailed):
    """The service is no longer wanted: another one failed, or the start was interrupted."""


class Lifecycle:
    """One start or stop of services. Its methods may run in several threads, one for each service.

    may_move: a service whose port is in use may get another one, unless a person chose it.
    """

    def __init__(self, home: Home, book: PortBook, *, tell: OnProgress, may_move: bool = True) -> None:
        self._home = home
        self._book = book
        self._tell = tell
        self._may_move = may_move
        self._cancelled = threading.Event()
        self._started: list[Service] = []
        self._began: dict[str, float] = {}

    def bring_up_each(self, services: Sequence[Service]) -> None:
        """Bring services up one after the other."""
        for service in services:
            self.bring_up(service)

    def bring_up(self, service: Service) -> None:
        """Start a service unless it runs, and wait until it answers.

        Raises ServiceFailed with the end of its log; Misconfigured where a person's port cannot be had; Cancelled.
        """
        identity = process.recorded(self._home.record(service.name))
        if identity and identity.is_alive:
            self._refuse_another_port(service)
            if self._is_ready_in_time(service, identity):
                return
            raise self._failure(service, identity)
        self._say(service, "starting")
        for attempt in range(_STARTS):
            identity = self._spawn(service)
            if self._is_ready_in_time(service, identity):
                self._say(service, "ready")
                return
            if identity.is_alive or not self._lost_its_port(service) or attempt + 1 == _STARTS:
                raise self._failure(service, identity)

    def take_down(self, service: Service) -> bool:
        """Stop a service that runs; kill it where asking is not enough. Returns whether it ran."""
        identity = process.recorded(self._home.record(service.name))
        if identity is None or not identity.is_alive:
            return False
        self._say(service, "stopping")
        process.end(identity, by=service.stop_signal, within_s=_STOP_WITHIN_S)
        self._say(service, "stopped")
        return True

    def take_down_started(self) -> None:
        """Stop what this start has started, the last first."""
        for service in reversed(self._started):
            self.take_down(service)

    def cancel(self) -> None:
        """Let every bring_up that still waits end with Cancelled."""
        self._cancelled.set()

    def _spawn(self, service: Service) -> process.Identity:
        for port in service.ports:
            self._book.claim(port, may_move=self._may_move)
        command = service.prepare()
        if self._cancelled.is_set():
            raise Cancelled(f"{service.name}: not started")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        record, log = self._home.record(service.name), self._home.log(service.name)
        if service not in self._started:
            self._started.append(service)
        try:
            return process.spawn(command, record=record, log=log, env=clean)
        except OSError as error:
            raise ServiceFailed(f"{service.name} could not be started: {error}") from error

    def _is_ready_in_time(self, service: Service, identity: process.Identity) -> bool:
        """Wait until the service answers; False when it ended or its time is over."""
        deadline = time.monotonic() + service.patience_s
        while identity.is_alive and time.monotonic() < deadline:
            if service.is_ready():
                return True
            if self._cancelled.wait(0.1):
                raise Cancelled(f"{service.name}: not waited for")
        return False

    def _lost_its_port(self, service: Service) -> bool:
        """Whether a service may have ended because its port was taken in the last moment, and another port may be tried."""
        lost = [name for name in service.ports if not is_free(self._book.port(name))]
        return self._may_move and bool(lost) and not any(self._book.chosen(name) for name in lost)

    def _refuse_another_port(self, service: Service) -> None:
        for name in service.ports:
            if (chosen := self._book.chosen(name)) and chosen != (has := self._book.kept(name)):
                raise Misconfigured(f"{service.name} runs on port {has} already: stop it before it can move to {chosen}")

    def _failure(self, service: Service, identity: process.Identity) -> ServiceFailed:
        log = self._home.log(service.name)
        if identity.is_alive:
            what = f"runs (process {identity.pid}) but does not answer after {service.patience_s:.0f} s"
        else:
            what = "ended while starting" + ("" if identity.exit_code is None else f" (exit code {identity.exit_code})")
        return ServiceFailed(f"{service.name} {what}. The end of {log}:\n{tail(log)}")

    def _say(self, service: Service, step: str) -> None:
        now = time.monotonic()
        began = self._began.setdefault(service.name, now)
        self._tell(Progress(service=service.name, step=step, after_s=now - began))


def in_rounds(lifecycle: Lifecycle, rounds: Sequence[Sequence[Service]]) -> None:
    """Bring up the services of a round at the same time; an error or an interruption ends the waiting of the others."""
    for services in filter(None, rounds):
        with ThreadPoolExecutor(len(services)) as pool:
            futures = [pool.submit(lifecycle.bring_up, service) for service in services]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                lifecycle.cancel()
                raise
            if any(future.exception() for future in done):
                lifecycle.cancel()
        if failed := [error for future in futures if (error := future.exception())]:
            raise min(failed, key=lambda error: isinstance(error, Cancelled))
