"""From a site's files to what the capture control plane asks for. The only place that knows both."""

from pathlib import Path

from connector.broker import BrokerAccess
from connector.connect import Access, Connect
from connector.contract import CaptureSource
from connector.errors import Misconfigured
from connector.reconcile import Reconciler
from connector.render import ConnectSettings
from connector.topics import TopicSettings
from streams.mapping import Site, capture_sources


def broker_access(site: Site) -> BrokerAccess:
    """How to reach the brokers."""
    security = site.kafka.security
    return BrokerAccess(
        bootstrap_servers=site.kafka.bootstrap_servers,
        protocol=security.protocol,
        ca_file=_text(security.ssl_cafile),
        certificate_file=_text(security.ssl_certfile),
        key_file=_text(security.ssl_keyfile),
        mechanism=security.sasl_mechanism,
        user=security.sasl_username,
        password_file=_text(security.sasl_password_file),
    )


def topic_settings(site: Site) -> TopicSettings:
    """How wide, how safe and how long the topics are."""
    return TopicSettings(
        partitions=site.kafka.partitions,
        replication_factor=site.kafka.replication_factor,
        changes_days=site.retention.changes_days,
        ready_days=site.retention.ready_days,
        receipts_days=site.retention.receipts_days,
        dead_days=site.retention.dead_days,
        control_days=site.retention.control_days,
    )


def connect_client(site: Site) -> Connect:
    """A client of the site's Connect cluster. Raises Misconfigured when its password file cannot be read."""
    settings = site.connect
    return Connect(
        Access(
            url=settings.url,
            timeout_s=settings.timeout_s,
            user=settings.user,
            password=None if settings.password_file is None else _secret(settings.password_file),
        )
    )


def connect_settings(site: Site) -> ConnectSettings:
    """What a connector's configuration says of Connect and the brokers."""
    return ConnectSettings(bootstrap_servers=site.kafka.bootstrap_servers)


def reconciler(site: Site) -> Reconciler:
    """The site's connectors, ready to be planned and applied."""
    return Reconciler(
        connect_client(site),
        topics=site.topics,
        partitions=site.kafka.partitions,
        settings=connect_settings(site),
    )


def chosen_sources(site: Site, name: str | None) -> tuple[CaptureSource, ...]:
    """All sources of the site, or the named one. Raises Misconfigured for a name that it does not have."""
    sources = capture_sources(site)
    chosen = tuple(source for source in sources if name in (None, source.name))
    if not chosen:
        raise Misconfigured(f"the site has no source {name!r}; it has {', '.join(source.name for source in sources)}")
    return chosen


def _text(path: Path | None) -> str | None:
    return None if path is None else f"{path}"


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as exc:
        raise Misconfigured(f"connect.password_file: {path} cannot be read: {exc.strerror}") from exc
