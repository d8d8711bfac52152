"""The surroundings of one scenario on the suite's stack: its files, topics, capture and platform. All of its own, so that nothing
of one scenario reaches another.
"""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from kafka import KafkaAdminClient

from sandbox.hospital import FROZEN_ITEMS
from sandbox.stack import Endpoints
from streams.broker_wiring import broker_access, client_options
from streams.mapping import Site, capture_sources, load_site
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from tests.chaos.nightly import mapped_past
from yibao.captures.from_site import connect_client, reconciler
from yibao.demonstration.children import Child
from yibao.demonstration.demo_site import write_site
from yibao.demonstration.settings import SAMPLE, DemoSettings
from yibao.verbs.topics import create_topics

_REFUSED_S = 30.0
PATIENT_LOOKUP = "patient"
WAIT_S = 900
"""How long rows wait for their parts; the default of a hospital, and longer than any fault."""


class ChaosSite:
    """name: of the scenario, lower-case letters and digits. refuse_percent: share of all records that the platform refuses.
    in_parts: whether lines may be on their way between tables for a while.
    """

    def __init__(
        self, name: str, *, home: Path, endpoints: Endpoints, seed: int, refuse_percent: float, in_parts: bool = False
    ) -> None:
        self.name = name
        self._in_parts = in_parts
        self.home = home
        self.slot = f"yibao_{name}"
        self.database = f"his_{name}"
        self.site_file = home / "site" / "site.yaml"
        self.url = ""
        self._seed = seed
        self._refuse_percent = refuse_percent
        self._endpoints = endpoints
        self._platform = Child("platform", home=home)

    def start_platform(self) -> None:
        """The strict simulator, in a process of its own; and the site's files, which name it."""
        frozen = [f"--frozen={code}" for code in sorted(FROZEN_ITEMS)]
        files: list[str | Path] = ["--institutions", SAMPLE / "site.yaml", "--keys", self.home / "keys"]
        options = [f"--seed={self._seed}", f"--refuse-percent={self._refuse_percent}", "--output", "json", "--refuse-orphans"]
        self._platform.start(["platform", "serve", *files, *options, *frozen], bound=True)
        self.url = f"{json.loads(self._platform.first_line(within_s=60))['url']}"
        self._write()

    def start_capture(self) -> Site:
        """Topics and connector."""
        site = self.load()
        with Broker(broker_access(site)) as broker:
            specs = [topic.spec for topic in create_topics(site, broker).topics]
            (lookup,) = [spec for spec in specs if spec.name == site.topics.lookup(PATIENT_LOOKUP)]
            # By the broker's clock: when a message stood there, and not when capture began to send it.
            broker.reshape([replace(lookup, configs={**lookup.configs, "message.timestamp.type": "LogAppendTime"})])
        connectors = reconciler(site)
        for source in capture_sources(site):
            connectors.apply(source)
        return site

    def load(self) -> Site:
        return load_site(self.site_file)

    def restart_failed(self) -> int:
        """Do what an operator does with a capture whose task has failed; how many there were."""
        connect, site = connect_client(self.load()), self.load()
        restarted = 0
        with contextlib.suppress(Exception):  # a Connect that is away is no failed task
            for source in capture_sources(site):
                name = site.topics.connector(source.name)
                status = connect.status(name)
                if status is not None and any(task.state == "FAILED" for task in status.tasks):
                    connect.restart(name, only_failed=True)
                    restarted += 1
        return restarted

    def fault(self, **fault: Any) -> None:
        """Put a fault of the platform in force; its windows count from now."""
        self._ask("POST", "faults", fault)

    def clear_faults(self) -> None:
        self._ask("DELETE", "faults")

    def stats(self) -> Mapping[str, Any]:
        """What the simulator counted."""
        found: Mapping[str, Any] = json.loads(self._ask("GET", "stats"))
        return found

    def journal(self, since: int, *, values: bool = False) -> list[dict[str, Any]]:
        """The accepted records numbered above `since`, in the order of acceptance."""
        return [json.loads(line) for line in self._ask("GET", f"journal?since={since}&values={int(values)}").splitlines()]

    def came(self, lookup: str) -> dict[str, int]:
        """When (ms) the first row of each key stood in the topic of a lookup, by the brokers' clock."""
        found: dict[str, int] = {}
        site = self.load()
        for message in read_whole(client_options(site), site.topics.lookup(lookup)):
            (key,) = json.loads(message.key).values()
            found[f"{key}"] = min(message.timestamp, found.get(f"{key}", message.timestamp))
        return found

    def stop_platform(self) -> None:
        self._platform.stop()

    def remove_capture(self) -> None:
        """Delete connector and topics."""
        site = self.load()
        connect = connect_client(site)
        for source in capture_sources(site):
            connect.delete(site.topics.connector(source.name))
        options = {key: value for key, value in client_options(site).items() if key != "bootstrap_timeout_ms"}
        admin = KafkaAdminClient(**options)
        try:
            admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(site.topics.prefix)])
        finally:
            admin.close()

    def _write(self) -> None:
        settings = DemoSettings(visits=0, seed=0, rate=0, home=self.home)
        write_site(settings, self._endpoints, platform_url=self.url, keys=self.home / "keys")
        site = yaml.safe_load(self.site_file.read_text("utf-8"))
        site["site"] = f"chaos-{self.name}"
        site["kafka"] |= {"topic_prefix": f"{self.name}.", "replication_factor": self._endpoints.bootstrap_servers.count(",") + 1}
        site["sources"]["his"] |= {"database": self.database, "slot": self.slot}
        site["platform"]["timeout_s"] = 10
        site["join"] = {"wait_s": WAIT_S, "tick_s": 1.0, "withdrawal_grace_s": 1.0}
        # A hospital has the night to come back after an outage, the suite has not.
        site["deliver"] = {"retry": {"max_s": 3.0}, "breaker": {"probe_s": 1.0}, "held_probe_s": 3.0}
        self.site_file.write_text(yaml.safe_dump(site, allow_unicode=True, sort_keys=False), "utf-8")
        mapping = self.site_file.parent / site["sources"]["his"]["mapping"]
        mapping.write_text(mapped_past(mapping.read_text("utf-8"), in_parts=self._in_parts), "utf-8")

    def _ask(self, method: str, page: str, order: object = None) -> bytes:
        body = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{page}", data=body, method=method)
        until = time.monotonic() + _REFUSED_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    said: bytes = answer.read()
            except (urllib.error.URLError, ConnectionError):
                # An outage that refuses connections closes these pages, too.
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)
            else:
                return said
