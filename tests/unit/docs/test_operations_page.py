"""The page for who is on call says what the code does: every exit code, hold, class and setting that it can meet."""

import re
from pathlib import Path

import pytest

from streams.deliver.causes import HoldCause, RetryCause
from streams.domain.violations import DeadClass
from streams.lanes.exits import Exit
from streams.mapping.reading import known_keys
from streams.mapping.site_file import SiteFile
from yibao import main
from yibao.status.rules import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", list(Exit), ids=lambda code: code.name)
def test_every_exit_code_has_its_line(code):
    """At night nobody reads the source."""
    assert re.search(rf"^\| {code:d} \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("cause", list(HoldCause))
def test_every_cause_of_a_hold_has_its_line(cause):
    """A lane that stands is an alarm; the alarm names its cause by this word."""
    assert f"| `lane_held` `{cause.value}` |" in PAGE


@pytest.mark.parametrize("cause", sorted({*RetryCause} - {RetryCause.BREAKER_OPEN}))
def test_every_cause_of_an_outage_has_its_line(cause):
    """The breaker's event names it by this word."""
    assert re.search(rf"^\| `{cause}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("dead_class", list(DeadClass))
def test_every_class_of_dead_letters_has_its_line(dead_class):
    """The class is what `yibao dlq` groups by."""
    assert re.search(rf"^\|[A-Z_, ]*\b{dead_class.value}\b", PAGE, re.MULTILINE)


def test_every_setting_that_is_named_exists():
    """A remedy that names a setting which is not there costs an hour."""
    named = {
        tuple(found.split(".")) for found in re.findall(r"`((?:kafka|platform|deliver|batch|retention|workers)\.[a-z_.]+)`", PAGE)
    }
    assert len(named) > 12
    assert set() == {path for path in named if path[-1] not in known_keys(SiteFile, path[:-1])}


def test_every_command_that_is_named_exists():
    """The same for verbs."""
    named = set(re.findall(r"`yibao ([a-z]+)", PAGE))
    assert named
    assert set() == named - {verb.name for verb in main.VERBS}


def test_every_reason_of_status_has_its_line_and_they_stand_in_the_order_in_which_they_are_looked_for():
    """Who reads that a lane is held must be able to see what was looked for before that."""
    section = PAGE[PAGE.index("## Why does nothing move?") : PAGE.index("### How far behind")]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")][1:]
    told = [name.strip().replace(" ", "_") for row in rows for name in row.split(",")]
    assert [rule.name for rule in RULES] == sorted(told, key=[rule.name for rule in RULES].index) == told
