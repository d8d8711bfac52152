"""The watch over capture, and `yibao doctor`, as docs/operations.md has them: planted faults, a wrong password, a new
password while the hospital works, a disk that the log fills.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psycopg
import yaml
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from sandbox.stack import Stack
from sandbox.stack.service import CHECKOUT
from streams.topics.access import BrokerAccess, client_options
from streams.topics.whole import read_whole
from tests.operations.failed import Failed

T = TypeVar("T")

_SAMPLE = CHECKOUT / "deploy" / "sites" / "sample"
_WITHIN_S = 300.0
_KEPT = {"cleanup.policy": "delete", "retention.bytes": "-1", "max.message.bytes": "8388608", "min.insync.replicas": "1"}
_PATIENT = "1209600000"
_ROWS = 400
_ROOM_GB = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The sample site on a stack of its own."""

    folder: Path
    """Where its files are."""
    stack: Stack
    """PostgreSQL, Kafka, Connect."""
    say: Callable[[str], None]
    """Tells how far the proof is."""

    def yibao(self, *words: str, code: int | None = 0) -> str:
        """What a command says on standard output. code: with what it must end; None: however."""
        command = (sys.executable, "-m", "yibao", *words)
        done = subprocess.run(command, cwd=self.folder, env=_environment(), capture_output=True, text=True, check=False)
        if code is not None and done.returncode != code:
            told = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
            raise Failed(f"yibao {' '.join(words)} ended with {done.returncode} and not {code}: {told}")
        return done.stdout

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last of these statements, as the database's administrator."""
        ends = self.stack.endpoints
        login = {"host": ends.postgres_host, "port": ends.postgres_port, "user": "postgres", "dbname": "his"}
        with psycopg.connect(**login, autocommit=True) as database:  # type: ignore[arg-type]  # each of its own type
            for statement in statements:
                done = database.execute(statement.encode())
            return done.fetchall() if done.description else []

    def events(self) -> list[dict[str, Any]]:
        """What the workers told so far."""
        lines = (self.folder / "worker.log").read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]

    def event(self, name: str, *, after: int) -> dict[str, Any]:
        """The first event of this name after so many others; waits for it."""
        return until(lambda: next((one for one in self.events()[after:] if one["event"] == name), None), f"event {name}")

    def blocks(self) -> set[str]:
        """The checks by which `yibao doctor` tells what stands against operation."""
        findings = json.loads(self.yibao("doctor", "-o", "json", code=None))["findings"]
        return {one["check"] for one in findings if one["severity"] == "blocks"}

    def well(self) -> None:
        """Wait until nothing stands against operation."""
        until(lambda: self.blocks() == set() or None, "nothing that doctor has against the site")


def until(found: Callable[[], T | None], what: str) -> T:
    """What is found in the end. Raises Failed."""
    deadline = time.monotonic() + _WITHIN_S
    while (it := found()) is None:
        if time.monotonic() > deadline:
            raise Failed(f"waited for {what} in vain")
        time.sleep(0.5)
    return it


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    with _site(folder, say) as site:
        site.well()
        planted = _planted(site)
        _wrong_password(site)
        rows = _new_password(site)
        kept = _disk(site)
    return (
        f"{planted} planted faults found; nothing restarted while the password was wrong, and then by itself; {rows} rows beside a "
        f"new password, each came; slot given up at {kept / (1 << 20):.0f} MiB, and all read again"
    )


def _planted(site: Site) -> int:
    """Each is found by its check, and nothing stands against the site once it is mended."""
    admin = KafkaAdminClient(bootstrap_servers=site.stack.endpoints.bootstrap_servers)

    def keep(name: str, value: str) -> None:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, "visit.ready", {**_KEPT, "retention.ms": _PATIENT, name: value})]
        )

    faults: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "kafka.retention": (lambda: keep("retention.ms", "86400000"), lambda: keep("retention.ms", _PATIENT)),
        "kafka.topics": (lambda: keep("cleanup.policy", "compact"), lambda: keep("cleanup.policy", "delete")),
        "database.capture": (
            lambda: site.sql("ALTER ROLE yibao_capture NOREPLICATION"),
            lambda: site.sql("ALTER ROLE yibao_capture REPLICATION"),
        ),
        "connect.capture": (lambda: site.yibao("connector", "pause", "his"), lambda: site.yibao("connector", "resume", "his")),
    }
    for check, (plant, mend) in faults.items():
        site.say(f"planted: {check}")
        plant()
        if check not in (found := site.blocks()):
            raise Failed(f"doctor does not find {check}, but {found or 'nothing'}")
        mend()
    admin.close()
    site.well()
    return len(faults)


def _wrong_password(site: Site) -> None:
    """No restart against a login that is refused; one by itself when it is right again."""
    site.say("a wrong password")
    before = len(site.events())
    site.yibao("connector", "stop", "his")
    site.sql("ALTER ROLE yibao_capture PASSWORD 'another'")
    site.yibao("connector", "resume", "his", code=1)
    failed = site.event("capture_failed", after=before)
    if failed["cure"] != "person" or not failed["at_risk"].startswith("nothing yet"):
        raise Failed(f"a login that is refused is told as {failed}")
    site.sql(f"ALTER ROLE yibao_capture PASSWORD '{_password(site).read_text()}'")
    right = len(site.events())
    if any(one["event"] == "capture_restarted" for one in site.events()[before:right]):
        raise Failed("it was restarted while its login was refused")
    site.event("capture_restarted", after=right)
    site.event("capture_recovered", after=right)


