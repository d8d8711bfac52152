"""`yibao source prepare`: the script that a hospital's administrator is given, and the way back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from yibao.main import build

SITE = Path(__file__).parents[1] / "streams" / "domain" / "join" / "join_site" / "site.yaml"


def prepare(*words, site=SITE):
    arguments = ["source", "prepare", *words, "-c", str(site)]
    return CliRunner().invoke(build(arguments), arguments)


@pytest.fixture
def mariadb(tmp_path):
    """The same site on the other kind of database."""
    for file in SITE.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(text.replace("his: {kind: postgresql", "his: {kind: mariadb"), encoding="utf-8")
    return tmp_path / "site.yaml"


def statements(text):
    return [line for line in text.splitlines() if line and not line.startswith("--")]


def test_each_table_of_the_mapping_is_named_and_no_other(mariadb):
    """The least rights are those on exactly this mapping's tables."""
    for words, site in (((), SITE), ((), mariadb)):
        text = prepare("his", *words, site=site).output
        assert "GRANT SELECT ON" in text
        assert "ALL TABLES" not in text
        assert ".*" not in text.replace("*.*", "")


def test_the_password_stands_in_no_script(mariadb):
    """A script is mailed, and kept."""
    for site in (SITE, mariadb):
        text = prepare("his", site=site).output
        assert "PASSWORD '" not in text
        assert not any("IDENTIFIED BY" in line for line in statements(text))


def test_the_way_back_is_the_last_step_first(mariadb):
    """A login goes before what it may read is forgotten."""
    back = prepare("his", "--undo").output
    assert back.index("DROP PUBLICATION") < back.index("DROP ROLE")
    assert "DROP USER" in prepare("his", "--undo", site=mariadb).output


def test_the_host_of_an_account_is_the_one_that_was_said(mariadb):
    """MariaDB knows accounts by where they come from."""
    assert "@'10.1.2.%'" in prepare("his", "--connect-host", "10.1.2.%", site=mariadb).output


def test_programs_get_the_steps(mariadb):
    """With why, and what takes each back."""
    found = json.loads(prepare("his", "-o", "json", site=mariadb).output)
    assert ("his", "mariadb") == (found["source"], found["kind"])
    assert all(step["title"] and step["why"] for step in found["steps"])


def test_an_unknown_source_is_told_with_those_that_there_are():
    """And of several one must be named."""
    refused = prepare("hsi")
    assert (True, True) == (refused.exit_code != 0, "it has" in f"{refused.output}{refused.exception}")
    refused = prepare()
    assert (True, True) == (refused.exit_code != 0, "name one of" in f"{refused.output}{refused.exception}")
