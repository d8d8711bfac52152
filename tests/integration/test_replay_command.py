"""`yibao replay` on a real broker: which plans are run."""

import pytest
from typer.testing import CliRunner

from tests.bench.topics import apply_topics
from tests.integration.test_dlq_command import sample_site
from yibao.main import build

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


def test_a_plan_that_somebody_edited_is_neither_approved_nor_run(planned, monkeypatch):
    """What was looked at is not what would be sent."""
    site, plan = planned
    edited = plan.with_name("edited.plan")
    edited.write_bytes(plan.read_bytes().replace(b"mended", b"Mended"))
    monkeypatch.setenv("LOGNAME", "another")
    for verb in ("approve", "run"):
        replay(verb, edited, site=site, code=1, says="is not as `replay plan` wrote it")


def test_a_plan_that_was_cancelled_is_not_run_from_a_copy_of_its_file(planned):
    """Two people have it, on two machines. The one that cancels means the plan, not the file."""
    site, plan = planned
    copy = plan.with_name("copy.plan")
    copy.write_bytes(plan.read_bytes())
    replay("run", copy, site=site)
    replay("cancel", plan, "--why", "the wrong rule", site=site)
    for one in (plan, copy):
        replay("run", one, site=site, code=1, says="was cancelled")
