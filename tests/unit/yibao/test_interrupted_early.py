"""Ctrl-C where nobody counts with it, while modules are loaded or a topic is read: a person sees one sentence, and no more."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
LOADING = """\
import os, signal, sys
from yibao import main

def build(arguments):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1_000_000):
            pass
    except KeyboardInterrupt as caught:
        raise ValueError("the schema cannot be built") from caught
    sys.exit("nobody interrupted it")

main.build = build
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
main.run()
"""
READING = """\
import gc, sys
from streams.topics.access import BrokerAccess
from streams.topics.onward import Onward

try:
    Onward(BrokerAccess(bootstrap_servers=sys.argv[1]), "visit.dead", [0], client_id="interrupted")
except KeyboardInterrupt:
    pass
gc.collect()
"""


def program(code, *words):
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_an_interruption_while_modules_are_loaded_is_one_sentence():
    """A library that makes its classes then catches it, and fails with a page of its own."""
    with program(LOADING, "doctor") as running:
        _, told = running.communicate(timeout=PATIENCE_S)
    assert (130, "interrupted: nothing was started or changed\n") == (running.returncode, told)


def test_who_has_interruptions_ignored_is_not_interrupted():
    """As `nohup` and shells do for what runs behind."""
    with program(LOADING, "ignored") as running:
        _, told = running.communicate(timeout=PATIENCE_S)
    assert (1, "nobody interrupted it\n") == (running.returncode, told)


def test_an_interruption_while_a_topic_is_read_says_nothing_of_tasks():
    """The loop that reads told of each task that it dropped, on the screen of whoever pressed Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        hangs.settimeout(PATIENCE_S)
        with program(READING, f"127.0.0.1:{hangs.getsockname()[1]}") as running:
            connection, _ = hangs.accept()
            running.send_signal(signal.SIGINT)
            _, told = running.communicate(timeout=PATIENCE_S)
            connection.close()
    assert (0, "") == (running.returncode, told)
