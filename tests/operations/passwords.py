"""Passwords of Kafka and of Connect's REST change while rows come, as docs/operations.md has it under *A new password*.

Kafka: one user with another password, and then another user; the workers restart one after the other. Connect: behind a gateway
with a login, as in production; only the look-out asks there, and no row waits for it. Every record is accepted once.
"""

import asyncio
import base64
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import orjson
import yaml
from kafka.admin import KafkaAdminClient
from kafka.admin._users import UserScramCredentialDeletion, UserScramCredentialUpsertion

from streams.broker_wiring import client_options
from streams.mapping import load_site
from streams.private_files import write_private
from tests.bench.messages import Load, Message, as_rows, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import Started, platform, worker
from tests.bench.topics import apply_topics, fill
from tests.integration.both_stages import accepted_lines
from tests.integration.secured_kafka import MECHANISM, Secured, secured_kafka, site_of
from tests.operations.failed import Failed

_PREFIX: Final = "passwords-"
_PARTITIONS: Final = 4
_VISITS: Final = 30
_STAGES: Final = ("place", "join", "deliver")
_WITHIN_S: Final = 900.0
_PORTION: Final = 25


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    with ExitStack() as ends:
        secured = ends.enter_context(secured_kafka(folder / "kafka"))
        url = ends.enter_context(platform(0.0, home=folder))
        gateway = ends.enter_context(_gateway())
        rotation = _Rotation(folder, secured, gateway, say)
        rotation.prepare(url)
        try:
            return rotation.run()
        finally:
            rotation.end()


@dataclass(slots=True)
class _Gateway:
    """Stands before Connect, and lets in who has the password. Connect itself has no connector of ours here."""

    port: int = 0
    password: str = "first"
    refused: int = 0
    let_in: int = 0


@contextmanager
def _gateway() -> Iterator[_Gateway]:
    gateway = _Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = base64.b64encode(f"office:{gateway.password}".encode()).decode()
            is_right = self.headers.get("Authorization") == f"Basic {wanted}"
            gateway.let_in += is_right
            gateway.refused += not is_right
            code, answer = self._answer() if is_right else (401, {"message": "who are you?"})
            said = orjson.dumps(answer)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", f"{len(said)}")
            self.end_headers()
            self.wfile.write(said)

        def _answer(self) -> tuple[int, object]:
            if self.path.rstrip("/").endswith("/connectors"):
                return 200, []
            return 404, {"error_code": 404, "message": "no such connector"}

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


