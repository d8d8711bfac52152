"""Another account of a hospital's machine reads nothing of what we keep there, whatever umask our programs were started with."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox.stack import Stack
from sandbox.stack.account import SYSTEM_USER
from tests.others import opened_by_another, read_by_others
from tests.patience import PATIENCE_S

HOSPITAL = "H36110200001"


@pytest.fixture
def public():
    """A folder that everybody enters: what is closed in it is closed by itself."""
    folder = Path(tempfile.mkdtemp(prefix="yibao-public-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def ran(*words, umask):
    """The command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "yibao", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, umask=umask
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another account")
def test_the_other_account_of_these_tests_can_read(public):
    """Without this, a mistake in how we become another account would look like safety."""
    (public / "open").write_text("for everybody")
    (public / "open").chmod(0o644)

    assert [str(public), str(public / "open")] == opened_by_another([public, public / "open"])


@pytest.mark.stack
def test_nobody_else_reads_what_the_stack_keeps(stack, embedded):
    """The suite starts its stack with umask 000. PostgreSQL's account, under root, passes through the home and lists nothing."""
    for file in embedded.secrets.iterdir():
        file.chmod(0o600)  # other tests put it there, not the stack
    found = {str(path.relative_to(embedded.home)) for path in embedded.home.rglob("*")}

    wanted = {"kafka/meta.properties", "logs/postgres.log", "conf/connect.properties", "run/kafka.process", "ports.json"}
    assert (wanted, []) == (wanted & found, read_by_others(embedded.home))
    if os.geteuid() == 0:
        entered = subprocess.run(
            ["ls", embedded.home], user=SYSTEM_USER, group=SYSTEM_USER, extra_groups=[], check=False, capture_output=True
        )
        assert b"Permission denied" in entered.stderr


@pytest.mark.stack
def test_a_stack_of_the_version_before_is_closed_when_it_is_used(public):
    """Its folders were left to the umask, and its database must still be found by the account that runs it."""
    stack = Stack(public / "stack", ("postgres",), durable=False)
    try:
        stack.up()
        stack.down()
        before = (public / "stack" / "postgres" / "PG_VERSION").stat().st_ino
        (public / "stack" / ".yibao-home").unlink()
        for path in (public / "stack", public / "stack" / "run", public / "stack" / "logs", public / "stack" / "secrets"):
            path.chmod(0o755)
        (public / "stack" / "logs" / "postgres.log").chmod(0o644)

        stack.up()

        assert ([], before) == (read_by_others(public / "stack"), (public / "stack" / "postgres" / "PG_VERSION").stat().st_ino)
        stack.down()
    finally:
        stack.erase()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_nobody_else_reads_what_the_simulator_and_the_sample_hospital_write(public, umask):
    """The platform's journal and keys, a pair made for an institution, the records that a run expects."""
    (public / "institutions.yaml").write_text(f"{HOSPITAL}: 第一人民医院\n", encoding="utf-8")
    ours = public / "ours"
    files = ["--institutions", public / "institutions.yaml", "--keys", ours / "platform", "--journal", ours / "j" / "journal.jsonl"]
    nowhere = ["--port", "1", "--visits", "3"]
    with (
        ran("platform", "serve", *files, umask=umask) as platform,
        ran("hospital", "run", *nowhere, "--expected", ours / "e" / "expected.jsonl", umask=umask) as hospital,
        ran("keys", "new", "--out", ours / "new", "--institution", HOSPITAL, umask=umask) as keys,
    ):
        assert b"platform at" in platform.stdout.readline()
        platform.send_signal(signal.SIGTERM)
        assert [0, 3, 0] == [program.wait(timeout=PATIENCE_S) for program in (platform, hospital, keys)]

    made = sorted(path.name for path in ours.rglob("*") if path.is_file())
    named = [f"{HOSPITAL}.{end}" for end in ("key", "private.pem", "pub", "public.pem")]
    assert ([*named, "expected.jsonl", "journal.jsonl"], []) == (made, read_by_others(ours))
