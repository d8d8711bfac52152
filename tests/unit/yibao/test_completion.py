"""A Tab on the command line, as the shells themselves answer it."""

import shutil
import subprocess

import pytest

from yibao.commands import tree
from yibao.completion import Shell, script
from yibao.main import build

SITE = """\
site: s
sources:   # of the group
  his:
    kind: postgresql
  emr-2:
    kind: postgresql
institutions:
  - code: H36110200001
    name: x
  - {code: P36110200101, name: y}
"""
ASK = """
ask() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _yibao
    echo "${COMPREPLY[*]}"
}
"""


def said(shell, code, *, cwd):
    """What a shell prints, which reads `code` and complains of nothing."""
    told = subprocess.run(shell, input=code, cwd=cwd, capture_output=True, text=True, check=True)
    assert "" == told.stderr
    return told.stdout.splitlines()


@pytest.fixture(scope="module")
def commands():
    return list(tree(build((), whole=True)))


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "key file.pub").touch()
    (tmp_path / "keys").mkdir()
    return tmp_path


def test_bash_completes_verbs_options_values_and_what_the_site_names(commands, site):
    """Asked as readline asks: the words so far, the last of them unfinished."""
    cases = {
        "yibao conn": "connector",
        "yibao connector p": "plan pause",
        "yibao connector plan --so": "--source",
        "yibao connector plan --source ''": "his emr-2",
        "yibao connector stop e": "emr-2",
        "yibao connector stop -c nowhere.yaml ''": "",
        "yibao connector restart --a": "--all",
        "yibao check -o ''": "table json",
        "yibao check --output = j": "json",
        "yibao dlq list --class VAL": "VALIDATION",
        "yibao dlq summary --institution P": "P36110200101",
        "yibao stack up --service k": "kafka",
        "yibao demo --faults h": "hostile",
        "yibao demo --visits ''": "",
        "yibao check -c s": "site.yaml",
        "yibao keys show key\\ ": "key file.pub",
        "yibao stack up --home k": "keys",
        "yibao completion z": "zsh",
        "yibao demo --keep --pla": "--platform-url",
    }
    asked = "\n".join(f"ask {words}" for words in cases)
    assert [*cases.values()] == said(["bash"], script(Shell.BASH, commands) + ASK + asked, cwd=site)


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_the_same(commands, site):
    """It has the help of each word beside it."""
    asked = ("yibao connector p", "yibao connector stop e", "yibao dlq list --class VAL", "yibao check -c s")
    code = script(Shell.FISH, commands) + "\n" + "\n".join(f"complete -C '{words}'" for words in asked)
    told = [line.partition("\t")[0] for line in said(["fish", "--no-config"], code, cwd=site)]
    assert ["pause", "plan", "emr-2", "VALIDATION", "site.yaml"] == told


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_reads_its_script(commands):
    """What it makes of it can be seen on a terminal only."""
    assert [] == said(["zsh", "-n"], script(Shell.ZSH, commands), cwd=None)
