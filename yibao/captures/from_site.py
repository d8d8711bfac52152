"""From a site's files to what the capture control plane asks for. The only place that knows both."""

import re
from collections.abc import Iterable
from pathlib import Path

from connector.connect import Access, Connect
from connector.contract import CaptureSource
from connector.errors import Misconfigured
from connector.findings import Finding, Severity
from connector.objections import is_handed_on_whole, objections
from connector.plan import ConnectorPlan
from connector.preflight import preflight
from connector.reconcile import Reconciler
from connector.render import ConnectSettings
from streams.bounded import KEY_BYTES, read_bounded
from streams.broker_wiring import text_of
from streams.mapping import Site, capture_sources
from streams.mapping.secret_files import read_secret
from streams.topics.shapes import TopicSettings
from streams.wording import nearest

_TOKEN = re.compile(r"[!-~]+")
_LATE_BEATS = 6
"""Heartbeats that may fail to come before a source counts as silent."""


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
    """A client of the site's Connect cluster. Raises Misconfigured when a file with a password or a token cannot be used."""
    settings = site.connect
    return Connect(
        Access(
            url=settings.url,
            timeout_s=settings.timeout_s,
            ca_file=text_of(settings.ca_file),
            user=settings.user,
            password=_secret(settings.password_file, setting="connect.password_file"),
            token=_token(settings.token_file),
            proxy=settings.proxy,
            proxy_user=settings.proxy_user,
            proxy_password=_secret(settings.proxy_password_file, setting="connect.proxy_password_file"),
        )
    )


def _secret(file: Path | None, *, setting: str) -> str | None:
    return None if file is None else read_secret(file, setting=setting)


def _token(file: Path | None) -> str | None:
    token = _secret(file, setting="connect.token_file")
    if token is not None and not _TOKEN.fullmatch(token):
        raise Misconfigured(
            f"{file} holds no bearer token: one line of ASCII without spaces is wanted, without the word Bearer; "
            "connect.token_file in site.yaml names it"
        )
    return token


def connect_settings(site: Site) -> ConnectSettings:
    """What a connector's configuration says of Connect and the brokers."""
    written = site.connect
    return ConnectSettings(
        bootstrap_servers=written.bootstrap_servers or site.kafka.bootstrap_servers,
        heartbeat_interval_ms=int(written.heartbeat_s * 1000),
        signal_consumer=written.consumer,
    )


def silent_after_s(site: Site) -> float:
    """After so many seconds without a heartbeat a capture counts as silent."""
    return _LATE_BEATS * connect_settings(site).heartbeat_interval_ms / 1000


def reconciler(site: Site) -> Reconciler:
    """The site's connectors, ready to be planned and applied."""
    return Reconciler(
        connect_client(site),
        topics=site.topics,
        settings=connect_settings(site),
    )


def found_in_database(source: CaptureSource) -> tuple[Finding, ...]:
    """What stands against this source in its database, read from this machine."""
    return preflight(source, password=database_password(source))


def found_in_plugin(site: Site, source: CaptureSource) -> tuple[Finding, ...]:
    """What stands against the version of Debezium that Connect runs. Raises Refused when Connect has none for this source."""
    finding = reconciler(site).plugin_finding(source)
    return () if finding is None else (finding,)


def found_failed(site: Site, source: CaptureSource, plan: ConnectorPlan) -> tuple[Finding, ...]:
    """That this source's connector has failed, and what mends it."""
    finding = reconciler(site).failure_finding(source, plan)
    return () if finding is None else (finding,)


def found_by_connect(site: Site, source: CaptureSource) -> tuple[Finding, ...]:
    """What Connect holds against this source; it logs in to the database for that, with the password that it can read."""
    errors = reconciler(site).refusals(source)
    return tuple(objections(errors, source, line_break=ends_with_line_break(source)))


def ends_with_line_break(source: CaptureSource) -> bool:
    """Whether the password file has a line break at its end that Connect would take for a part of the password."""
    file = Path(source.password_file)
    try:
        return is_handed_on_whole(source) and file.is_file() and read_bounded(file, most=KEY_BYTES).endswith((b"\n", b"\r"))
    except OSError:
        return False


def stands_against(findings: Iterable[Finding]) -> bool:
    """Whether one of them keeps capture from being started."""
    return any(finding.severity is Severity.BLOCKS for finding in findings)


def chosen_sources(site: Site, name: str | None) -> tuple[CaptureSource, ...]:
    """All sources of the site, or the named one. Raises Misconfigured for a name that it does not have."""
    sources = capture_sources(site)
    chosen = tuple(source for source in sources if name in (None, source.name))
    if not chosen:
        names = [source.name for source in sources]
        raise Misconfigured(f"the site has no source `{name}`{nearest(f'{name}', names)}; it has {', '.join(names)}")
    return chosen


def database_password(source: CaptureSource) -> str:
    """Password of the capture's role. Raises Misconfigured when its file cannot be read."""
    return read_secret(Path(source.password_file), setting=f"sources.{source.name}.password_file")
