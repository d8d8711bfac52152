"""A copy of an example's site on a stack: its files with the stack's addresses, what is typed there, and what runs beside."""

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sandbox.stack import Endpoints
from tests.bench.processes import started
from tests.examples.files import Example
from tests.in_process import yibao
from tests.walk.readme import with_ports

PORTS = {"postgres": 25432, "kafka": 29092, "connect": 28083, "platform": 28080}
"""As the examples' files have them."""
_RUN = cast("Callable[..., tuple[int, str, str]]", yibao)


class Wrong(Exception):
    """Something came of an example that its SQL does not say, or a command ended otherwise than it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The files of a site that are its own."""

    file: Path
    """Its site.yaml."""

    def type(self, words: str) -> str:
        """What a command printed. Raises Wrong where it does not end with 0."""
        code, out, err = _RUN(*shlex.split(words))
        if code:
            raise Wrong(f"`yibao {words}` ended with {code}: {out[-3000:]}{err[-3000:]}")
        return out

    def try_to(self, words: str) -> None:
        """Type a command that may fail: what is tidied at the end."""
        _RUN(*shlex.split(words))

    def write_password(self) -> str:
        """A fresh one for capture, written where the site says; its sources log in alike."""
        named = {line.split()[1] for line in self.file.read_text("utf-8").splitlines() if "password_file:" in line}
        (file,), password = map(Path, named), secrets.token_urlsafe(24)
        file.write_text(password, "utf-8")
        file.chmod(0o600)
        return password

    @contextmanager
    def platform(self) -> Iterator[str]:
        """The simulator, strict about parents; its address, which is written into the site."""
        words: list[str | Path] = [
            "platform",
            "serve",
            "--institutions",
            self.file,
            "--keys",
            self.file.parent / "keys",
            "--refuse-orphans",
            "-o",
            "json",
        ]
        with started(_command(words), log=self.file.parent / "platform.log") as running:
            assert running.process.stdout is not None
            url = f"{json.loads(running.process.stdout.readline())['url']}"
            port = int(url.rpartition(":")[2])
            self.file.write_text(with_ports(self.file.read_text("utf-8"), {PORTS["platform"]: port}), "utf-8")
            yield url

    @contextmanager
    def worker(self) -> Iterator[None]:
        """All stages, as a site runs them."""
        words: list[str | Path] = ["worker", "all", "--config", self.file, "--home", self.file.parent / "workers"]
        with started(_command(words), log=self.file.parent / "worker.log"):
            yield


def copied(example: Example, endpoints: Endpoints, folder: Path) -> Copy:
    """The example's files in a new folder, with the addresses of a stack that others may use, too."""
    shutil.copytree(example.folder, folder)
    file = folder / "site.yaml"
    instead = {
        PORTS["postgres"]: endpoints.postgres_port,
        PORTS["kafka"]: int(endpoints.bootstrap_servers.rpartition(":")[2]),
        PORTS["connect"]: int(endpoints.connect_url.rpartition(":")[2]),
    }
    text = with_ports(file.read_text("utf-8"), instead)
    file.write_text(text.replace(" secrets/", f" {endpoints.secrets}/"), "utf-8")
    return Copy(file=file)


@contextmanager
def at(folder: Path) -> Iterator[None]:
    """In the site's folder, as a person who types there."""
    before, asked = Path.cwd(), os.environ.pop("YIBAO_CONFIG", None)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        if asked is not None:
            os.environ["YIBAO_CONFIG"] = asked


def _command(words: Sequence[str | Path]) -> list[str | Path]:
    return [sys.executable, "-m", "yibao", *words]
