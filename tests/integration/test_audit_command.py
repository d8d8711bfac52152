"""The audit log on a real broker: who ordered what, also of two at once, and that a log which was touched says so."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from streams.broker_wiring import client_options
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.audit import Link
from streams.topics.audit_log import read_audit
from streams.topics.writing import write
from tests.bench.bench_site import write_site
from tests.bench.topics import apply_topics
from tests.in_process import yibao
from yibao.audited import audited, audited_where_possible, concealed
from yibao.steering import limit, orders_of, pause, target_of

pytestmark = pytest.mark.timeout(300)

ID_NUMBER = "51010219381005541X"
AT_ONCE = 4


@pytest.fixture(scope="module")
def file(kafka, tmp_path_factory):
    home = tmp_path_factory.mktemp("audited")
    file = write_site(
        home, prefix="audited-", bootstrap_servers=kafka.bootstrap_servers, platform_url="http://127.0.0.1:1", partitions=1
    )
    apply_topics(file)
    return file


def entries(file):
    site = load_site(file)
    return [one for one in read_audit(client_options(site), site.topics.audit) if one.link is not Link.BESIDE]


def test_what_made_the_log_is_its_first_entry(file):
    """Who made the topics, and bound them to which site."""
    (first,) = entries(file)
    facts = first.entry.facts
    assert ("topics apply", "bind", "create") == (first.entry.action, facts["binding"], facts["topics"]["audited-visit.audit"])
    assert "@" in first.entry.by
    apply_topics(file)
    assert [first] == entries(file), "what does nothing is no order"


def test_of_those_who_order_at_the_same_time_each_is_in_the_log_once(file):
    """Two people at three in the morning, each with a runbook."""
    site = load_site(file)
    with ThreadPoolExecutor(AT_ONCE) as people:
        list(people.map(lambda number: audited(site, "resume", why=f"{number}", facts={"source": "his"}), range(AT_ONCE)))
    found = [one.entry for one in entries(file) if one.entry.action == "resume"]
    assert [f"{number}" for number in range(AT_ONCE)] == sorted(one.why for one in found)
    code, out, err = yibao("audit", "verify", "-o", "json", "--config", file)
    assert (0, AT_ONCE + 1, []) == (code, json.loads(out)["chained"], json.loads(out)["broken"]), err


def test_of_those_who_set_limits_or_pause_at_the_same_time_nobody_is_overwritten_unheard(file):
    """The one set a rate, the other one of records, and the first was gone; two who paused did not know of each other."""
    site = load_site(file)
    target = target_of(site, source=None, institution=None, service=None, stage="join")
    sets = ({"requests_per_s": 20.0}, {"records_per_s": 50.0})
    with ThreadPoolExecutor(AT_ONCE) as people:
        limited = [people.submit(limit, site, "", one, action="limits set", why="asked") for one in sets]
        paused = [people.submit(pause, site, target, why=f"{number}", until="") for number in range(2)]
        limited, paused = ([one.result() for one in asked] for asked in (limited, paused))
    stands = orders_of(site)
    assert (20.0, 50.0) == (stands.limits[""].requests_per_s, stands.limits[""].records_per_s)
    for settled, counts in ((limited, stands.limits[""]), (paused, stands.pauses[target.of, target.name])):
        assert any(one.beside or one.before for one in settled), "who came second hears of the first"
        assert [counts] == [one.order for one in settled if one.order == counts]


def test_no_patient_is_in_the_log(file):
    """Neither in a reason, where somebody wrote one, nor in a condition."""
    audited(
        load_site(file), "resnapshot", why=f"患者身份证 {ID_NUMBER} 漏报", facts={"condition": concealed(f"sfz = '{ID_NUMBER}'")}
    )
    _, out, _ = yibao("audit", "list", "--all", "-o", "json", "--config", file)
    assert ID_NUMBER not in out
    last = json.loads(out.splitlines()[-1])
    assert ("resnapshot", True) == (last["action"], last["facts"]["condition"].startswith("sha256:"))


def test_what_cannot_wait_for_the_log_is_told_and_what_can_is_not_done(file, tmp_path, capsys):
    """A capture can be stopped at any time; a reading is not ordered where nobody could ask later who did."""
    there = file.read_text("utf-8").replace("audited-", "unbound-")
    other = file.with_name("unbound.yaml")
    other.write_text(there, "utf-8")
    site = load_site(other)
    with pytest.raises(Misconfigured, match="topics apply"):
        audited(site, "resume", facts={})
    with audited_where_possible(site, "connector stop", facts={}):
        assert not capsys.readouterr().err, "what fails needs no second line"
    assert "warning: not in the audit log" in capsys.readouterr().err


def test_a_log_that_was_touched_says_so(file, tmp_path):
    """Something wrote into it, and its beginning was deleted: each is found by itself, and what was exported is missed."""
    _, out, _ = yibao("audit", "list", "--all", "-o", "json", "--config", file)
    export = tmp_path / "audit.jsonl"
    export.write_text(out, "utf-8")
    code, said, _ = yibao("audit", "verify", "--against", export, "--config", file)
    assert (0, True) == (code, f"all {len(out.splitlines())} of the export" in said)
    site = load_site(file)
    write(client_options(site), site.topics.audit, key=b"x", value=b"hello", otherwise="?")
    code, said, _ = yibao("audit", "verify", "--config", file)
    assert (1, True) == (code, "is no entry" in said)
    admin = KafkaAdminClient(**client_options(site))
    try:
        admin.delete_records({TopicPartition(site.topics.audit, 0): 2})
    finally:
        admin.close()
    code, said, _ = yibao("audit", "verify", "--against", export, "--config", file)
    assert (1, True, True) == (code, "taken out" in said, "that was exported" in said)
    code, _, err = yibao("audit", "verify", "--against", file, "--config", file)
    assert (2, True) == (code, "audit list --all -o json" in err)
