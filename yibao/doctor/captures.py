"""Kafka Connect and the captures that it runs, judged. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.answers import ConnectorStatus
from connector.contract import CaptureSource
from connector.remedies import remedy_of
from yibao.doctor.checks import Told, blocks, warns


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFacts:
    """What Connect says of itself."""

    url: str
    """Where it was asked."""
    cluster: str
    """Id of the brokers' cluster that it works with; `""` where it tells none."""
    let_in_at: tuple[str, ...]
    """Addresses beyond this machine's loopback at which it let somebody in who gave no login."""


def of_connect(facts: ConnectFacts, *, cluster: str) -> Iterator[Told]:
    """cluster: id of the cluster that the site names; `""` where it is not known."""
    if facts.let_in_at:
        yield warns(
            "connect.open",
            f"Connect at {', '.join(facts.let_in_at)}",
            "takes orders from whoever reaches it, without a login: a capture can be changed, and rows of patients sent elsewhere",
            "listeners=http://127.0.0.1:8083 in the worker's properties, or a login before it (a gateway, or "
            "rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension), and TLS",
        )
    if cluster and facts.cluster and cluster != facts.cluster:
        yield blocks(
            "connect.brokers",
            f"Connect at {facts.url}",
            f"works with Kafka cluster {facts.cluster}, and kafka.bootstrap_servers are of {cluster}: what it captures never comes",
            "name the right Connect (connect.url) or the right brokers (kafka.bootstrap_servers) in site.yaml",
        )


def of_capture(source: CaptureSource, status: ConnectorStatus | None, *, connector: str) -> Iterator[Told]:
    """status: what Connect says of it; None where there is no such connector."""
    where = f"connector {connector}"
    if status is None:
        yield blocks("connect.capture", where, "does not exist", f"yibao connector apply --source {source.name}")
        return
    if status.failure is not None:
        yield blocks("connect.capture", where, f"has failed: {status.failure}", remedy_of(status.failure, source))
        return
    if status.running:
        return
    tasks = ", ".join(f"{task.number}: {task.state}" for task in status.tasks) or "none"
    mend = f"yibao connector resume {source.name}" if status.state in ("PAUSED", "STOPPED") else "look again in a minute"
    what = f"is {status.state}, its tasks {tasks}: nothing is captured"
    yield blocks("connect.capture", where, what, mend)


def of_heartbeat(source: CaptureSource, age_s: float | None, *, silent_s: float) -> Iterator[Told]:
    """age_s: of the last heartbeat; None where there was none. silent_s: from when on it is silent. Of a capture that runs."""
    if age_s is not None and age_s <= silent_s:
        return
    told = "gave no sign of life yet" if age_s is None else f"gave its last sign of life {age_s:.0f} s ago"
    yield blocks(
        "connect.heartbeat",
        f"capture of {source.name}",
        f"says RUNNING and {told}: Connect does not reach the database, or the brokers",
        f"the log of Connect's worker says why; then: yibao connector restart {source.name} --all",
    )
