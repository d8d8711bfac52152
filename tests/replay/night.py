"""The site of a bad night, with the programs around it: what is wrong there on purpose, and how it is mended."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml

from sandbox.hospital import create_schema
from sandbox.stack import Endpoints
from sandbox.stack.ports import free_port
from sandbox.stack.service import CHECKOUT
from streams.broker_wiring import broker_access
from streams.errors import YibaoError
from streams.mapping import Site, load_site
from streams.private_files import private_folder, write_private
from streams.seal import generate_key_pair
from streams.topics.broker import Broker
from yibao.lag.stages import lags_of
from yibao.persons import PERSON_VARIABLE

SAMPLE: Final = CHECKOUT / "deploy" / "sites" / "sample"
SPOILT: Final = (", ZL: 201, HC: 301", ", HC: 301")
"""What is missing in the dictionary of the bad night."""
MISSING: Final = "HC"
"""The kind of items of which no row is in the lookup table."""
UNPLACED: Final = "NO_VISIT_KEY"
"""The rule of letters about rows that name no visit."""
WRONG_KEY: Final = "P36110300102"
"""The institution whose key is another one's."""
_PATIENCE_S: Final = 1_800.0
_GONE_S: Final = 60.0
_PASSWORD: Final = "of-a-night"


class Failed(Exception):
    """What must not be."""


