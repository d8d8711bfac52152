"""How fast capture is: rows of the first snapshot, and changes that waited in the database's log, into the topics."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.stack import Stack, let_postgres_through
from streams.broker_wiring import broker_access
from streams.mapping import Site, capture_sources, load_site
from streams.private_files import private_folder
from streams.topics.broker import Broker
from tests.bench.bench_site import public_key
from tests.bench.freshness import cpu_s
from yibao.captures.from_site import connect_client, reconciler
from yibao.demonstration.demo_site import write_site
from yibao.demonstration.hospital import Hospital
from yibao.demonstration.settings import SAMPLE, DemoSettings
from yibao.verbs.topics import create_topics

VISITS: Final = 3_000
"""A third of them stand in the database before capture begins."""

_NOBODY: Final = "http://127.0.0.1:9"
_LOOK_S: Final = 0.1
_STILL_S: Final = 5.0
_WITHIN_S: Final = 240.0
_PROGRAMS: Final = ("connect", "kafka", "postgres")


def capture(home: Path, visits: int = VISITS) -> dict[str, Any]:
    """Messages a second, and CPU of each program per message, of the snapshot and of the changes behind it."""
    settings = DemoSettings(visits=visits, seed=1, rate=0.0, home=home)
    private_folder(settings.home)
    let_postgres_through(settings.home)
    stack = Stack(settings.home / "stack", durable=False, bound=True)
    try:
        endpoints = stack.up()
        hospital = Hospital(settings, endpoints)
        hospital.create(endpoints)
        write_site(settings, endpoints, platform_url=_NOBODY, keys=_keys(settings.home / "keys"))
        return _measure(load_site(settings.site_file), hospital, home)
    finally:
        stack.erase()


def _keys(folder: Path) -> Path:
    folder.mkdir()
    for institution in load_site(SAMPLE / "site.yaml").institutions:
        (folder / f"{institution.code}.pub").write_text(public_key(), encoding="utf-8")
    return folder


def _measure(site: Site, hospital: Hospital, home: Path) -> dict[str, Any]:
    with Broker(broker_access(site)) as broker:
        create_topics(site, broker)
        (source,) = capture_sources(site)
        found = {"snapshot": _timed(lambda: reconciler(site).apply(source), lambda: _messages(broker, site), home)}
        connect = connect_client(site)
        connector = site.topics.connector(source.name)
        connect.pause(connector)
        hospital.live()
        while hospital.is_live:
            time.sleep(_LOOK_S)
        hospital.stop()
        found["streaming"] = _timed(lambda: connect.resume(connector), lambda: _messages(broker, site), home)
        return found


def _messages(broker: Broker, site: Site) -> int:
    """Messages of all captured tables."""
    lookups = [site.topics.lookup(table.lookup) for source in capture_sources(site) for table in source.tables if table.lookup]
    return sum(sum(broker.ends(topic).values()) for topic in (*map(site.topics.rows, site.sources), *lookups))


def _timed(begin: Callable[[], object], count: Callable[[], int], home: Path) -> dict[str, Any]:
    """From the first message that follows `begin` until no more comes."""
    before, used = count(), cpu_s(home)
    begin()
    first = last = moved_at = time.monotonic()
    seen = before
    until = first + _WITHIN_S
    while time.monotonic() < until and (seen == before or time.monotonic() - moved_at < _STILL_S):
        time.sleep(_LOOK_S)
        now, at = count(), time.monotonic()
        if now == seen == before:
            moved_at = at
        if now != seen:
            first = moved_at if seen == before else first
            seen, last, moved_at = now, at, at
    messages = seen - before
    return {
        "messages": messages,
        "per_s": round(messages / (last - first), 1),
        "cpu_us_per_message": _spent(used, cpu_s(home), messages),
    }


def _spent(before: Mapping[str, float], after: Mapping[str, float], messages: int) -> dict[str, float]:
    return {name: round((after.get(name, 0.0) - before.get(name, 0.0)) / messages * 1e6, 1) for name in _PROGRAMS}
