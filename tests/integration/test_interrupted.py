"""Ctrl-C while a command works: exit code 130, and a sentence that says what is left and how it is cleaned."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from streams.seal import generate_key_pair
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SITE = ROOT / "tests" / "contract" / "mapping"


class Silent:
    """A server that takes connections and never says a word: whoever asks it waits until he is interrupted."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.asked = threading.Event()
        self.connections = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            try:
                self.connections.append(self.listening.accept()[0])
            except OSError:
                return
            self.asked.set()

    def close(self):
        for one in (self.listening, *self.connections):
            one.close()


@contextmanager
def started(folder, server, words):
    """A command that soon waits for `server`, in a folder with a site of which everything is there."""
    folder.mkdir()
    for file in ("site.yaml", "mapping.yaml"):
        shutil.copy(SITE / file, folder / file)
    text = (folder / "site.yaml").read_text(encoding="utf-8")
    text = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.port}", text)
    if words.startswith("connector"):  # it asks the brokers first, and goes on where they are away
        text = re.sub(r"(bootstrap_servers: 127\.0\.0\.1):\d+", r"\1:1", text)
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    shutil.copy(folder / "site.yaml", folder / "our site.yaml")
    for name in ("keys/h1.pem", "keys/p2.pem", "secrets/his.password"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(generate_key_pair().public.pem)
    command = [sys.executable, "-m", "yibao", *shlex.split(words.format(port=server.port))]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


WAITING = {
    "topics apply -c 'our site.yaml'": "were created stay; `yibao topics plan -c 'our site.yaml'` shows what is missing",
    "connector restart his -c 'our site.yaml'": "the order already; `yibao connector status -c 'our site.yaml'` shows",
    "hospital run --port {port} --expected e.jsonl": "what was committed stays in database his, and e.jsonl is not whole",
    "dlq summary": "nothing was started or changed",
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """What each command that waits said when it was interrupted; all at once, because each takes seconds to begin."""
    root = tmp_path_factory.mktemp("interrupted")
    with ExitStack() as stack:
        running = {}
        for number, words in enumerate(WAITING):
            server = Silent()
            stack.callback(server.close)
            running[words] = server, stack.enter_context(started(root / f"{number}", server, words))
        waiting, deadline = dict(running), time.monotonic() + PATIENCE_S
        while waiting:
            assert time.monotonic() < deadline, [*waiting]
            for words, (server, process) in [*waiting.items()]:
                if server.asked.wait(0.05):
                    process.send_signal(signal.SIGINT)
                    del waiting[words]
        said = {words: process.communicate(timeout=PATIENCE_S)[1] for words, (_, process) in running.items()}
        return {words: (process.returncode, said[words]) for words, (_, process) in running.items()}


def test_a_worker_that_waits_for_brokers_ends_when_it_is_asked_to(tmp_path):
    """An upgrade during an outage: a worker that does not hear SIGTERM is killed when its grace is over, one by one."""
    server = Silent()
    try:
        with started(tmp_path / "worker", server, "worker join --home h") as process:
            assert server.asked.wait(PATIENCE_S)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        server.close()
    assert 0 == process.returncode, err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", WAITING)
def test_whoever_interrupts_is_told_what_is_left(ended, words):
    """Without it nobody knows whether the command did half of its work, all of it or none."""
    code, err = ended[words]
    assert 130 == code, err
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("interrupted: ")
    assert WAITING[words] in last
