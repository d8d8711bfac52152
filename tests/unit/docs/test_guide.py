"""The operator's guide: each command in it is run, or read as the program would read it; what needs a cluster says so."""

import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml

from streams.seal import generate_key_pair
from tests.in_process import yibao
from tests.unit.docs.guide_page import anchors, blocks, inline, links
from yibao import main

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = ("guide", "security")
FILES = [DOCS / f"{page}{language}.md" for page in PAGES for language in ("", ".zh")]
COMMANDS = typer.main.get_command(main.build([], whole=True))
LINES = [(file.name, block.kind, line) for file in FILES for block in blocks(file.read_text("utf-8")) for line in block.lines]
VERBS_OF_HELM = {"install", "upgrade", "rollback", "history", "test", "uninstall"}
VERBS_OF_KUBECTL = {"create", "exec", "logs", "get"}


def parse(line):
    """Read a command as the program itself would, up to where it would begin to work. Raises a fault of usage."""
    command, words = COMMANDS, shlex.split(line.partition(" > ")[0])[1:]
    while isinstance(command, typer.core.TyperGroup):
        if words and words[0] == "--version":
            return
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, words)


def verb_of(words, flags):
    """The first word behind a program that is neither an option nor the value of one of `flags`."""
    rest = iter(words)
    for word in rest:
        if word in flags:
            next(rest)
        elif not word.startswith("-"):
            return word
    return ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_command_of_ours_can_be_typed(file):
    """An option that was renamed is a fault on the worst day of the year."""
    page = file.read_text("utf-8")
    lines = [line for name, _, line in LINES if name == file.name and line.startswith("yibao ")]
    assert lines or file.name.startswith("security")
    for line in [*lines, *inline(page)]:
        try:
            parse(line)
        except (typer.TyperException, KeyError, IndexError) as fault:
            pytest.fail(f"{line}: {fault!r}")


@pytest.mark.parametrize("wrong", ["yibao offsets recovr", "yibao pause --stagee deliver", "yibao offsets recover", "yibao topics"])
def test_a_command_that_is_misspelt_is_found(wrong):
    """Or the test above would say nothing."""
    with pytest.raises((typer.TyperException, KeyError, IndexError, typer.Exit)):
        parse(wrong)


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_lead_the_same_way(page):
    """A Chinese reader must not type something else; what stands in quotes is in the reader's language."""
    ways = [
        [(block.kind, [re.sub(r'"[^"]*"', '"…"', line) for line in block.lines]) for block in blocks(file.read_text("utf-8"))]
        for file in (DOCS / f"{page}.md", DOCS / f"{page}.zh.md")
    ]
    assert ways[0] == ways[1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_link_leads_somewhere(file):
    """To a page that is there, and to a heading that it has."""
    for target, anchor in links(file.read_text("utf-8")):
        page = (file.parent / target).resolve() if target else file
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


def test_what_is_not_ours_needs_a_cluster_and_names_what_is_there():
    """A value that the chart does not have is refused by it, at the customer's."""
    values = yaml.safe_load((ROOT / "helm" / "yibao-cdc" / "values.yaml").read_text("utf-8"))
    others = [(kind, shlex.split(line)) for _, kind, line in LINES if not line.startswith("yibao ")]
    assert {"cluster"} == {kind for kind, _ in others}
    for _, (program, *words) in others:
        verb = verb_of(words, {"-n", "-f", "--set-file", "--set"})
        assert verb in {"helm": VERBS_OF_HELM, "kubectl": VERBS_OF_KUBECTL}[program], words
        for flag, value in pairwise(words):
            if flag in ("--set", "--set-file"):
                found = values
                for name in value.partition("=")[0].split("."):
                    assert name in found, value
                    found = found[name]
        assert all((ROOT / word).is_dir() for word in words if word.startswith("helm/"))
        if "--" in words:
            parse(shlex.join(words[words.index("--") + 1 :]))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The folder of the sample site, with keys and passwords, as the current one."""
    shutil.copytree(ROOT / "deploy" / "sites" / "sample", tmp_path, dirs_exist_ok=True)
    document = yaml.safe_load((tmp_path / "site.yaml").read_text("utf-8"))
    for folder in ("keys", "secrets"):
        (tmp_path / folder).mkdir(mode=0o700)
    for institution in document["institutions"]:
        (tmp_path / institution["public_key_file"]).write_text(generate_key_pair().public.pem)
    (tmp_path / document["sources"]["his"]["password_file"]).write_text("a password")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_needs_no_network_runs_as_it_is_printed(site):
    """In the folder of a site, one after the other."""
    lines = [line for name, kind, line in LINES if kind == "offline" and not name.endswith(".zh.md")]
    assert len(lines) > 5
    for line in lines:
        words = [
            file for word in shlex.split(line)[1:] for file in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        code, out, err = yibao(*words)
        assert (0, True) == (code, bool(out)), f"{line}: {err}"
