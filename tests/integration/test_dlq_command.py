"""`yibao dlq` on a real broker: what a person on call and a clerk see of dead letters, and what they must not see."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from typer.testing import CliRunner

from streams.deadletter.record import encode_dead_letter, letter_id
from streams.domain.records import DeadLetter, RowOrigin
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from tests.patience import PATIENCE_S
from yibao.main import build

SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample"
NAME, CERTNO, PHONE = "欧阳锋", "51010219381005541X", "13800138000"
HOUR_MS = 3_600_000
NOW_MS = int(time.time() * 1000)

REJECTED = DeadLetter(
    stage="deliver",
    dead_class=DeadClass.REJECTED,
    rule="40003",
    service="setl_d",
    institution="H36110200001",
    record_key="S1",
    content_hash="ab" * 16,
    mapping_version="sample@1",
    message=f"平台拒收：姓名：{NAME} {PHONE} 金额不平",
    identity="visit.ready/0/1",
    key=b"V1",
    value=orjson.dumps({"SETL_ID": "S1", "PSN_NAME": NAME, "CERTNO": CERTNO, "MEDFEE_SUMAMT": "12.30"}),
    topic="visit.ready",
    partition=0,
    offset=7,
    failed_at=NOW_MS - 5 * HOUR_MS,
    http_status=200,
    platform_code="40003",
    msgid="H36110200001202405011200000b0000",
)
MISSING = {"field": "CNT", "rule": "REQUIRED", "level": "refuse", "clause": "§3.3.1 #12", "masked": "", "message": "数量必填"}
ROWS = {"fee": {"charge_id": "F1", "hz_xm": NAME, "hz_sfz": CERTNO, "unit": None}}
INVALID = replace(
    REJECTED,
    stage="join",
    dead_class=DeadClass.VALIDATION,
    rule="REQUIRED",
    service="fee_list_d",
    record_key="F1",
    identity="his/his.charge/F1",
    row=RowOrigin(source="his", table="his.charge", key=("F1",), visit_key=CERTNO, position="24023128", record_key="F1"),
    message="数量必填",
    value=orjson.dumps({"service": "fee_list_d", "rows": ROWS, "violations": [MISSING]}),
    failed_at=NOW_MS - HOUR_MS,
    http_status=None,
    platform_code=None,
    msgid=None,
)
UNREADABLE = replace(
    INVALID,
    dead_class=DeadClass.DECODE,
    rule="DECODE",
    service="",
    institution="",
    record_key="",
    value=f"{{{NAME}".encode(),
    identity="d",
)


@pytest.fixture(scope="module")
def bootstrap(kafka):
    return kafka.bootstrap_servers


@pytest.fixture
async def site(bootstrap, tmp_path, request):
    """A site with a topic of dead letters of its own: six messages in all partitions, one failure twice, one not committed."""
    prefix = f"{re.sub('[^a-z]', '-', request.node.name)[:40]}-"
    topic = f"{prefix}visit.dead"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    async with producer.transaction():
        for partition, letter in enumerate((REJECTED, INVALID, UNREADABLE)):
            await send(producer, topic, partition, letter)
        await send(producer, topic, 2, replace(INVALID, failed_at=NOW_MS, offset=99))
        await producer.send_and_wait(topic, b"somebody else's", partition=0)
    await producer.begin_transaction()
    await send(producer, topic, 0, replace(REJECTED, identity="never committed"))
    await producer.abort_transaction()
    await producer.stop()
    return sample_site(tmp_path, bootstrap, prefix)


async def send(producer, topic, partition, letter):
    key, value, headers = encode_dead_letter(letter)
    await producer.send_and_wait(topic, value, key=key, partition=partition, headers=headers)


def sample_site(folder, bootstrap, prefix):
    text = (SAMPLE / "site.yaml").read_text()
    text = re.sub(r"bootstrap_servers: .*", f"bootstrap_servers: {bootstrap}\n  topic_prefix: {prefix}", text)
    (folder / "site.yaml").write_text(text)
    (folder / "mapping.yaml").write_text((SAMPLE / "mapping.yaml").read_text())
    return folder / "site.yaml"


def dlq(*words):
    """The command as a person gives it: what it prints, what it says besides, how it ends."""
    found = CliRunner().invoke(build(["dlq"]), ["dlq", *map(str, words)])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def as_json(*words):
    found = dlq(*words, "--output", "json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.stack
async def test_the_summary_counts_each_failure_once(site):
    """Sent twice is not failed twice, and what was not committed never happened."""
    said = as_json("summary", "-c", site)
    assert (said["total"], said["complete"]) == (3, True)
    groups = {group["dead_class"]: (group["rule"], group["owner"], group["count"]) for group in said["groups"]}
    assert groups == {
        "REJECTED": ("40003", "clerk", 1),
        "VALIDATION": ("REQUIRED", "clerk", 1),
        "DECODE": ("DECODE", "vendor", 1),
    }
    oldest = next(group for group in said["groups"] if group["dead_class"] == "REJECTED")
    assert 5 * 3_600 <= oldest["oldest_age_s"] <= time.time() - NOW_MS / 1000 + 5 * 3_600
    table = dlq("summary", "-c", site)
    assert "3 dead letters" in table.stdout
    assert re.search(r"REJECTED +40003 +- +金额不平 +setl_d +H36110200001 +clerk +1\n +closed: 0; oldest: 5h", table.stdout)
    assert "1 message in the topic: not dead letters of ours" in table.stderr


@pytest.mark.stack
async def test_letters_are_listed_by_what_is_asked_for(site):
    """A clerk looks at one hospital's validation failures since yesterday, not at ten thousand lines."""
    listed = as_json("list", "-c", site, "--class", "validation", "--since", "3h")["letters"]
    assert [letter["id"] for letter in listed] == [letter_id(INVALID)]
    assert listed[0]["first_failed_at"] == NOW_MS - HOUR_MS
    assert listed[0]["last_failed_at"] == NOW_MS
    assert as_json("list", "-c", site, "--service", "setl_d", "--since", "3h")["letters"] == []
    assert as_json("list", "-c", site, "--institution", "H36110200001")["total"] == 2
    assert as_json("list", "-c", site, "--rule", "40003")["total"] == 1
    newest = as_json("list", "-c", site, "--limit", "1")
    assert ([letter["dead_class"] for letter in newest["letters"]], newest["total"]) == (["VALIDATION"], 3)
    assert letter_id(INVALID)[:12] in dlq("list", "-c", site).stdout