def _new_password(site: Site) -> int:
    """The walk of the documentation, while rows are written: each arrives."""
    site.say("a new password while the hospital works")
    writing = threading.Thread(target=_write, args=(site,))
    writing.start()
    site.yibao("connector", "stop", "his")
    site.sql("ALTER ROLE yibao_capture PASSWORD 'the-new-one'")
    _password(site).write_text("the-new-one")
    site.yibao("connector", "resume", "his")
    writing.join()
    until(lambda: _arrived(site) == {f"R{number}" for number in range(_ROWS)} or None, "all rows that were written")
    site.well()
    return _ROWS


def _write(site: Site) -> None:
    """Departments, which nobody reports: a lookup's row is captured like any other."""
    for number in range(_ROWS):
        site.sql(f"INSERT INTO his.jc_ks (ksdm, ksmc) VALUES ('R{number}', 'x')")


def _arrived(site: Site) -> set[str]:
    access = BrokerAccess(bootstrap_servers=site.stack.endpoints.bootstrap_servers)
    rows = read_whole(client_options(access, client_id="operations-proof"), "lookup.department")
    told = (orjson.loads(row.value)["after"] for row in rows if row.value)
    return {one["ksdm"] for one in told if one and f"{one['ksdm']}".startswith("R")}


def _disk(site: Site) -> int:
    """The log grows while capture is stopped; the slot is given up, loudly, and a person brings everything back."""
    site.say("a disk that the log fills")
    before = len(site.events())
    site.yibao("connector", "stop", "his")
    site.sql("CREATE TABLE IF NOT EXISTS public.filler (t text)")
    filled = "INSERT INTO public.filler SELECT repeat(md5(g::text), 30) FROM generate_series(1, 30000) g"
    dropped = until(
        lambda: (site.sql(filled), next((one for one in site.events()[before:] if one["event"] == "slot_dropped"), None))[1],
        "a slot that is given up",
    )
    site.event("slot_endangered", after=before)
    site.event("source_stopped", after=before)
    if site.sql("SELECT 1 FROM pg_replication_slots"):
        raise Failed("the slot is still there")
    if "slot given up" not in site.yibao("audit", "list", "-o", "json"):
        raise Failed("the audit log does not say that the slot was given up")
    site.yibao("connector", "status", code=1)
    site.yibao("connector", "forget", "his", "--yes")
    site.yibao("resume", "his", "--why", "the disk was full")
    site.event("source_resumed", after=before)
    site.well()
    return int(dropped["kept_bytes"])


@contextmanager
def _site(folder: Path, say: Callable[[str], None]) -> Iterator[Site]:
    """Everything runs: stack, platform, hospital, capture, workers; and is ended."""
    stack = Stack(folder / "stack", durable=False)
    shutil.copytree(_SAMPLE, folder, dirs_exist_ok=True)
    site, started = Site(folder=folder, stack=stack, say=say), list[subprocess.Popen[bytes]]()
    try:
        say("stack, platform, hospital, capture")
        ends = stack.up()
        with (folder / "platform.log").open("wb") as told:
            words = ("platform", "serve", "--institutions", "site.yaml", "--keys", "keys", "--port", "0")
            started.append(_started(folder, *words, stdout=told))
        url = until(lambda: _url(folder / "platform.log"), "a platform")
        _write_site(folder, stack, url)
        port = f"{ends.postgres_port}"
        site.yibao("hospital", "create", "--port", port, "--capture-password-file", f"{_password(site)}")
        for words in (("topics", "apply"), ("connector", "apply")):
            site.yibao(*words)
        with (folder / "worker.log").open("wb") as told:
            started.append(_started(folder, "worker", "all", stderr=told))
        yield site
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        stack.erase()


def _write_site(folder: Path, stack: Stack, url: str) -> None:
    file, ends = folder / "site.yaml", stack.endpoints
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["kafka"] |= {"bootstrap_servers": ends.bootstrap_servers, "partitions": 2}
    document["connect"] = {"url": ends.connect_url, "heartbeat_s": 2}
    document["platform"]["url"] = url
    document["capture"] = {"first_restart_s": 5}
    own = {"port": ends.postgres_port, "password_file": f"{ends.secrets / 'his.password'}"}
    document["sources"]["his"] |= own | {"log_room_gb": _ROOM_GB, "give_up_slot": True}
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def _password(site: Site) -> Path:
    return site.stack.endpoints.secrets / "his.password"


def _url(log: Path) -> str | None:
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    return next((f"{line['url']}" for line in lines if line.get("event") == "platform_started"), None)


def _started(folder: Path, *words: str, **outlets: Any) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT} | outlets
    return subprocess.Popen((sys.executable, "-m", "yibao", *words), cwd=folder, env=_environment(), **quiet)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{CHECKOUT}"}
