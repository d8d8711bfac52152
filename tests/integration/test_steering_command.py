"""`yibao pause` and `resume` on a real broker: what a person keeps back stays, the rest goes, and then all of it is there once."""

from contextlib import ExitStack

import pytest

from streams.broker_wiring import client_options
from streams.topics.audit_log import read_audit
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.forks import worker
from tests.operations.steered_site import Diary, SteeredSite, serving, until
from yibao.steering import pauses_of
from yibao.verbs import limits, pause, resume

PARTITIONS = 3

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_an_institution_that_is_paused_waits_alone_and_catches_up_when_it_is_resumed(kafka, tmp_path, capsys):
    """Workers that start during a pause obey it before their first record, and the order is in the audit log."""
    lookups, changes = hospital_messages(24, partitions=PARTITIONS)
    emissions = fold_all(Load(lookups=lookups, changes=changes, partitions=PARTITIONS)).emissions
    kept_back = emissions[0].record.institution
    others = sum(one.record.institution != kept_back for one in emissions)
    diary = Diary({(one.record.service.value, one.record.key) for one in emissions}, answer_s=0.05)
    with serving(diary) as url, ExitStack() as running:
        here = SteeredSite(tmp_path, servers=kafka.bootstrap_servers, prefix="steered-", url=url, partitions=PARTITIONS)
        resume.resume(config=here.file, institution=kept_back, why="nothing was paused")
        assert "is not paused, so nothing was written" in capsys.readouterr().out
        pause.pause(config=here.file, institution=kept_back, why="the platform asked for it")
        limits.set_(config=here.file, in_flight=1, why="the same")
        assert [(kept_back, "the platform asked for it")] == [(one.name, one.why) for one in pauses_of(here.site)]
        here.fill(lookups, place=False)
        here.fill(changes, place=False)
        for stage in ("join", "deliver"):
            running.enter_context(worker(stage, site=here.file, home=tmp_path))
        until(lambda: diary.taken == others, "all others")
        until(
            lambda: sum(entry.waiting for one in here.marks() for entry in one.aside.values()) == len(emissions) - others,
            "all aside",
        )
        assert [] == diary.since(0.0, institution=kept_back)
        resume.resume(config=here.file, institution=kept_back, why="they are done")
        until(lambda: not any(one.aside or one.plan for one in here.marks()) and diary.taken == len(emissions), "all of it")
        assert ([], {1}) == (diary.wrong, {*diary.times.values()})
        assert diary.most_under_way == 1, "three lanes, and one request at a time"
    assert {1} == {*here.receipts().values()}
    said = [one.entry for one in read_audit(client_options(here.site), here.site.topics.audit)]
    assert ["pause", "limits set", "resume"] == [one.action for one in said[1:]], "what was not paused is no order"
