"""`yibao replay` on a real broker: which plans are run."""

import json
import os
import pwd
import socket
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from streams.broker_wiring import client_options
from streams.deadletter.record import encode_dead_letter
from streams.mapping import load_site
from streams.topics.audit_log import read_audit
from streams.topics.writing import Message, write_messages
from tests.bench.topics import apply_topics
from tests.integration.test_dlq_command import REJECTED, sample_site
from yibao.main import build
from yibao.persons import PERSON_VARIABLE

pytestmark = pytest.mark.stack


def replay(*words, site, code=0, says=""):
    """A verb as a person gives it."""
    found = CliRunner().invoke(build(["replay"]), ["replay", *map(str, words), "-c", str(site)])
    if code == 0:
        assert 0 == found.exit_code, found.exception
    else:
        assert says in str(found.exception)


@pytest.fixture(scope="module")
def planned(kafka, tmp_path_factory):
    """A site whose topics are there, and the file of a plan."""
    file = sample_site(tmp_path_factory.mktemp("replaying"), kafka.bootstrap_servers, "replaying-")
    apply_topics(file)
    plan = file.with_name("night.plan")
    replay("plan", "class:REJECTED", "--depth", "resend", "--why", "mended", "--out", plan, site=file)
    return file, plan


def test_who_makes_a_plan_hears_of_a_value_that_no_letter_has(planned):
    """A word that was mistyped leaves a plan empty, or leaves nothing out of it."""
    site, plan = planned
    words = ["replay", "plan", "not class:VALIDATION", "code:40O03", "--depth", "resend", "--why", "mended"]
    found = CliRunner().invoke(build(["replay"]), [*words, "--out", f"{plan.with_name('mistyped.plan')}", "-c", f"{site}"])
    assert (0, True) == (found.exit_code, "no letter has code:40O03" in found.stderr), found.exception


def test_a_plan_that_somebody_edited_is_neither_approved_nor_run(planned):
    """What was looked at is not what would be sent."""
    site, plan = planned
    edited = plan.with_name("edited.plan")
    edited.write_bytes(plan.read_bytes().replace(b"mended", b"Mended"))
    for verb in ("approve", "run"):
        replay(verb, edited, site=site, code=1, says="is not as `replay plan` wrote it")


def test_the_second_person_has_another_account_or_a_name_where_the_site_says_that_names_count(planned, monkeypatch):
    """LOGNAME is whatever who gives the order wrote into it: one person approved what the same one had planned."""
    site, plan = planned
    monkeypatch.setenv("LOGNAME", "another")
    monkeypatch.setenv(PERSON_VARIABLE, "another")
    replay("approve", plan, site=site, code=1, says=f"the account of whoever made the plan (uid {os.getuid()}")
    document = yaml.safe_load(site.read_text("utf-8")) | {"replay": {"approve_by_name": True}}
    shared = site.with_name("shared.yaml")
    shared.write_text(yaml.safe_dump(document), "utf-8")
    replay("approve", plan, site=shared, code=1, says=f"who made the plan said no name ({PERSON_VARIABLE})")
    named = plan.with_name("named.plan")
    replay("plan", "class:REJECTED", "--depth", "resend", "--why", "mended", "--out", named, site=shared)
    replay("approve", named, site=shared, code=1, says="made this plan: another person approves it")
    monkeypatch.setenv(PERSON_VARIABLE, "third")
    replay("approve", named, site=shared)
    loaded = load_site(site)
    entries = [one.entry for one in read_audit(client_options(loaded), loaded.topics.audit) if one.entry is not None]
    account = pwd.getpwuid(os.getuid()).pw_name
    assert f"third via {account}@{socket.gethostname()}" == entries[-1].by
    assert os.getuid() == entries[-1].facts["uid"]


@pytest.mark.parametrize("verb", ["status", "verify"])
def test_what_was_not_read_to_its_end_is_no_answer_about_a_plan(planned, verb):
    """Half of the letters say that none is refused again: "all of it is done", and exit code 0, of what nobody had looked at."""
    site, plan = planned
    topic = load_site(site).topics.dead
    letters = [encode_dead_letter(replace(REJECTED, key=f"late-{verb}-{number}".encode())) for number in range(3)]
    made = [Message(0, key, value, headers) for key, value, headers in letters]
    write_messages(client_options(load_site(site)), topic, made, otherwise="")
    words = ["replay", verb, f"{plan}", "-c", f"{site}", "-o", "json"]
    early = CliRunner().invoke(build(["replay"]), [*words, "--deadline", "0"])
    assert (1, False) == (early.exit_code, json.loads(early.stdout)["complete"]), early.exception
    assert "the time was up before the end of the topic" in early.stderr
    late = CliRunner().invoke(build(["replay"]), words)
    assert (0, True) == (late.exit_code, json.loads(late.stdout)["complete"]), late.exception


def test_a_plan_that_was_cancelled_is_not_run_from_a_copy_of_its_file(planned):
    """Two people have it, on two machines. The one that cancels means the plan, not the file."""
    site, plan = planned
    copy = plan.with_name("copy.plan")
    copy.write_bytes(plan.read_bytes())
    replay("run", copy, site=site)
    replay("cancel", plan, "--why", "the wrong rule", site=site)
    for one in (plan, copy):
        replay("run", one, site=site, code=1, says="was cancelled")
