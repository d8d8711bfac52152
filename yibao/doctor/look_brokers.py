"""Looks at the brokers, the topics, and who works at them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from streams.broker_wiring import broker_access
from streams.mapping import Site, capture_sources
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from streams.topics.cluster import read_cluster
from streams.topics.internal import internal_notes
from streams.topics.shapes import plan_topics
from yibao.captures.from_site import topic_settings
from yibao.doctor.brokers import of_cluster, of_internal, of_retention, of_topics
from yibao.doctor.checks import Told
from yibao.doctor.needs import needs_of
from yibao.doctor.platforms import of_certificate
from yibao.doctor.ways import certificate_at
from yibao.doctor.workers import of_workers
from yibao.lag.stages import lags_of
from yibao.letters.kept import planned_topics
from yibao.monitored import seen


def look_at_brokers(site: Site) -> Iterator[Told]:
    """Brokers, topics, settings. Raises Unreachable, Misconfigured."""
    access, needs = broker_access(site), needs_of(site)
    names = [spec.name for spec in plan_topics(site.topics, capture_sources(site), topic_settings(site))]
    yield from of_cluster(read_cluster(access, topics=[*names, "__consumer_offsets", "__transaction_state"]), needs)
    yield from _certificates(site, access)
    with Broker(access) as broker:
        yield from of_topics(planned_topics(site, broker))
        ways = [*map(site.topics.rows, site.sources), site.topics.changes, site.topics.ready]
        yield from of_retention(broker.topics(ways), ways, needs)
        brokers, found = broker.internal(prefix=site.topics.prefix)
        notes = internal_notes(found, brokers=brokers, copies=site.kafka.replication_factor, servers=needs.servers)
        yield from of_internal(notes)


def _certificates(site: Site, access: BrokerAccess) -> Iterator[Told]:
    if access.tls is None:
        return
    for server in access.bootstrap_servers.split(","):
        if (until := certificate_at(server, access.tls)) is not None:
            yield from of_certificate(f"broker {server}", until, now=datetime.now(UTC), days=needs_of(site).certificate_days)


def look_at_stages(site: Site) -> Iterator[Told]:
    """Who works, and what stands. Raises Unreachable."""
    with Broker(broker_access(site)) as broker:
        yield from of_workers(lags_of(site, broker), datetime.now(ZoneInfo(site.timezone)), seen(site.workers.home))