@dataclass(slots=True)
class _Rotation:
    folder: Path
    secured: Secured
    gateway: _Gateway
    say: Callable[[str], None]
    file: Path = Path()
    running: dict[str, ExitStack] = field(default_factory=dict)
    workers: dict[str, Started] = field(default_factory=dict)
    rows: Sequence[Message] = ()
    lookups: Sequence[Message] = ()
    changes: Sequence[Message] = ()

    def prepare(self, url: str) -> None:
        """A user for the site, topics, the first rows, workers."""
        self._user("site", "of-the-first-day")
        self.file = site_of(
            self.secured,
            self.folder,
            prefix=_PREFIX,
            url=url,
            partitions=_PARTITIONS,
            sasl_username="site",
            sasl_password_file=f"{self._password}",
        )
        document = yaml.load(self.file.read_text("utf-8"), Loader=yaml.BaseLoader)
        rest = {"url": f"http://127.0.0.1:{self.gateway.port}", "user": "office", "password_file": f"{self._rest}"}
        self.file.write_text(yaml.safe_dump(document | {"connect": rest}, allow_unicode=True), "utf-8")
        write_private(self._rest, self.gateway.password)
        apply_topics(self.file)
        self.lookups, self.changes = hospital_messages(_VISITS, partitions=_PARTITIONS)
        self.rows = as_rows(self.changes)
        self._fill(self.lookups)
        for stage in _STAGES:
            self._start(stage)

    def run(self) -> str:
        third = len(self.rows) // 3
        expected = [
            one.record for one in fold_all(Load(lookups=self.lookups, changes=self.changes, partitions=_PARTITIONS)).emissions
        ]
        self._while_rows_come(self.rows[:third], self._another_password)
        self._while_rows_come(self.rows[third : 2 * third], self._another_user)
        self._another_login_at_connect(self.rows[2 * third :])
        self._until(lambda: len(accepted_lines(self.file)) >= len(expected), "all records")
        accepted = Counter((service, line.key, line.hash) for service, line in accepted_lines(self.file))
        if accepted != (wanted := Counter((f"{one.service}", one.key, one.content_hash) for one in expected)):
            raise Failed(f"{len(wanted - accepted)} records are missing, {len(accepted - wanted)} too many")
        return f"{len(expected)} records through two changes at Kafka and one at Connect, none missing, none twice"

    # The three changes ------------------------------------------------------------------------------------------

    def _another_password(self) -> None:
        self.say("Kafka: another password of the same user")
        before = client_options(load_site(self.file))
        write_private(self._password, "of-the-second-day")
        self._user("site", "of-the-second-day")
        self._restart_all()
        self._demand_closed(before)

    def _another_user(self) -> None:
        self.say("Kafka: another user, without a gap")
        before = client_options(load_site(self.file))
        self._user("other", "of-the-third-day")
        write_private(self._password, "of-the-third-day")
        text = self.file.read_text("utf-8")
        self.file.write_text(text.replace("sasl_username: site", "sasl_username: other"), "utf-8")
        self._restart_all()
        self._admin([UserScramCredentialDeletion("site", MECHANISM)])
        self._demand_closed(before)

    def _another_login_at_connect(self, rows: Sequence[Message]) -> None:
        self.say("Connect: another password")
        self._until(lambda: self.gateway.let_in, "the look-out, let in")
        if "connect_unwatched" in self._events("place"):
            raise Failed("the look-out says that it is refused before the password is another one")
        self.gateway.password = "second"
        self._until(lambda: "connect_unwatched" in self._events("place"), "the look-out, refused")
        accepted = len(accepted_lines(self.file))
        self._trickle(rows)
        self._until(lambda: len(accepted_lines(self.file)) > accepted, "records while nobody is let in at Connect")
        write_private(self._rest, "second")
        self._until(lambda: "connect_watched" in self._events("place"), "the look-out, let in again")

    # Around it ------------------------------------------------------------------------------------------

    @property
    def _password(self) -> Path:
        return self.folder / "kafka.password"

    @property
    def _rest(self) -> Path:
        return self.folder / "connect.password"

    def _while_rows_come(self, rows: Sequence[Message], change: Callable[[], None]) -> None:
        coming = threading.Thread(target=self._trickle, args=(rows,))
        coming.start()
        change()
        coming.join()

    def _trickle(self, rows: Sequence[Message]) -> None:
        """Capture has a login of its own."""
        for first in range(0, len(rows), _PORTION):
            self._fill(rows[first : first + _PORTION])

    def _fill(self, messages: Sequence[Message]) -> None:
        asyncio.run(fill(self.secured.servers, _PREFIX, messages, **self.secured.clients()))

    def _user(self, name: str, password: str) -> None:
        if not self._password.exists():
            write_private(self._password, password)
        self._admin([UserScramCredentialUpsertion(name, MECHANISM, password)])

    def _admin(self, alterations: Sequence[object]) -> None:
        """As the brokers' administrator."""
        clients = self.secured.clients()
        admin = KafkaAdminClient(bootstrap_servers=self.secured.servers, **clients)
        try:
            told = admin.alter_user_scram_credentials(alterations)
        finally:
            admin.close()
        if wrong := {user: error for user, error in told.items() if error}:
            raise Failed(f"the broker refused it: {wrong}")

    def _demand_closed(self, before: Any) -> None:
        """What was so before the change does not get in any more: else nothing was proved."""
        try:
            KafkaAdminClient(**{**before, "request_timeout_ms": 5_000}).close()
        except Exception:  # noqa: BLE001 - however the client says it
            return
        raise Failed("the old password still opens the brokers")

    def _restart_all(self) -> None:
        for stage in reversed(_STAGES):
            seen = self._events(stage).count("lane_opened")
            self.running.pop(stage).close()
            self._start(stage)
            self._until(lambda stage=stage, seen=seen: self._events(stage).count("lane_opened") > seen, f"lanes of {stage}")  # type: ignore[misc]

    def _start(self, stage: str) -> None:
        self.running[stage] = ExitStack()
        self.workers[stage] = self.running[stage].enter_context(worker(stage, site=self.file, home=self.folder))

    def _events(self, stage: str) -> list[str]:
        log = self.folder / f"{stage}-0.log"
        lines = log.read_bytes().splitlines() if log.exists() else []
        return [orjson.loads(line)["event"] for line in lines if line.startswith(b"{") and line.endswith(b"}")]

    def _until(self, done: Callable[[], object], what: str) -> None:
        end = time.monotonic() + _WITHIN_S
        while not done():
            for one in self.workers.values():
                one.check()
            if time.monotonic() > end:
                raise Failed(f"waited for {what} in vain")
            time.sleep(0.5)

    def end(self) -> None:
        """Leave nothing running."""
        for one in self.running.values():
            one.close()
