"""What `make clean` takes back outside of the checkout: all that is ours, and nothing else."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from deploy import clean
from sandbox.stack import Stack
from sandbox.stack.account import MADE_BY_US, what_keeps

ROOT = Path(__file__).parents[2]


@pytest.fixture
def temporary():
    """A directory for temporary files that PostgreSQL's system user enters."""
    place = Path(tempfile.mkdtemp(prefix="yibao-clean-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def stack(temporary):
    """PostgreSQL alone, as a test run has it."""
    stack = Stack(temporary / "yibao-run", ("postgres",), durable=False, bound=True)
    stack.start("postgres")
    yield stack
    stack.erase()


def test_only_what_a_killed_test_run_of_this_checkout_left_is_taken(stack, temporary):
    """Another checkout's run, a run that goes on, and a folder that is only called like ours: each must find its files again."""
    stack.home.chmod(0o711)
    for name, made_by in (("yibao-theirs", "/somewhere/else\n"), ("yibao-run-of-another", f"{ROOT}/other\n")):
        (temporary / name / "run").mkdir(parents=True)
        (temporary / name / "run" / "checkout").write_text(made_by)
    (temporary / "yibao-notes").mkdir()
    (temporary / "yibao-link").symlink_to(stack.home)
    while_it_runs = list(clean.abandoned(temporary, ROOT))
    stack.stop("postgres")

    assert ([], [stack.home]) == (while_it_runs, list(clean.abandoned(temporary, ROOT)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
def test_data_outlives_the_system_user(stack):
    """One checkout's clean-up removes the user while another's stopped stack holds data under its number."""
    data = stack.home / "postgres"
    with psycopg.connect(host="127.0.0.1", port=stack.endpoints.postgres_port, user="postgres") as link:
        link.execute("create table kept (id int)")
    stack.stop("postgres")
    nobody_s = next(number for number in range(64_000, 65_000) if not any(number == user.pw_uid for user in pwd.getpwall()))
    for path in (data, *data.rglob("*")):
        os.chown(path, nobody_s, nobody_s, follow_symlinks=False)
    stack.start("postgres")

    with psycopg.connect(host="127.0.0.1", port=stack.endpoints.postgres_port, user="postgres") as link:
        assert (0,) == link.execute("select count(*) from kept").fetchone()


@pytest.mark.parametrize(
    ("comment", "number", "places", "reason"),
    [
        (MADE_BY_US, 64_999, (), ""),
        ("", 64_999, (), "nothing says that a stack made it"),
        ("Database of the laboratory", 64_999, (), "nothing says that a stack made it"),
        (MADE_BY_US, os.getuid(), (), "runs as it"),
        (MADE_BY_US, 64_999, (ROOT / "tests",), "holds data under it"),
        (MADE_BY_US, 64_999, (ROOT / "gone",), ""),
    ],
)
def test_the_system_user_goes_only_when_it_is_ours_and_nobody_needs_it(comment, number, places, reason):
    """A user that the machine's administrator made, or under which another checkout's server runs, is not ours to remove."""
    found = what_keeps(pwd.struct_passwd(("yibao-pg", "x", number, number, comment, "/", "/usr/sbin/nologin")), places)

    assert (bool(reason), True) == (bool(found), reason in found)
