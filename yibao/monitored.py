"""What of a worker is looked at from outside: served while it runs, and found again by who asks."""

import fcntl
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
import typer

from streams.agents.worker_home import make_home
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.private_files import open_private, write_private
from streams.telemetry.dying import tell_served
from streams.telemetry.exposition import Exposition
from streams.telemetry.outcomes import Outcomes
from streams.telemetry.pulse import Pulse
from streams.telemetry.serving import Served, Told
from yibao import tables
from yibao.options import Output
from yibao.processes import Process, process_of, this_process
from yibao.versions import product

log = structlog.get_logger()

ADDRESS: Final = "http.address"
"""Name of the file in a worker's folder that says where it is served."""
_LOCK: Final = "http.lock"
"""Name of the file beside it that the worker holds as long as it lives, with which process that is."""
SILENT: Final = "silent"
_WITHIN_S: Final = 5.0
_MOST_BYTES: Final = 1 << 20
_AT_ONCE: Final = 16


@contextmanager
def monitored(site: Site, stage: str, index: int, *, home: Path | None, outcomes: Outcomes) -> Iterator[Pulse]:
    """Serve what can be seen of a worker; its pulse, for who runs it. Raises Misconfigured where the port cannot be had."""
    http = site.workers.http
    pulse = Pulse(stuck_s=http.stuck_s)
    if not http.serve:
        yield pulse
        return
    exposition = Exposition(outcomes, pulse, version=product())
    told = Told(worker=f"{stage}-{index}", conditions=lambda: pulse.conditions, metrics=exposition.written)
    try:
        port = http.port_of(stage, index)
    except ValueError as exc:
        raise Misconfigured(f"{site.file}: {exc}") from exc
    served = Served(told, host=http.host, port=port)
    folder = (home or site.workers.home) / f"{stage}-{index}"
    try:
        make_home(folder)
        with _listed(folder, served.url):
            log.info("http_opened", address=served.url)
            tell_served(served.url)
            yield pulse
    finally:
        served.close()


@contextmanager
def _listed(folder: Path, url: str) -> Iterator[None]:
    """Say where a worker is served, for as long as it runs. Where another one of its name lives, that one is listed: this one ends
    at once, and must not take the other's line with it.
    """
    with open_private(folder / _LOCK, "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield
            return
        try:
            lock.truncate(0)
            lock.write(this_process().written)
            lock.flush()
            write_private(folder / ADDRESS, url)
            yield
        finally:
            (folder / ADDRESS).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a worker answered."""

    worker: str
    """Stage and index."""
    address: str
    """Where it is served."""
    state: str
    """`ok`, `degraded`, `unready`, `dead`, or `silent`: nobody answered."""
    reasons: Sequence[dict[str, str]] = ()
    """What speaks against it."""
    process: Process | None = None
    """Which lives; None: none does, or an earlier version did not write it down."""

    @property
    def hangs(self) -> bool:
        """Whether its process lives and does not answer."""
        return self.state == SILENT and self.process is not None

    @property
    def lines(self) -> list[str]:
        """What a person must know and do about one that hangs."""
        if self.process is None or not self.hangs:
            return []
        return [f"{self.worker}: stuck: {self.process.line}", f"  {self.worker}: {self.process.mend}"]

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        about = {"worker": self.worker, "address": self.address, "state": self.state, "reasons": list(self.reasons)}
        return {**about, "pid": None if self.process is None else self.process.pid, "stuck": self.hangs}


def seen(home: Path) -> list[Seen]:
    """How each worker answers that keeps a folder in `home`."""
    files = sorted(home.glob(f"*/{ADDRESS}"))
    if not files:
        return []
    with ThreadPoolExecutor(min(len(files), _AT_ONCE)) as asking:  # one that hangs must not let all others wait
        return [one for one in asking.map(_seen_at, files) if one is not None]


def _seen_at(file: Path) -> Seen | None:
    """None: it ended just now."""
    try:
        address = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    found = _asked(file.parent.name, address, _get)
    return replace(found, process=process_of(file.with_name(_LOCK)))


def show_seen(found: Sequence[Seen], output: Output) -> None:
    """How they are, for people or for programs."""
    if output is Output.JSON:
        typer.echo(json.dumps([one.document for one in found], ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo("no worker is served here: none runs, or workers.http.serve is false, or --home is another", err=True)
        return
    tables.show(("WORKER", "STATE", "ADDRESS"), [(one.worker, one.state, one.address) for one in found])
    for one in found:
        for line in one.lines:
            typer.echo(line)
        for reason in one.reasons:
            typer.echo(f"{one.worker}: {reason['reason']}: {reason['what']}".removesuffix(": "))


def _asked(worker: str, address: str, get: Callable[[str], Any]) -> Seen:
    try:
        told = get(f"{address}/health")
        return Seen(worker=f"{told['worker']}", address=address, state=f"{told['state']}", reasons=told["reasons"])
    except (OSError, ValueError, KeyError, TypeError):  # whoever listens there now is none of ours
        return Seen(worker=worker, address=address, state=SILENT)


def _get(url: str) -> Any:
    """The document of an answer, whatever its status. Never by a proxy: it is on this machine."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=_WITHIN_S) as response:
            return orjson.loads(response.read(_MOST_BYTES))
    except urllib.error.HTTPError as refused:
        with refused:
            return orjson.loads(refused.read(_MOST_BYTES))