@pytest.mark.stack
async def test_one_letter_is_shown_with_its_content_masked(site):
    """Enough to mend it; the patient is nobody's business on a terminal."""
    rejected = as_json("show", letter_id(REJECTED), "-c", site)
    assert rejected["content"]["record"] == {
        "SETL_ID": "S1",
        "PSN_NAME": "欧**",
        "CERTNO": "510***********541X",
        "MEDFEE_SUMAMT": "12.30",
    }
    assert (rejected["visit_key"], rejected["msgid"], rejected["source"]) == ("V1", REJECTED.msgid, "visit.ready/0/7")
    invalid = dlq("show", letter_id(INVALID)[:8], "-c", site)
    assert "数量必填" in invalid.stdout
    row = r"row_source +his\nrow_table +his\.charge\nrow_key +F1\nvisit_key +\*\*\*\nposition +24023128\nrecord_key +F1\n"
    assert re.search(row, invalid.stdout)
    assert re.search(r"hz_xm +\*\*\*", invalid.stdout)
    assert re.search(r"unit +NULL", invalid.stdout)
    assert "not shown" in dlq("show", letter_id(UNREADABLE), "-c", site).stdout


@pytest.mark.stack
@pytest.mark.parametrize("output", ["table", "json"])
async def test_no_verb_shows_anything_personal(site, output):
    """Terminals are recorded, tickets get screenshots."""
    told = ""
    for words in (["summary"], ["list"], *(["show", letter_id(letter)] for letter in (REJECTED, INVALID, UNREADABLE))):
        found = dlq(*words, "-c", site, "--output", output)
        told += found.stdout + found.stderr
    assert "REJECTED" in told
    assert all(canary not in told for canary in (NAME, CERTNO, PHONE))


@pytest.mark.stack
async def test_a_letter_that_is_not_there_ends_with_1(site):
    """A script must notice."""
    found = dlq("show", "ffffffff", "-c", site)
    assert (found.exit_code, "no dead letter" in found.stderr) == (1, True)
    several = dlq("show", "", "-c", site)
    assert (several.exit_code, "3 dead letters begin with" in several.stderr) == (1, True)


@pytest.mark.stack
def test_a_topic_that_does_not_exist_is_named(bootstrap, tmp_path):
    """A wrong prefix looks like a healthy hospital otherwise."""
    with pytest.raises(Misconfigured, match=r"no topic nowhere-visit\.dead.*topics apply"):
        dlq("summary", "-c", sample_site(tmp_path, bootstrap, "nowhere-"))


def test_brokers_that_do_not_answer_end_with_3_and_their_address(tmp_path, unused_tcp_port):
    """Nobody should have to guess which broker was meant. In a process of its own, as a person starts it."""
    site = sample_site(tmp_path, f"127.0.0.1:{unused_tcp_port}", "x-")
    command = [sys.executable, "-c", "from yibao.main import run; run()", "dlq", "summary", "-c", str(site)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert f"127.0.0.1:{unused_tcp_port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.stack
async def test_letters_of_a_newer_version_are_shown_and_it_is_said_that_there_is_more(site, bootstrap):
    """What it added may be what decides how to mend them."""
    topic = re.search("topic_prefix: (.*)", site.read_text())[1] + "visit.dead"
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        key, value, headers = encode_dead_letter(replace(INVALID, identity="later"))
        later = [(name, b"99" if name == "x-dlq-form" else content) for name, content in headers]
        await producer.send_and_wait(topic, value, key=key, partition=1, headers=later)
    told = dlq("list", "-c", site)
    assert "4 of 4 dead letters" in told.stdout
    assert "1 letter was written by a newer version" in told.stderr


@pytest.mark.parametrize("since", ["yesterday", "3x", "2024-13-01"])
def test_a_time_that_is_none_is_refused(tmp_path, since):
    """Taken for "all", it would show what was not asked for."""
    with pytest.raises(Misconfigured, match="since:"):
        dlq("list", "-c", sample_site(tmp_path, "127.0.0.1:1", "x-"), "--since", since)
