"""The walk that the README prints: both languages say the same, and each command exists. `make walk-proof` runs it."""

import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.walk.readme import commands, ports, with_ports
from yibao.main import build

ROOT = Path(__file__).parents[3]
WALK = commands(ROOT / "README.md")


def words_of(line):
    """The words after `yibao` of each command of a line."""
    for part in line.split(";"):
        words = shlex.split(part.partition(" > ")[0])
        if words[0] == "yibao":
            yield words[1:]


def test_both_languages_print_the_same_walk():
    """A Chinese reader must not be led another way."""
    assert list(WALK) == list(commands(ROOT / "README.zh.md"))


@pytest.mark.parametrize("words", [words for line in WALK for words in words_of(line)], ids=" ".join)
def test_each_command_of_the_walk_is_understood(words):
    """A verb or an option that was renamed is noticed before somebody types it."""
    asked = CliRunner().invoke(build(words), [*words, "--help"])
    assert (0, True) == (asked.exit_code, f"Usage: root {words[0]}" in asked.output), asked.output


def test_the_walks_ports_are_those_of_the_sample_site():
    """Nothing need be edited for the sample to run."""
    site = yaml.safe_load((ROOT / "deploy" / "sites" / "sample" / "site.yaml").read_text("utf-8"))
    named = {
        int(f"{address}".rpartition(":")[2])
        for address in (
            site["kafka"]["bootstrap_servers"],
            site["connect"]["url"],
            site["sources"]["his"]["port"],
            site["platform"]["url"],
        )
    }
    assert named == set(ports(WALK))


def test_another_port_is_written_wherever_the_old_one_stands():
    """What the README tells to do where one is taken, and nothing else."""
    assert "port: 7\nurl: http://127.0.0.1:8/x H36110200001" == with_ports(
        "port: 25432\nurl: http://127.0.0.1:28080/x H36110200001", {25432: 7, 28080: 8}
    )