class Night:
    """folder: of everything. endpoints: of a stack that runs. name: tells sites on one stack apart. wait_s: for what is missing.
    partitions: of the site's topics; each costs two workers their time at every start.
    """

    def __init__(
        self,
        folder: Path,
        endpoints: Endpoints,
        *,
        name: str,
        wait_s: int,
        approve_above: int = 10_000_000,
        partitions: int = 12,
    ) -> None:
        self.folder, self.endpoints, self.name = folder, endpoints, name
        self.site_file = folder / "site" / "site.yaml"
        self.journal = folder / "journal.jsonl"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._wait_s, self._approve_above, self._partitions = wait_s, approve_above, partitions
        self._port = free_port(set())
        self.kills = 0

    # What is wrong, and what mends it ---------------------------------------------------------------------------------------------

    def prepare(self, *, refused_percent: float, wrong_key: bool, workers: bool = False) -> None:
        """Everything, with what is wrong. workers: begin them, too: they load while capture begins."""
        private_folder(self.site_file.parent)
        self._write_mapping(SPOILT)
        self._write_site(wrong_key=wrong_key)
        self.start_platform(refused_percent)
        with self._superuser("postgres") as conn:
            conn.execute(f"CREATE DATABASE {self.database}")
        with self.connect() as conn:
            create_schema(conn, password=_PASSWORD, role=self.role)
            conn.execute(f"CREATE TABLE public.missing AS SELECT * FROM his.jc_xmml WHERE mllb = '{MISSING}'")
            conn.execute(f"DELETE FROM his.jc_xmml WHERE mllb = '{MISSING}'")
        self.yibao("topics", "apply")
        if workers:
            self.start_workers()
        self.yibao("connector", "apply")

    def mend(self) -> None:
        """The dictionary, the platform's rule, the lookup table's rows, the key; then the workers begin anew."""
        self.stop("platform")
        self.start_platform(0)
        self._write_mapping((SPOILT[0], SPOILT[0]))
        self._write_site(wrong_key=False)
        with self.connect() as conn:
            conn.execute("INSERT INTO his.jc_xmml SELECT * FROM public.missing")
        self.stop("workers")
        self.start_workers()

    def _write_mapping(self, change: tuple[str, str]) -> None:
        text = (SAMPLE / "mapping.yaml").read_text("utf-8")
        if change[0] not in text:
            raise Failed(f"{change[0]!r} is not in the sample's mapping")
        self.site_file.with_name("mapping.yaml").write_text(text.replace(*change), "utf-8")

    def _write_site(self, *, wrong_key: bool) -> None:
        document = yaml.load((SAMPLE / "site.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)
        write_private(self.endpoints.secrets / f"{self.name}.password", _PASSWORD)
        document["site"] = self.name
        document["kafka"] |= {"bootstrap_servers": self.endpoints.bootstrap_servers, "topic_prefix": f"{self.name}-"}
        document["kafka"]["partitions"] = f"{self._partitions}"
        document["connect"]["url"] = self.endpoints.connect_url
        source = document["sources"].pop("his") | {
            "host": self.endpoints.postgres_host,
            "port": self.endpoints.postgres_port,
            "database": self.database,
            "user": self.role,
            "password_file": f"{self.endpoints.secrets / f'{self.name}.password'}",
            "slot": f"yibao_{self.name}",
        }
        document["sources"][self.name] = source
        document["connect"]["heartbeat_s"] = 1
        document["platform"]["url"] = f"http://127.0.0.1:{self._port}"
        document["join"] = {"wait_s": self._wait_s, "tick_s": 1, "withdrawal_grace_s": 1}
        document["join"]["withdrawal_guard"] = {"per_hour": 0}
        # A row without a visit is read again and stays without one: of a hundred a plan would rightly be stopped by its share.
        steady = {"rate_per_s": 400, "stop_share": 1.0}
        document["replay"] = {**steady, "approve_above": self._approve_above, "approve_by_name": True}
        for institution in document["institutions"]:
            if wrong_key and institution["code"] == WRONG_KEY:
                institution["public_key_file"] = "wrong.pub"
        if wrong_key:
            write_private(self.site_file.with_name("wrong.pub"), f"{generate_key_pair().public.hex}\n")
        self.site_file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")

    # Where it is ----------------------------------------------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        return load_site(self.site_file)

    @property
    def database(self) -> str:
        return f"his_{self.name}"

    @property
    def role(self) -> str:
        return f"capture_{self.name}"

    def connect(self) -> AbstractContextManager["psycopg.Connection[Any]"]:
        """To the hospital's database, as its superuser."""
        return self._superuser(self.database)

    def _superuser(self, database: str) -> AbstractContextManager["psycopg.Connection[Any]"]:
        where = self.endpoints
        return psycopg.connect(
            host=where.postgres_host, port=where.postgres_port, dbname=database, user="postgres", autocommit=True
        )

    # Programs -------------------------------------------------------------------------------------------------------------------

    def start_platform(self, percent: float) -> None:
        """The simulator, which refuses so many of all keys."""
        home = self.site_file.parent
        self.begin(
            "platform", "serve", "--institutions", self.site_file, "--keys", home / "keys", "--port", self._port,
            "--journal", self.journal, "--refuse-percent", percent, name="platform",
        )  # fmt: skip

    def start_workers(self) -> None:
        """All stages, under their supervisor."""
        self.begin("worker", "all", name="workers")

    def begin(self, *words: object, name: str) -> "subprocess.Popen[bytes]":
        """Start a program, its output in a log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(self._command(words), stdout=log, stderr=log, cwd=self.folder, env=self._environment())
        self.running[name] = process
        return process

    def stop(self, name: str) -> None:
        """End a program in order."""
        process = self.running.pop(name)
        process.terminate()
        process.wait(_PATIENCE_S)

    def kill_a_worker(self, rng: random.Random) -> None:
        """One of the stages' processes; the supervisor starts it again."""
        listed = subprocess.run(["pgrep", "-P", f"{self.running['workers'].pid}"], capture_output=True, text=True, check=False)
        if children := listed.stdout.split():
            os.kill(int(rng.choice(children)), signal.SIGKILL)
            self.kills += 1

    def end(self) -> None:
        """Leave nothing running: the supervisor ends its workers, so it is asked first."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def remove(self) -> None:
        """Leave nothing on a stack that others use: connector, slot, database."""
        self.tried("connector", "delete", self.name, "--yes")
        with self._superuser("postgres") as conn:
            until = time.monotonic() + _GONE_S
            slots = "FROM pg_replication_slots WHERE database = %s"
            while conn.execute(f"SELECT 1 {slots} AND active", (self.database,)).fetchone() and time.monotonic() < until:
                time.sleep(0.1)
            conn.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}", (self.database,))
            conn.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")

    def tried(self, *words: object, by: str = "") -> "subprocess.CompletedProcess[str]":
        """A command, however it ends. by: another person than the one who runs this."""
        return subprocess.run(
            self._command(words), capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=self.folder,
            env=self._environment() | {PERSON_VARIABLE: by or "clerk"},
        )  # fmt: skip

    def yibao(self, *words: object, by: str = "") -> str:
        """What a command prints. Raises Failed where it does not end with 0."""
        done = self.tried(*words, by=by)
        if done.returncode != 0:
            raise Failed(f"yibao {' '.join(map(str, words))}: exit code {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def asked(self, *words: object) -> Any:
        """What a command says in JSON; None where it says nothing."""
        told = self.tried(*words, "-o", "json").stdout
        return json.loads(told) if told else None

    def accepted(self) -> list[dict[str, Any]]:
        """The platform's journal."""
        return [json.loads(line) for line in self.journal.read_bytes().splitlines()] if self.journal.exists() else []

    @property
    def taken_bytes(self) -> int:
        """Of that journal: whoever asks each second whether it grew need not read it."""
        return self.journal.stat().st_size if self.journal.exists() else 0

    def lags(self) -> list[tuple[str, int | None]] | None:
        """By stage how much waits, as `yibao connector status` says it, without a process a look; None where no broker answers."""
        try:
            with Broker(broker_access(self.site)) as broker:
                return [(one.stage, one.waiting) for one in lags_of(self.site, broker)]
        except YibaoError:
            return None

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "YIBAO_CONFIG": f"{self.site_file}", "PYTHONPATH": f"{CHECKOUT}"}

    def _command(self, words: tuple[object, ...]) -> list[str]:
        bound = [found, "--pdeathsig", "TERM"] if (found := shutil.which("setpriv")) else []
        return [*bound, sys.executable, "-m", "yibao", *map(str, words)]
