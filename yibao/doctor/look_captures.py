"""Looks at the databases and at Kafka Connect."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

from connector.contract import CaptureSource
from connector.profiles import profile_of
from streams.broker_wiring import broker_access
from streams.errors import YibaoError
from streams.mapping import Site, capture_sources
from streams.topics.broker import Broker
from streams.topics.cluster import read_cluster
from yibao.captures.facts import found_in_source
from yibao.captures.from_site import connect_client, database_password, found_in_plugin, silent_after_s
from yibao.captures.slots import found_in_use
from yibao.doctor.captures import ConnectFacts, of_capture, of_connect, of_heartbeat
from yibao.doctor.checks import Told
from yibao.doctor.clocks import of_clock
from yibao.doctor.databases import of_room
from yibao.doctor.needs import needs_of
from yibao.doctor.openness import let_in_at
from yibao.doctor.platforms import of_certificate
from yibao.doctor.ways import Way, date_of, walk


def look_at_database(site: Site, source: CaptureSource) -> Iterator[Told]:
    """What stands against capture, and what stands around it. Raises Unreachable, Misconfigured, Refused."""
    if not profile_of(source.kind).looks:
        for finding in found_in_source(site, source):
            yield Told(check="database.capture", finding=finding)
        return
    asked = datetime.now(UTC)
    room = profile_of(source.kind).read_room(source, password=database_password(source))
    here = asked + (datetime.now(UTC) - asked) / 2
    yield from of_room(source, room, zone=site.timezone, here=here)
    for finding in found_in_source(site, source):
        yield Told(check="database.capture", finding=finding)


def look_at_connect(site: Site) -> Iterator[Told]:
    """Connect itself, its plugin, each capture. Raises Unreachable, Misconfigured, Refused."""
    connect = connect_client(site)
    about, here = connect.about(), datetime.now(UTC)
    facts = ConnectFacts(url=site.connect.url, cluster=about.cluster, let_in_at=let_in_at(site))
    yield from of_connect(facts, cluster=_cluster(site))
    if (there := date_of(about.date)) is not None:
        yield from of_clock("Kafka Connect", there, here=here)
    if urlsplit(site.connect.url).scheme == "https":
        way = walk(Way(url=site.connect.url, ca_file=site.connect.ca_file, proxy=site.connect.proxy))
        if way.valid_until is not None:
            yield from of_certificate(way.to, way.valid_until, now=here, days=needs_of(site).certificate_days)
    for source in capture_sources(site):
        yield from _capture(site, source)


def _capture(site: Site, source: CaptureSource) -> Iterator[Told]:
    for finding in found_in_plugin(site, source):
        yield Told(check="connect.plugin", finding=finding)
    for finding in found_in_use(site, source, look=False):
        yield Told(check="connect.capture", finding=finding)
    connector = site.topics.connector(source.name)
    status = connect_client(site).status(connector)
    yield from of_capture(source, status, connector=connector)
    if status is not None and status.running:
        with suppress(YibaoError), Broker(broker_access(site)) as broker:
            beat = broker.newest_ms(site.topics.heartbeat(source.name))
            age_s = None if beat is None else max(0.0, time.time() - beat / 1000)
            yield from of_heartbeat(source, age_s, silent_s=silent_after_s(site))


def _cluster(site: Site) -> str:
    """Id of the cluster that the site names; `""` while it does not answer, which is told elsewhere."""
    with suppress(YibaoError):
        return read_cluster(broker_access(site), topics=()).id
    return ""
