"""The page "your hospital in a day": both languages type the same, and each command exists. `make examples-proof` types it."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.examples.files import EXAMPLES, lines, names
from tests.examples.typed import PORTS
from tests.unit.docs.guide_page import anchors, links
from yibao.main import build

DOCS = Path(__file__).parents[3] / "docs"
TYPED = lines(DOCS / "day.md")
PAGES = [EXAMPLES / name / "README.md" for name in names()]


def test_both_languages_type_the_same():
    """A Chinese reader must not be led another way."""
    assert list(TYPED) == list(lines(DOCS / "day.zh.md"))


@pytest.mark.parametrize("line", [line for page in (DOCS / "day.md", *PAGES) for line in lines(page) if line.startswith("yibao ")])
def test_each_command_is_understood(line):
    """A verb or an option that was renamed is noticed before somebody types it."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    asked = CliRunner().invoke(build(words), [*words, "--help"])
    assert (0, True) == (asked.exit_code, f"Usage: root {words[0]}" in asked.output), asked.output


@pytest.mark.parametrize("page", ["day.md", "day.zh.md"])
def test_links_lead_somewhere(page):
    """Whoever reads it has nobody to ask."""
    for file, anchor in links((DOCS / page).read_text("utf-8")):
        target = DOCS / file if file else DOCS / page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("name", names())
def test_an_example_begins_a_site_of_its_own(name):
    """On one stack, none may take another's topics, slot or login; and its ports are those that the pages type."""
    site = yaml.safe_load((EXAMPLES / name / "site.yaml").read_text("utf-8"))
    source, *others = site["sources"].values()
    own = (site["site"], source["database"], source["user"], source["publication"], source["slot"], site["kafka"]["topic_prefix"])
    assert (name, name, f"capture_{name}", f"yibao_{name}", f"yibao_{name}", f"{name}.") == own
    ours = {(one["database"], one["user"]) for one in others}, all(one["slot"].startswith(f"yibao_{name}_") for one in others)
    assert ({(name, f"capture_{name}")} if others else set(), True) == ours
    text = (EXAMPLES / name / "site.yaml").read_text("utf-8")
    assert set(PORTS.values()) == {int(port) for port in re.findall(r"(?:port: |:)(\d{4,5})\b", text)}
