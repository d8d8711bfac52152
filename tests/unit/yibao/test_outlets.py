"""What a verb prints arrives whole or is told as lost, in whatever encoding and at whatever end; never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.unit.streams.mapping.test_files import MAPPING, SITE
from yibao.main import VERBS

ROOT = Path(__file__).parents[3]
ASCII_ONLY = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOST = "error: standard output does not take the whole result:"
SETTLED = "import os, sys; from yibao import outlets; outlets.settle()\n"
EVERY_VERB = """\
from yibao.main import VERBS, run
for arguments in [*([verb.name, "--help"] for verb in VERBS), ["check", "-c", "site.yaml"], ["keys", "check", "site.yaml"]]:
    sys.argv = ["yibao", *arguments]
    try:
        run()
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    print("exit", code)
"""


def shell(command, *, cwd=ROOT, **environment):
    """Run a line of a shell in which `$yibao` is the command and `$python` runs the program in `$code`."""
    words = {"yibao": f"{sys.executable} -m yibao", "python": sys.executable, "PYTHONPATH": f"{ROOT}"}
    told = {**os.environ, **words, **environment}
    return subprocess.run(["/bin/bash", "-c", command], cwd=cwd, env=told, capture_output=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def folder(tmp_path):
    """A site whose keys have a Chinese name, and are not there."""
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "site.yaml").write_text(SITE.replace("keys/", "密钥/"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("verb", "where"),
    [("--help", ">&-"), ("--help", "| head -c 0"), ("keys check none", "| head -c 0"), ("check -o json", ">/dev/full")],
)
def test_a_result_that_does_not_arrive_is_one_line_and_a_failure(folder, verb, where):
    """A script that reads "no problems" out of an empty file is worse than one that stops."""
    told = shell(f"$yibao {verb} {where}; exit ${{PIPESTATUS[0]}}", cwd=folder)
    [line] = told.stderr.decode().splitlines()
    assert (1, True) == (told.returncode, line.startswith(LOST)), line


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_an_error_that_nobody_hears_keeps_its_exit_code(where):
    """The code is all that is left to a supervisor."""
    told = shell(f"$yibao keys show none {where}")
    assert (2, b"", b"") == (told.returncode, told.stdout, told.stderr)


def test_a_worker_goes_on_when_its_log_is_full():
    """A full disk under the log must not stop the delivery: nothing that is reported depends on it."""
    code = (
        "import logging, structlog; from streams.telemetry import events; events.configure()\n"
        "structlog.get_logger().error('lane_held', why='医保'); logging.getLogger('aiokafka').warning('x')\n"
        "print('goes on')"
    )
    told = shell('$python -c "$code" 2>/dev/full', code=SETTLED + code)
    assert (0, b"goes on\n", b"") == (told.returncode, told.stdout, told.stderr)


def test_a_closed_standard_output_is_no_place_for_the_next_file(tmp_path):
    """The next file that is opened would get its number, and what is printed would stand in it."""
    code = "print(os.open('f', os.O_WRONLY | os.O_CREAT), file=sys.stderr)"
    assert b"3\n" == shell('$python -c "$code" <&- >&-', code=SETTLED + code, cwd=tmp_path).stderr


def test_no_verb_ends_at_a_letter_that_the_terminal_lacks(folder):
    """Names and messages are Chinese, and terminals in machine rooms are not."""
    told = shell('$python -c "$code"', code=SETTLED + EVERY_VERB, cwd=folder, **ASCII_ONLY)
    ends = [line for line in told.stdout.decode("ascii").splitlines() if line.startswith("exit ")]
    assert ["exit 0"] * len(VERBS) + ["exit 2", "exit 1"] == ends, told.stderr
    assert b"set LC_ALL=C.UTF-8" in told.stderr, "a file that this locale has no name for"


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "医院"), ("gbk", "😀 医院")])
def test_what_an_encoding_lacks_is_escaped_as_json_has_it(encoding, name):
    """A program that reads `-o json` there gets the same as anywhere."""
    told = shell(f"$yibao keys check '{name}' -o json", PYTHONIOENCODING=encoding)
    assert [name] == [one["file"] for one in json.loads(told.stdout.decode(encoding))]
