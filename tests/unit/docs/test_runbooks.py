"""The runbooks say what can be done: who opens one at three in the morning types what stands there, word for word."""

import re
import shlex

import pytest
import typer
import yaml

from streams.deliver.causes import HoldCause, RetryCause
from streams.mapping.reading import known_keys
from streams.mapping.site_file import SiteFile
from streams.telemetry.conditions import Reason
from streams.telemetry.runbook_text import SECTIONS, Language, first_sentence, names, text
from tests.unit.docs.events_in_code import CHECKOUT, events
from tests.unit.docs.promql import LABELS, faults
from yibao import main

PAGES = [(name, language) for name in names() for language in Language]
RULES = yaml.safe_load((CHECKOUT / "deploy" / "prometheus" / "rules.yaml").read_text("utf-8"))["groups"]
FOREIGN = {"max_slot_wal_keep_size", "pg_stat_activity"}
"""Words with an underscore that are PostgreSQL's."""
FIELDS = {"full_in_s"}
"""Fields of events."""
EVENTS = {call.name for call in events()}
SETTINGS = set(re.findall(r"^\| `([a-z_]+)` \|", (CHECKOUT / "docs" / "site.md").read_text("utf-8"), re.MULTILINE))
COMMANDS = typer.main.get_command(main.build([], whole=True))


def fenced(page, kind=""):
    """The lines of the blocks of a kind."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def inline(page):
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL))


def parse(line):
    """Read a command as the program itself would, up to where it would begin to work. Raises a fault of usage."""
    command, words = COMMANDS, shlex.split(line)[1:]
    while isinstance(command, typer.core.TyperGroup):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, words)


@pytest.mark.parametrize("language", Language)
def test_every_alert_has_a_page_and_every_page_an_alert(language):
    """An alert without one wakes somebody and leaves him alone; a page without one is of an alert that was renamed."""
    alerts = {rule["alert"] for group in RULES for rule in group["rules"]}
    folder = CHECKOUT / "streams" / "telemetry" / "runbooks" / language
    assert alerts == {page.stem for page in folder.iterdir()} == set(names())


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_a_page_has_its_sections_and_something_in_each(name, language):
    """Who is called looks for the same thing at the same place."""
    page = text(name, language)
    assert page.startswith(f"# {name}\n\n## ")
    parts = [part.partition("\n") for part in page.split("\n## ")[1:]]
    assert SECTIONS[language] == tuple(head for head, _, _ in parts)
    assert all(len(body.strip()) > 4 for _, _, body in parts)
    assert (language is Language.ZH) == bool(re.search(r"[\u4e00-\u9fff]", page))
    assert fenced(page)
    assert len(first_sentence(name, language)) > 10


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_command_can_be_typed(name, language):
    """An option that was renamed is a fault at night."""
    page = text(name, language)
    lines = [line for line in (*fenced(page), *inline(page)) if line.startswith("yibao ")]
    assert lines
    assert all(line.startswith("yibao ") for line in fenced(page))
    for line in lines:
        try:
            parse(line)
        except (typer.TyperException, KeyError) as fault:
            pytest.fail(f"{line}: {fault!r}")


def test_a_command_that_is_misspelt_is_found():
    """Or the test above would say nothing."""
    for line in ("yibao stauts", "yibao status --instituton H1", "yibao dlq", "yibao lag --stage", "yibao explain"):
        with pytest.raises((typer.TyperException, KeyError, IndexError, typer.Exit)):
            parse(line)


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_expression_asks_for_what_is_served(name, language):
    """What is pasted into Prometheus and finds nothing looks as if nothing were wrong."""
    page = text(name, language)
    for expression in fenced(page, "promql"):
        assert [] == list(faults(expression)), expression
    for series in re.findall(r"\b(?:cdc|debezium|connect)_[a-z0-9_]+\b", "\n".join(inline(page))):
        assert [] == list(faults(series))


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_event_setting_and_page_that_is_named_exists(name, language):
    """A word that is looked for in a log or a file and is not there costs an hour."""
    page = text(name, language)
    words = {word for word in inline(page) if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", word)}
    causes = {cause.value for cause in (*HoldCause, *RetryCause)} | {reason.value for reason in Reason}
    known = EVENTS | causes | LABELS.keys() | FOREIGN | FIELDS | SETTINGS
    assert set() == words - known
    sections = {
        tuple(word.split(".")) for word in inline(page) if re.fullmatch(r"[a-z]+(\.[a-z_]+)+", word) and word != "site.yaml"
    }
    assert set() == {path for path in sections if path[-1] not in known_keys(SiteFile, path[:-1])}
    for document, head in re.findall(r"(docs/[a-z]+\.md)(?:, ([A-Z][A-Za-z ]+[a-z]))?", page):
        written = (CHECKOUT / document).read_text("utf-8")
        assert not head or re.search(rf"^(##+ |- \*\*){head}", written, re.MULTILINE), head
    assert set(re.findall(r"\bYibao[A-Za-z]+\b", page)) <= set(names())


def words_of(name, language):
    """Names of settings, events and causes; commands may give a reason in the reader's language."""
    return {word for word in inline(text(name, language)) if not word.startswith("yibao ")}


@pytest.mark.parametrize("name", names())
def test_both_languages_name_the_same_settings_events_and_causes(name):
    """Whoever reads the Chinese page is not to be the one who does not hear of a new setting."""
    assert words_of(name, Language.EN) == words_of(name, Language.ZH)


@pytest.mark.parametrize(
    ("setting", "pages"),
    [
        ("workers.http.start_s", {"YibaoStageMissing", "YibaoLoopStuck"}),
        ("workers.http.silent_s", {"YibaoStageMissing", "YibaoLoopStuck"}),
        ("platform.answers.harmless_members", {"YibaoLaneHeld"}),
        ("platform.answers.harmless_statuses", {"YibaoLaneHeld"}),
        ("capture.restarts", {"YibaoCaptureFailed"}),
        ("connect.read_only", {"YibaoCaptureFailed"}),
        ("log_room_gb", {"YibaoSlotRetainsMuch"}),
    ],
)
def test_a_setting_that_decides_what_happens_then_is_named(setting, pages):
    """What a worker does by itself at night, and after how long, is a setting; who is called looks for it on the page."""
    assert pages <= {name for name in names() if setting in words_of(name, Language.EN)}
