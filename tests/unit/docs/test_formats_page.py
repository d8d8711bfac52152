"""The page on formats says what is written: who goes back to an earlier version, and other programs, rely on it."""

import re
from dataclasses import fields
from pathlib import Path

import orjson
import pytest

from connector.facts import Facts, ServerFacts
from streams.deadletter import headers, record
from streams.deliver import receipt
from streams.domain import ready
from streams.domain.join import entries
from streams.lanes import marks
from streams.lanes.deliver import orphan_entries, plan
from streams.lanes.exits import Exit
from streams.topics import audit, binding, control, steering

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
NAMES = [value for name, value in vars(headers).items() if name.isupper() and not name.endswith("PREFIX")]


@pytest.mark.parametrize(
    ("what", "form"),
    [
        ("state entry", entries.FORM),
        ("ready record", ready.FORM),
        ("orphan entry", orphan_entries.FORM),
        ("receipt", receipt.FORM),
        ("dead letter", record.FORM),
        ("binding", binding.FORM),
        ("control", control.FORM),
        ("order", steering.FORM),
        ("audit entry", audit.FORM),
    ],
)
def test_the_form_of_each_format_has_its_line(what, form):
    """The number is how somebody finds out which version may run."""
    assert re.search(rf"^\| \[{what}\][^|]*\|[^|]*\| {form} \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_header_of_a_dead_letter_has_its_line(name):
    """Alerts and other people's tools are written from it."""
    assert f"`{name}`" in PAGE or f"`{name.removeprefix('__connect.errors')}`" in PAGE


def test_every_member_of_a_mark_has_its_line():
    """Whoever has to write one by hand has nothing else."""
    assert {name for name in (*marks._PLACE, *marks._JOIN, *marks._DELIVER, *plan._MEMBERS) if f"`{name}`" not in PAGE} == set()


def test_every_member_of_a_binding_has_its_line():
    """Who audits where a site reported reads them with other tools."""
    identity = binding.SiteIdentity(site="", prefix="", platform="", sources={})
    written = binding.Binding(identity=identity, mark="", entry=binding.Entry(id="", at="", by="")).dump()
    assert {name for name in orjson.loads(written) if f"`{name}`" not in PAGE} == set()


def test_every_member_of_a_control_has_its_line():
    """Who audits which source stood, and why, reads them with other tools."""
    written = orjson.loads(control.Control(source="", facts={}, at="", by="").dump())
    server = ServerFacts(system="", timeline=0, log=0, slot=True)
    facts = Facts(server=server, publication=None, tables={}).document()
    assert {name for name in (*written, *facts) if f"`{name}`" not in PAGE} == set()


def test_every_member_of_an_order_has_its_line():
    """Who audits what was paused, and why, reads them with other tools."""
    about = {"at": "", "by": "", "why": ""}
    pause = steering.Pause(of=steering.Paused.STAGE, name="", paused=True, since="", **about)
    written = orjson.loads(pause.dump()) | orjson.loads(steering.LimitOrder(**about).dump())
    assert {name for name in written if f"`{name}`" not in PAGE.partition("## Orders")[2].partition("\n## ")[0]} == set()


def test_every_member_of_an_audit_entry_has_its_line():
    """Auditors read them with other tools, and compute the digests themselves."""
    written = orjson.loads(audit.AuditEntry(id="", at="", by="", action="", why="", facts={}).dump())
    assert {name for name in written if f"`{name}`" not in PAGE.partition("## Audit entries")[2].partition("\n## ")[0]} == set()


def test_every_member_of_a_state_entry_has_its_line():
    """The first form too: sites have entries of it for as long as a row does not change."""
    told = re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    last = re.sub(r"[`*]", "", dict(told)[f"{entries.WITH_INSTITUTION}"]).split(", ")
    assert f"Key: visit key, `u` and source, joined by 0x1f. Value: `r`, `{entries.FORM}`" in PAGE
    assert {*last[1:], "role", "source", "table", "key"} == {*entries.StoredRow._fields}
    assert len(fields(marks.JoinMark)) == len(marks._JOIN)


def test_the_exit_code_is_the_one_that_is_meant():
    """It is what a supervisor shows."""
    assert f"exit code {Exit.NEWER:d}" in PAGE
