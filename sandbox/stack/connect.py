"""Kafka Connect: one worker with Debezium's connectors."""

import http.client
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.java import path_for_java
from sandbox.stack.broker import Brokers
from sandbox.stack.jvm import java_command, render
from sandbox.stack.ports import LOOPBACK, PortBook
from sandbox.stack.service import CHECKOUT, Home, demand_checkout, distribution, other_plugins
from streams.errors import Misconfigured

HTTP_OK = 200
METRICS: Final = "connect_metrics"
"""Name of the port that Connect's and Debezium's own metrics are served on."""
RULES: Final = CHECKOUT / "deploy" / "prometheus" / "jmx-connect.yaml"
_AGENT: Final = "jmx-exporter.jar"
_BEAT_MS: Final = 3_000, 10_000
_PATIENT_BEAT_MS: Final = 10_000, 30_000
"""Interval of its signs of life, and after how long without one it is missed; where it has several brokers to look for."""


class Connect:
    """The worker. Everything it knows is in Kafka's topics; connectors read passwords from the folders opened to them only."""

    name = "connect"
    stop_signal = signal.SIGTERM
    patience_s = 180.0

    def __init__(  # noqa: PLR0913 - made in one place, by the stack
        self, home: Home, book: PortBook, brokers: Brokers, *, dist: Path | None, metrics: bool = False, others: bool = False
    ) -> None:
        self.ports = ("connect", METRICS) if metrics else ("connect",)
        self._home = home
        self._book = book
        self._brokers = brokers
        self._dist = dist
        self._others = others

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration."""
        heartbeat, session = _BEAT_MS if self._brokers.count == 1 else _PATIENT_BEAT_MS
        values = {
            **self._brokers.values,
            "heartbeat": heartbeat,
            "session": session,
            "connect": self._book.port("connect"),
            "plugins": self._plugins(),
            "secrets": ",".join(path_for_java(folder) for folder in self._home.readable() if folder.is_dir()),
        }
        config = render(self._home, "connect.properties", values)
        main = "org.apache.kafka.connect.cli.ConnectDistributed"
        agents = [self._agent()] if METRICS in self.ports else []
        return [*java_command(distribution(self._dist), self._home, heap_mb=768, main=main, agents=agents), config]

    def _plugins(self) -> str:
        places = [distribution(self._dist).plugins, *([other_plugins()] if self._others else [])]
        return ",".join(map(str, places))

    def is_ready(self) -> bool:
        """Whether the worker says that it is healthy: it has joined its group and read its topics."""
        link = http.client.HTTPConnection(LOOPBACK, self._book.port("connect"), timeout=5)
        try:
            link.request("GET", "/health")
            return link.getresponse().status == HTTP_OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def _agent(self) -> str:
        """What serves the metrics: it and its rules by names without a path, for Java reads `=` and `:` in one as an end of it.

        Raises Misconfigured where set-up has not fetched it.
        """
        found = sorted(distribution(self._dist).agents.glob("jmx_prometheus_javaagent-*.jar"))
        if not found:
            demand_checkout()
            raise Misconfigured(f"the agent that serves Connect's metrics was not fetched: run `make setup` in {CHECKOUT}")
        for source, name in ((found[-1], _AGENT), (RULES, RULES.name)):
            shutil.copyfile(source, self._home.conf / name)
        return f"{_AGENT}={LOOPBACK}:{self._book.port(METRICS)}:{RULES.name}"

    def erase(self) -> None:
        """Do nothing: it has nothing outside of the stack's directory."""
