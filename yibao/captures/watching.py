"""What the workers' watches ask and order: Kafka Connect about failed captures, the databases about what a restart meets."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from connector.contract import CaptureSource
from connector.errors import CaptureError, Unreachable
from connector.profiles import profile_of
from connector.remedies import is_lost, remedy_of
from streams.broker_wiring import broker_access
from streams.errors import YibaoError
from streams.lanes.place.captures import Capture, Captures
from streams.lanes.place.failures import CapturePorts, Cure, Failure
from streams.lanes.place.watched import Watched
from streams.mapping import Site, capture_sources
from streams.topics.broker import Broker
from yibao.captures.facts import found_in_source, looking_at
from yibao.captures.from_site import connect_client, database_password, stands_against
from yibao.captures.slots_watched import slots_of

_AGAIN_S: Final = 60.0
"""So long what was found about a failure is not asked for anew: a hospital's database is not asked every 15 s."""


def watched(site: Site) -> Watched:
    """How the sources of a site are watched over."""
    may_order = site.capture.restarts > 0 and not site.connect.read_only
    heard = Captures()
    captures = CapturePorts(failure_of=failure_at(site, tell=heard.tell), restart=restarting(site) if may_order else None)
    return Watched(look_at=looking_at(site), captures=captures, slots=slots_of(site), heard=heard)


def failure_at(site: Site, *, tell: Callable[[Capture], None] = lambda _capture: None) -> Callable[[str], Failure | None]:
    """Asks Connect about the capture of a source by its name, and where it has failed, the database about what a restart would
    meet. tell: is told what Connect says. Raises CaptureError, YibaoError.
    """
    sources, known = {source.name: source for source in capture_sources(site)}, dict[str, tuple[float, Failure]]()

    def failure_of(name: str) -> Failure | None:
        source = sources[name]
        status = connect_client(site).status(site.topics.connector(name))
        tasks = [] if status is None else [(task.number, task.state) for task in status.tasks]
        tell(Capture(name, None if status is None else status.state, tasks))
        if status is None or status.failure is None:
            known.pop(name, None)
            return None
        if status.state != "RUNNING":  # PAUSED with a task that failed: whoever paused it decides
            resume = f"yibao connector resume {name}"
            return Failure(cause=status.failure, remedy=resume, cure=Cure.WAIT, at_risk=_nothing_yet(source))
        at, found = known.get(name, (0.0, None))
        if found is None or found.cause != status.failure or time.monotonic() - at > _AGAIN_S:
            found = told_failure(site, source, status.failure)
            known[name] = time.monotonic(), found
        return found

    return failure_of


def told_failure(site: Site, source: CaptureSource, cause: str) -> Failure:
    """What may help a capture that failed. The database decides, and not its words in Connect, which are in its own language."""
    remedy = remedy_of(cause, source)
    try:
        found = [one for one in found_in_source(site, source) if stands_against([one])]
    except Unreachable as away:
        return Failure(cause=cause, cure=Cure.WAIT, remedy=f"{away}", at_risk=_nothing_yet(source))
    except (CaptureError, YibaoError) as fault:
        told = f"{fault}; then: yibao connector restart {source.name}"
        return Failure(cause=cause, cure=Cure.PERSON, remedy=told, at_risk=_nothing_yet(source))
    if found:
        mend = "; ".join(f"{one.where} {one.what}: {one.mend}" for one in found[:3])
        told = remedy if is_lost(cause) else f"{mend}; then: yibao connector restart {source.name}"
        tables = [table.name for table in source.tables]
        lost = _at_risk(site, source, tables) if _has_no_slot(source) else _nothing_yet(source)
        return Failure(cause=cause, cure=Cure.PERSON, remedy=told, at_risk=lost)
    if is_lost(cause):
        at_risk = _at_risk(site, source, [table.name for table in source.tables])
        return Failure(cause=cause, cure=Cure.PERSON, remedy=remedy, at_risk=at_risk)
    return Failure(cause=cause, remedy=remedy, at_risk=_nothing_yet(source))


def _has_no_slot(source: CaptureSource) -> bool:
    if not profile_of(source.kind).keeps_log:
        return False
    with suppress(CaptureError, YibaoError):
        kept = profile_of(source.kind).read_room(source, password=database_password(source)).kept
        return kept is None or kept.status == "lost"
    return False


def _nothing_yet(source: CaptureSource) -> str:
    return f"nothing yet: {profile_of(source.kind).advice(source).kept}"


def _at_risk(site: Site, source: CaptureSource, tables: Sequence[str]) -> str:
    """Where the place in the log is lost: since when, and of which tables."""
    since = "the last row that came"
    with suppress(YibaoError), Broker(broker_access(site)) as broker:
        if (beat := broker.newest_ms(site.topics.heartbeat(source.name))) is not None:
            since = datetime.fromtimestamp(beat / 1000, ZoneInfo(site.timezone)).isoformat(timespec="seconds")
    return f"changes of {', '.join(tables)} that were committed after {since}"


def restarting(site: Site) -> Callable[[str], None]:
    """Orders Connect to start what failed of a source's capture. Raises CaptureError, YibaoError."""

    def restart(name: str) -> None:
        connect_client(site).restart(site.topics.connector(name), only_failed=True)

    return restart
