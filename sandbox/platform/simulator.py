"""The simulator as one object: start it, post to its URL, ask what it accepted, stop it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import structlog
from aiohttp import web

from sandbox.platform.control import Control, loopback_only
from sandbox.platform.envelope import Registry
from sandbox.platform.faults import Fault, FaultBoard, Kind
from sandbox.platform.journal import Entry, Journal
from sandbox.platform.keys import issue_keys, public_key_file
from sandbox.platform.ledger import Ledger
from sandbox.platform.opening import Opening
from sandbox.platform.reception import Judge, Reception
from sandbox.platform.rows import Rules
from sandbox.platform.settings import PlatformSettings
from streams.errors import Misconfigured
from streams.spec.interface import SERVICES

log = structlog.get_logger()

_MAX_BODY_BYTES = 4 * 1024 * 1024
_GRACE_S = 0.5


class Simulator:
    """A supervision platform on this machine. `start` gives its URL. `stop` may be called twice; a simulator that is started again
    has the same address and remembers what it accepted.

    Raises Misconfigured at construction for unusable keys, journal, dictionaries or faults; `start` raises it for a port in use.
    """

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self.url = ""
        faults = settings.fault_list()
        self._keys = issue_keys(settings.keys, settings.institutions, settings.private_keys)
        closed = {name: frozenset(item.codes) for name, item in settings.value_lists().items() if item.closed}
        self._rules = Rules(
            services=SERVICES,
            closed=closed,
            frozen_items=settings.frozen_items,
            refuse_percent=settings.refuse_percent,
            seed=settings.seed,
            total_tolerance=settings.total_tolerance,
            anonymous=settings.anonymous_refusals,
            refuse_orphans=settings.refuse_orphans,
        )
        self._journal = Journal(settings.journal)
        self._ledger = Ledger(
            self._journal,
            remember_refused=settings.remember_refused,
            forget_accepted_after_s=settings.forget_accepted_after_s,
        )
        self._board = FaultBoard(seed=settings.seed)
        self._start_faults = faults
        self._opening: Opening | None = None
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._port = settings.port
        self._refusals: set[asyncio.Task[None]] = set()
        self._refusing = 0

    async def start(self) -> str:
        """Listen; the URL to post to. The faults of the settings are in force, and their windows count from now."""
        self._journal.open()
        self._board.clear()
        try:
            await self._open()
        except BaseException:
            await self.stop()
            raise
        log.info("platform_started", url=self.url, institutions=len(self._keys), accepted_before=len(self._journal.entries))
        return self.url

    async def _open(self) -> None:
        self._opening = Opening(self._keys, self.settings.encoding, processes=self.settings.opener_processes)
        self._runner = web.AppRunner(self._application(self._opening), access_log=None, shutdown_timeout=_GRACE_S)
        await self._runner.setup()
        try:
            await self._listen()
        except OSError as error:
            raise Misconfigured(
                f"{self.settings.host}:{self._port}: cannot listen ({error.strerror}); give another port, or 0 for a free one"
            ) from error
        self.url = f"http://{self.settings.host}:{self._port}"
        self.add_faults(self._start_faults)

    def _application(self, opening: Opening) -> web.Application:
        registry = Registry(
            institutions=self.settings.institutions, infno=self.settings.infno, msgid_chars=self.settings.msgid_chars
        )
        judge = Judge(
            registry=registry, rules=self._rules, ledger=self._ledger, opening=opening, plain_allowed=self.settings.plain_allowed
        )
        reception = Reception(judge, ledger=self._ledger, board=self._board, shape=self.settings.shape)
        control = Control(
            self._journal, stats=self.stats, current=self._board.current, put=self.add_faults, clear=self.clear_faults
        )
        application = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[loopback_only])
        application.router.add_post("/metadata/receive/{service}", reception.receive)
        control.add_routes(application.router)
        return application

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, self.settings.host, self._port, reuse_address=True)
        await self._site.start()
        # A free port is chosen once: whoever was told the URL must find the platform there again after an outage.
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close connections, threads and the journal's file. Statistics and journal can still be read."""
        for task in self._refusals:
            task.cancel()
        await asyncio.gather(*self._refusals, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._opening is not None:
            self._opening.close()
        self._journal.close()

    def public_key(self, institution: str) -> Path:
        """The file with the public key that seals what this institution reports."""
        return public_key_file(self.settings.keys, institution)

    def stats(self) -> dict[str, object]:
        """The counts, as `GET /_sim/stats` shows them."""
        spent = self._opening.spent if self._opening is not None else None
        opening = {} if spent is None else {"count": spent.openings, "cpu_s": spent.cpu_s, "longest_s": spent.longest_s}
        return {**self._ledger.stats(), "opening": opening}

    def journal(self, since: int = 0) -> Iterator[Entry]:
        """The accepted records numbered above `since`, in the order of acceptance."""
        return self._journal.since(since)

    def add_faults(self, faults: tuple[Fault, ...]) -> None:
        """Put faults in force; their windows count from now."""
        self._board.add(faults, now_s=time.monotonic())
        for fault in faults:
            if fault.kind is Kind.OUTAGE and fault.form == "refuse":
                task = asyncio.get_running_loop().create_task(self._refuse_connections(fault))
                self._refusals.add(task)
                task.add_done_callback(self._refusals.discard)

    def clear_faults(self) -> None:
        """Take all faults out of force; one that refuses connections ends at its time."""
        self._board.clear()

    async def _refuse_connections(self, fault: Fault) -> None:
        """Stop listening after `from_s`, for `for_s`. Requests on connections that are open are aborted by the same fault."""
        await asyncio.sleep(fault.from_s)
        self._refusing += 1
        try:
            if self._refusing == 1:
                assert self._site is not None
                await self._site.stop()
            log.info("connections_refused", for_s=fault.for_s)
            await asyncio.sleep(fault.for_s or 0)
        finally:
            self._refusing -= 1
        if not self._refusing:
            await self._listen_again()

    async def _listen_again(self) -> None:
        try:
            await self._listen()
        except OSError as error:
            log.error("port_lost", port=self._port, error=error.strerror)  # noqa: TRY400 - the reason is all there is to know
        else:
            log.info("connections_accepted_again")
