"""The sample hospital's site with nothing wrong in it, run by one version of the product or another."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sandbox.hospital import create_schema
from sandbox.judge import Ending, RecordId, judge
from sandbox.stack import Endpoints
from streams.broker_wiring import broker_access, client_options
from streams.deadletter.reading import read_dead_letters
from streams.deadletter.record import DeadLetterView
from streams.private_files import private_folder, write_private
from streams.topics.broker import Broker
from tests.chaos.verdict import acceptances_in, missing
from tests.operations.another_version import Installed
from tests.operations.failed import Failed
from tests.replay.days import Days
from tests.replay.night import SAMPLE, Night
from yibao.lag.stages import lags_of

_PATIENCE_S = 900.0
_LOOK_S = 1.0
_PASSWORD = "of-a-plain-night"
_EXAMPLES = 5
_TAKEN = "should not have been accepted"
"""How the judge says it."""
_LETTERS_S = 150.0


class PlainNight(Night):
    """version: whose commands are run; None: this checkout's."""

    version: Installed | None = None

    def __init__(self, folder: Path, endpoints: Endpoints, *, name: str) -> None:
        super().__init__(folder, endpoints, name=name, wait_s=600)

    def ready(self) -> None:
        """Everything but topics, capture and workers. The site's file is one that versions from the place stage on read."""
        private_folder(self.site_file.parent)
        shutil.copyfile(SAMPLE / "mapping.yaml", self.site_file.with_name("mapping.yaml"))
        write_private(self.endpoints.secrets / f"{self.name}.password", _PASSWORD)
        document = yaml.load((SAMPLE / "site.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
        document["site"] = self.name
        document["kafka"] |= {
            "bootstrap_servers": self.endpoints.bootstrap_servers,
            "topic_prefix": f"{self.name}-",
            "partitions": 4,
        }
        document["connect"] = {"url": self.endpoints.connect_url}
        document["sources"][self.name] = document["sources"].pop("his") | {
            "host": self.endpoints.postgres_host,
            "port": self.endpoints.postgres_port,
            "database": self.database,
            "user": self.role,
            "password_file": f"{self.endpoints.secrets / f'{self.name}.password'}",
            "slot": f"yibao_{self.name}",
        }
        document["platform"] = {"url": f"http://127.0.0.1:{self._port}"}
        document["join"] = {"wait_s": 600, "tick_s": 1}
        self.site_file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        self.start_platform(0)
        with self._superuser("postgres") as conn:
            conn.execute(f"CREATE DATABASE {self.database}")
        with self.connect() as conn:
            create_schema(conn, password=_PASSWORD, role=self.role)
        self.until(lambda: any((self.site_file.parent / "keys").glob("*.pub")), "the platform's keys")

    def home_of(self, version: Installed | None) -> Path:
        """Where the workers of a version keep what they keep."""
        return self.folder / f"home-{version.name if version else 'now'}"

    def run_workers(self, name: str) -> None:
        """All stages, of the version that is chosen."""
        self.begin("worker", "all", "--home", self.home_of(self.version), name=name)

    def said(self, name: str, event: str) -> list[dict[str, Any]]:
        """The events of this name in a program's log."""
        file = self.folder / f"{name}.log"
        lines = file.read_bytes().splitlines() if file.exists() else []
        found = [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        return [one for one in found if one.get("event") == event]

    def until(self, done: Callable[[], object], what: str) -> None:
        """Wait until it is so. Raises Failed."""
        end = time.monotonic() + _PATIENCE_S
        while not done():
            if time.monotonic() > end:
                raise Failed(f"waited for {what} in vain")
            time.sleep(_LOOK_S)

    def is_drained(self, days: Days) -> bool:
        """Whether nothing waits for a stage, and the platform has the last version of all that it is to have."""
        with Broker(broker_access(self.site)) as broker:
            left = sum(one.waiting or 0 for one in lags_of(self.site, broker))
        return left <= self.site.kafka.partitions and missing(days.endings(self.folder), self.accepted()) == 0

    def judged(self, days: Days, *, by_letters: bool = True) -> str:
        """Each record accepted in its last version, once for each time that the database showed it so, or told as foreseen; what
        came of it in words. Letters come when their time is over, and are waited for. by_letters: whether they are judged,
        too; an earlier version tells some otherwise, and sends lines although their visit or settlement is refused (rule R24 is
        younger). Raises Failed.
        """
        endings = days.endings(self.folder)
        sent_before_r24 = set() if by_letters else days.below_refused(endings)
        end = time.monotonic() + _LETTERS_S
        while True:
            entries, told = self.accepted(), self._letters() if by_letters else []
            judgement = judge(self.here(endings, entries), acceptances_in(entries), told, is_over=True, platform_is_known=False)
            faults = [*judgement.missing, *judgement.unexpected, *judgement.doubled, *judgement.out_of_order]
            if not by_letters:
                faults = [one for one in faults if "no dead letter" not in one]
                faults = [one for one in faults if not any(one.endswith(f"/{key}: {_TAKEN}") for key in sent_before_r24)]
            if not faults:
                return f"{len(entries)} records accepted and {len(told)} letters, none missing, doubled or stale"
            if time.monotonic() > end:
                raise Failed(f"{len(faults)} things are wrong: {'; '.join(faults[:_EXAMPLES])}")
            time.sleep(_LOOK_S)

    def _letters(self) -> list[DeadLetterView]:
        reading = read_dead_letters(client_options(self.site), self.site.topics.dead)
        return list({letter.id: letter for letter in reading.told}.values())

    def here(self, endings: list[Ending], entries: list[dict[str, Any]]) -> list[Ending]:
        """What is foreseen, without what a stricter platform would refuse, and without waits that last longer than this run."""
        taken: dict[RecordId, list[str]] = {}
        for one in entries:
            taken.setdefault((one["service"], one["institution"], one["key"]), []).append(one["hash"])
        found = []
        for one in endings:
            by_platform = one.dead_class == "REJECTED" or one.rule == "PARENT_REFUSED"
            if by_platform and one.id in taken:
                versions = one.versions or tuple(dict.fromkeys(taken[one.id]))
                found.append(replace(one, outcome="accepted", dead_class="", rule="", versions=versions))
            elif one.dead_class != "JOIN_INCOMPLETE":
                found.append(one)
        return found

    def _environment(self) -> Mapping[str, str]:
        if self.version is None:
            return super()._environment()
        return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"YIBAO_CONFIG": f"{self.site_file}"}

    def _command(self, words: tuple[object, ...]) -> list[str]:
        if self.version is None or words[0] == "platform":
            return super()._command(words)
        bound = [found, "--pdeathsig", "TERM"] if (found := shutil.which("setpriv")) else []
        return [*bound, f"{self.version.python}", "-m", "yibao", *map(str, words)]

    def ended(self, name: str) -> int | None:
        """The exit code of a program that ended; None while it runs."""
        process: subprocess.Popen[bytes] = self.running[name]
        return process.poll()
