"""Everything that a hospital, its database and strangers on the broker can get wrong, in one run of the real stack.

Each mistake must end as the dead letter that names it, or be mended by what the hospital does next; none may hold up what is right.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from sandbox.hospital import create_schema
from sandbox.hospital.catalogue import reference_rows
from sandbox.hospital.tables import DEPARTMENTS, PATIENTS, VISITS
from streams.deliver.ledger import read_receipts
from streams.domain.place.partitions import partition_of
from streams.telemetry.metric_table import METRICS, Kind
from tests.e2e.bad_rows import PRESCRIBED, PRESCRIPTIONS, add_prescriptions, let_keys_be_exchanged, transaction
from tests.e2e.bad_site import NAME, PARTITIONS, SAMPLE, TOPICS, Hospital, running, superuser, wait_for, write_site, yibao
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

LONG = "长" * 1000
"""1000 characters: as many as the interface takes there, and more bytes than one envelope of this platform."""


@pytest.fixture(scope="module")
def hospital(stack, tmp_path_factory):
    """A hospital whose capture and workers run, with one good visit accepted."""
    folder = tmp_path_factory.mktemp("bad")
    (stack.secrets / NAME).write_text("the-capture-password")
    with superuser(stack, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    serve = ("platform", "serve", "--institutions", SAMPLE / "site.yaml", "--keys", folder / "keys", "-o", "json")
    with superuser(stack, NAME) as connection, running(*serve, log=folder / "platform.log") as platform:
        create_schema(connection, password="the-capture-password", role=NAME)
        add_prescriptions(connection, role=NAME)
        let_keys_be_exchanged(connection)
        url = json.loads(platform.stdout.readline())["url"]
        site = write_site(folder, stack, platform_url=url, keys=folder / "keys")
        yibao("topics", "apply", "-c", site)
        yibao("connector", "apply", "-c", site)
        with running("worker", "all", "-c", site, log=folder / "worker.log"):
            hospital = Hospital(connection, site, url, stack.bootstrap_servers)
            hospital.commit(transaction((PATIENTS, hospital.copies.patient)))
            yield hospital
            hospital.close()
        yibao("connector", "delete", "his", "--yes", "-c", site)
        released = "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()"
        wait_for(lambda: connection.execute(released).fetchone() == (0,), what="the slot let go of")
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (NAME,))
    with superuser(stack, "postgres") as connection:
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")
        connection.execute(f"DROP ROLE {NAME}")


def prescribed(visit, *, prescription):
    """A visit's fee line as one that knows only its prescription."""
    row = {name: value for name, value in visit.fee.items() if name != "jzlsh"}
    return row | {"cfh": None, "yqdm": 36, "cfxh": prescription}


def wrong_rows(hospital):
    """Mistakes in the hospital's rows: the transactions, and the dead letter that each ends as."""
    visit = hospital.copies.visit
    yield visit(fee={"jzlsh": None}).transaction("fee"), ("MAPPING", "NO_VISIT_KEY")
    yield visit(settlement={"jzlsh": " "}).transaction("settlement"), ("MAPPING", "NO_VISIT_KEY")
    yield visit(visit={"jzlsh": None}).transaction("visit"), ("MAPPING", "NO_VISIT_KEY")
    yield visit(visit={"grbh": ""}).transaction("visit"), ("VALIDATION", "REQUIRED")
    yield visit(visit={"xb": "X"}).transaction("visit"), ("DICTIONARY", "DICTIONARY")
    yield visit(visit={"jgdm": "99"}).transaction("visit"), ("MAPPING", "UNKNOWN_INSTITUTION")
    yield visit(visit={"bqms": LONG}).transaction("visit"), ("OVERSIZE", "OVERSIZE")
    yield visit(visit={"bqms": LONG + "长"}).transaction("visit"), ("VALIDATION", "LENGTH")
    yield visit(visit={"ryks_dm": "nowhere"}).transaction("visit"), ("JOIN_INCOMPLETE", "MISSING_LOOKUP")
    yield visit(settlement={"tczf": "十二元"}).transaction("visit", "settlement"), ("VALIDATION", "DECIMAL")
    yield visit().transaction("settlement"), ("JOIN_INCOMPLETE", "MISSING_VISIT")
    yield visit().transaction("fee"), ("JOIN_INCOMPLETE", "MISSING_SETTLEMENT")
    first, second = visit().visit, visit().visit
    yield transaction((VISITS, first), (VISITS, second | {"yb_jzid": first["yb_jzid"]})), ("COLLISION", "COLLISION")
    yield transaction((PRESCRIBED, prescribed(visit(), prescription=8))), ("JOIN_INCOMPLETE", "MISSING_HEADER")
    yield transaction((PRESCRIBED, prescribed(visit(), prescription=None))), ("MAPPING", "NO_VISIT_KEY")


STRANGE = (b"no json", b"[]", b"{}", b'{"op":"c"}', b'{"op":"x","source":{}}', b"\xff\xfe", b"")
"""Values that no capture writes."""


def test_every_mistake_ends_as_its_dead_letter_and_holds_up_nothing_else(hospital):
    """One run, because what matters is that the mistakes do not stand in the way of each other or of what is right."""
    expected = Counter()
    for rows, (dead_class, rule) in wrong_rows(hospital):
        hospital.commit(rows)
        expected["join", dead_class, rule] += 1
    for value in STRANGE:
        for topic in (TOPICS.rows("his"), TOPICS.changes, TOPICS.lookup("department"), TOPICS.ready):
            hospital.publish(topic, value, key=topic.encode())  # the same bytes twice in one topic would be one letter
    for topic in (TOPICS.rows("his"), TOPICS.changes, TOPICS.lookup("department"), TOPICS.ready, TOPICS.dead, TOPICS.receipts):
        hospital.publish(topic, None)  # a tombstone; only in the ready topic nobody may write one
    expected += {("join", "DECODE", "DECODE"): 3 * len(STRANGE), ("deliver", "DECODE", "DECODE"): len(STRANGE) + 1}
    for topic in (TOPICS.dead, TOPICS.receipts):
        hospital.publish(topic, b"a stranger's")

    good = hospital.copies.visit(fee={"mxid": 2**63 - 1})
    hospital.commit(good.transaction())
    hospital.wait_until_accepted(good)
    hospital.wait_until_dead(expected)

    summary = json.loads(yibao("dlq", "summary", "-o", "json", "-c", hospital.site))
    assert expected.total() == summary["total"]
    receipts = read_receipts({"bootstrap_servers": hospital.bootstrap}, TOPICS.receipts)
    assert good.keys <= {line.key for receipt in receipts for line in receipt.records}


OF_BAD_TIMES = {
    "cdc_institution_held",
    "cdc_institution_aside_records",
    "cdc_institution_aside_since_timestamp_seconds",
    "cdc_paused",
    "cdc_paused_since_timestamp_seconds",
    "cdc_slot_safe_bytes",
    "cdc_certificate_expiry_timestamp_seconds",
}
"""Metrics without a sample where nothing is held or paused, the slot has no limit and no certificate is named."""


def samples_of(address):
    """What a worker serves: samples by metric."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=PATIENCE_S) as answer:
        return {family.name: family.samples for family in text_string_to_metric_families(answer.read().decode())}


def total(served, stage, name):
    return sum(one.value for one in served[stage][name])


def test_what_the_workers_serve_is_what_they_did(hospital):
    """Every metric of a stage that works is there, with the same numbers as the topics; a probe finds all workers well."""
    workers = json.loads(yibao("worker", "health", "-o", "json", "-c", hospital.site))
    addresses = {one["worker"].partition("-")[0]: one["address"] for one in workers}
    wait_for(lambda: served_of(addresses), what="the looks that are made now and then")
    served = served_of(addresses)
    for stage, families in served.items():
        declared = {metric.name.removesuffix("_total"): metric for metric in METRICS if stage in metric.stages}
        assert declared.keys() == {name for name in families if name.startswith("cdc_")}
        gauges = {name for name, metric in declared.items() if metric.kind is Kind.GAUGE and not families[name]}
        assert gauges <= OF_BAD_TIMES | {"cdc_oldest_unfinished_record_timestamp_seconds", "cdc_join_oldest_wait_timestamp_seconds"}
    receipts = [*read_receipts({"bootstrap_servers": hospital.bootstrap}, TOPICS.receipts)]
    assert sum(len(receipt.records) for receipt in receipts) == total(served, "deliver", "cdc_records_accepted")
    assert len(receipts) == total(served, "deliver", "cdc_batches_accepted")
    letters = hospital.letters()
    for stage in ("join", "deliver"):
        counted, classes = Counter(), Counter()
        for one in served[stage]["cdc_dead_letters"]:
            counted[one.labels["class"]] += int(one.value)
        for (of, dead_class, _), number in letters.items():
            classes[dead_class] += number * (of == stage)
        assert +classes == counted
    (slot,), (state,) = served["place"]["cdc_slot_active"], served["place"]["cdc_capture_state"]
    assert (1, "his", "running") == (slot.value, state.labels["source"], state.labels["state"])
    assert 0 == total(served, "place", "cdc_catalogue_drifts")
    assert abs(time.time() - total(served, "place", "cdc_capture_heartbeat_timestamp_seconds")) < PATIENCE_S
    assert PARTITIONS == total(served, "join", "cdc_restored_partitions") == total(served, "deliver", "cdc_restored_partitions")


def served_of(addresses):
    """What each stage's worker serves, once the slow looks have been made."""
    served = {stage: samples_of(address) for stage, address in addresses.items()}
    late = ("cdc_capture_state", "cdc_capture_heartbeat_timestamp_seconds", "cdc_slot_active")
    rounds = served["join"]["cdc_join_waits_counted_timestamp_seconds"]
    return served if rounds and all(served["place"][name] for name in late) else None


def test_an_empty_text_is_no_value_and_money_may_stand_in_text(hospital):
    """Hospital systems write blanks where nothing is known, and amounts as text with blanks around."""
    strange = hospital.copies.visit(visit={"bz": "", "bzbh": "  ", "cyks_dm": ""}, settlement={"tczf": " 0.00 "})
    hospital.commit(strange.transaction())
    hospital.wait_until_accepted(strange)
    sent = {entry["key"]: json.loads(entry["value"]) for entry in hospital.journal()}
    assert {"MEMO", "DISE_NO"} & set(sent[strange.visit["yb_jzid"]]) == set()
    assert "0.00" == sent[strange.settlement["yb_jsid"]]["HIFP_PAY"]


def test_a_line_that_knows_only_its_prescription_is_reported_in_its_visit_and_follows_it(hospital):
    """Its two numbers are of other types here and there, and nobody may alter the vendor's tables for that."""
    visit, other = hospital.copies.visit(), hospital.copies.visit()
    line, key = prescribed(visit, prescription=7), str(visit.fee["mxid"])
    before = hospital.letters()
    hospital.commit(visit.transaction("visit", "settlement"), other.transaction(), transaction((PRESCRIBED, line)))
    hospital.commit(transaction((PRESCRIPTIONS, {"yqdm": 36, "cfxh": 7, "jzlsh": visit.visit["jzlsh"], "cfh": "RX7"})))
    hospital.wait_until_accepted(visit, other)
    hospital.execute("UPDATE his.cf_zb SET cfh = 'RX8' WHERE cfxh = 7")
    wait_for(lambda: len(hospital.sent(key)) > 1, what="the correction of the line")
    first, second = hospital.sent(key)
    assert ("RX7", "RX8") == (first["RX_DRORD_NO"], second["RX_DRORD_NO"])
    assert visit.visit["yb_jzid"] == first["MDTRT_ID"]
    assert before == hospital.letters()


def test_a_line_counts_for_as_long_as_its_row_says_so(hospital):
    """Entered, charged, cancelled and taken up again, with its visit key and under a prescription."""
    before = hospital.letters()
    visit, other = hospital.copies.visit(fee={"kdks": "作废"}), hospital.copies.visit(fee={"kdks": "作废"})
    line, under = (one.fee["mxid"] for one in (visit, other))
    header = {"yqdm": 36, "cfxh": 9, "jzlsh": other.visit["jzlsh"], "cfh": "RX9"}
    hospital.commit(visit.transaction(), other.transaction("visit", "settlement"), transaction((PRESCRIPTIONS, header)))
    hospital.commit(transaction((PRESCRIBED, prescribed(other, prescription=9))))
    for said, letters in (("1", 0), ("作废", 2), ("2", 0)):
        for table, key in (("his.sf_fymx", line), ("his.cf_mx", under)):
            hospital.execute(f"UPDATE {table} SET kdks = %s WHERE mxid = %s", said, key)
        wait_for(lambda: hospital.sent(line) and hospital.sent(under), what="the lines that count")
        hospital.wait_until_dead(before + Counter({("join", "WITHDRAWN", "DELETED_AFTER_REPORT"): letters}))
    assert [2, 2] == [len(hospital.sent(key)) for key in (line, under)]


def test_rows_that_exchange_their_keys_in_one_statement_are_all_reported_and_nobody_is_told(hospital):
    """Lines of two visits, headers, what hangs under them, a lookup. The delete of the row that had a key comes behind the create
    of the one that has it now; taken for that one, a record would be lost, and a person told to cancel one that lives.
    """
    here, there = hospital.copies.visit(), hospital.copies.visit()
    while lane_of(there) == lane_of(here):
        there = hospital.copies.visit()
    one, other = here.fee["mxid"], there.fee["mxid"]
    under = [
        prescribed(hospital.copies.visit(fee={"jsdh": here.fee["jsdh"], "xmmc": f"N{n}"}), prescription=20 + n) for n in (1, 2)
    ]
    headers = [{"yqdm": 36, "cfxh": 20 + n, "jzlsh": here.visit["jzlsh"], "cfh": f"RX{n}"} for n in (1, 2)]
    before = hospital.letters()
    hospital.commit(here.transaction(), there.transaction(), transaction(*((PRESCRIPTIONS, each) for each in headers)))
    hospital.commit(transaction(*((PRESCRIBED, each) for each in under)))
    hospital.wait_until_accepted(here, there)
    for line in under:
        wait_for(lambda line=line: hospital.sent(line["mxid"]), what="the lines under prescriptions")
    for table, column, keys in (
        ("his.sf_fymx", "mxid", (one, other)),
        ("his.cf_zb", "cfxh", (21, 22)),
        ("his.cf_mx", "mxid", [line["mxid"] for line in under]),
    ):
        hospital.exchange(table, column, *keys)
    departments = [row for table, row in reference_rows() if table is DEPARTMENTS][:2]
    hospital.exchange("his.jc_ks", "ksdm", *(row["ksdm"] for row in departments))
    after = hospital.copies.visit(visit={"ryks_dm": departments[0]["ksdm"]})
    hospital.commit(after.transaction())
    hospital.wait_until_accepted(after)
    assert departments[1]["ksmc"] == hospital.sent(after.visit["yb_jzid"])[-1]["ADM_DEPT_NAME"]
    expected = [there.visit["yb_jzid"], here.visit["yb_jzid"], ("RX1", "N2"), ("RX2", "N1")]
    wait_for(
        lambda: expected == lines_of(hospital, one, other, *(line["mxid"] for line in under)), what="the lines as they are now"
    )
    for line in (one, other):  # now they go, of which a person must hear
        hospital.execute("DELETE FROM his.sf_fymx WHERE mxid = %s", line)
    hospital.wait_until_dead(before + Counter({("join", "WITHDRAWN", "DELETED_AFTER_REPORT"): 2}))


def lines_of(hospital, one, other, *under):
    """The visits of two lines, and prescription and name of those under prescriptions, as the platform has them."""
    visits = [hospital.sent(line)[-1]["MDTRT_ID"] for line in (one, other)]
    last = [hospital.sent(line)[-1] for line in under]
    return [*visits, *((each["RX_DRORD_NO"], each["MEDINS_LIST_NAME"]) for each in last)]


def test_a_truncated_lookup_is_empty_until_it_is_filled_again(hospital):
    """A catalogue is replaced by TRUNCATE and INSERT. What comes in between is not reported with names of before; it waits."""
    before = hospital.letters()
    hospital.execute("TRUNCATE his.jc_ks")
    between = hospital.copies.visit()
    hospital.commit(between.transaction())
    hospital.wait_until_dead(before + Counter({("join", "JOIN_INCOMPLETE", "MISSING_LOOKUP"): 1}))
    hospital.commit(transaction(*((table, {**row, "ksmc": "新名"}) for table, row in reference_rows() if table is DEPARTMENTS)))
    hospital.wait_until_accepted(between)
    sent = {entry["key"]: json.loads(entry["value"]) for entry in hospital.journal()}
    assert "新名" == sent[between.visit["yb_jzid"]]["ADM_DEPT_NAME"]


def test_a_truncated_fee_table_is_one_dead_letter(hospital):
    """Rows that were reported are gone without a delete of each: a person must be told, once."""
    before = hospital.letters()
    reported = hospital.keys_of("his.sf_fymx", "mxid") & {entry["key"] for entry in hospital.journal()}
    hospital.execute("TRUNCATE his.sf_fymx")
    after = hospital.copies.visit()
    hospital.commit(after.transaction())
    hospital.wait_until_accepted(after)
    hospital.wait_until_dead(before + Counter({("join", "WITHDRAWN", "TRUNCATE"): 1}))
    wait_for(lambda: hospital.counted() == len(reported), what=f"the letters with the count of {len(reported)} records")


def test_a_record_is_withdrawn_when_no_row_backs_it_and_not_when_its_row_is_saved_again(hospital):
    """Rows are deleted and inserted in one transaction, and keys are mended: a person hears of what the platform has too much."""
    before = hospital.letters()
    visit = hospital.copies.visit()
    hospital.commit(visit.transaction())
    hospital.wait_until_accepted(visit)
    line, settled = visit.fee["mxid"], visit.settlement["yb_jsid"]
    hospital.insert_again("his.sf_fymx", "mxid", line)
    hospital.execute("UPDATE his.sf_jsjl SET yb_jsid = %s WHERE jsdh = %s", f"{settled}N", visit.settlement["jsdh"])
    wait_for(lambda: hospital.sent(f"{settled}N") and len(hospital.sent(line)) == 2, what="settlement and line with the new key")
    hospital.execute("UPDATE his.sf_fymx SET mxid = mxid + 900000000 WHERE mxid = %s", line)
    wait_for(lambda: hospital.sent(int(line) + 900_000_000), what="the line with its new key")
    hospital.wait_until_dead(before + Counter({("join", "WITHDRAWN", "KEY_CHANGED_AFTER_REPORT"): 2}))
    assert [settled, f"{settled}N"] == [one["SETL_ID"] for one in hospital.sent(line)]


def test_a_reported_line_that_loses_its_visit_key_is_told_and_comes_again_with_it(hospital):
    """It leaves its visit and belongs nowhere: a person hears of both. It may come back, of which nobody needs to hear."""
    before = hospital.letters()
    visit = hospital.copies.visit()
    hospital.commit(visit.transaction())
    hospital.wait_until_accepted(visit)
    key, line = visit.fee["jzlsh"], visit.fee["mxid"]
    hospital.execute("UPDATE his.sf_fymx SET jzlsh = NULL WHERE mxid = %s", line)
    lost = Counter({("join", "WITHDRAWN", "DELETED_AFTER_REPORT"): 1, ("join", "MAPPING", "NO_VISIT_KEY"): 1})
    hospital.wait_until_dead(before + lost)
    hospital.execute("UPDATE his.sf_fymx SET jzlsh = %s, kdks = 'again', sl = sl * 2, je = je * 2 WHERE mxid = %s", key, line)
    wait_for(lambda: len(hospital.sent(line)) == 2, what="the line with its visit key again")
    assert hospital.sent(line)[0]["CNT"] != hospital.sent(line)[1]["CNT"]
    # What is reported again closes its letter.
    hospital.wait_until_dead(before + Counter({("join", "MAPPING", "NO_VISIT_KEY"): 1}))


def test_a_line_that_moves_while_the_lane_that_it_left_stands_is_reported_as_it_is_last(hospital):
    """The lanes of two partitions do not wait for each other; the line itself must, or its older version would be the last one."""
    here, there = hospital.copies.visit(), hospital.copies.visit()
    while lane_of(there) == lane_of(here):
        there = hospital.copies.visit()
    hospital.commit(here.transaction(), there.transaction("visit", "settlement"))
    hospital.wait_until_accepted(here)
    line = here.fee["mxid"]

    stands = hospital.copies.visit()
    while lane_of(stands) != lane_of(here):
        stands = hospital.copies.visit()
    struck = hospital.stats()["by_fault"].get("late", 0)
    hospital.strike(kind="late", service="mdtrt_d", delay_s=6, times=1)
    hospital.commit(stands.transaction("visit"))
    wait_for(lambda: hospital.stats()["by_fault"].get("late", 0) > struck, what="the lane standing")
    hospital.execute("UPDATE his.sf_fymx SET sl = sl * 2, je = je * 2 WHERE mxid = %s", line)
    arrives = "UPDATE his.sf_fymx SET jzlsh = %s, jsdh = %s WHERE mxid = %s"
    hospital.execute(arrives, there.visit["jzlsh"], there.settlement["jsdh"], line)
    wait_for(lambda: len(hospital.sent(line)) == 3, what="all versions of the line")
    homes = [here.visit["yb_jzid"], here.visit["yb_jzid"], there.visit["yb_jzid"]]
    assert homes == [one["MDTRT_ID"] for one in hospital.sent(line)]


def lane_of(visit):
    """The partition in which a visit stands."""
    return partition_of(visit.visit["jzlsh"], PARTITIONS)


def test_a_platform_that_shows_a_web_page_is_asked_again_until_it_answers(hospital):
    """A proxy's error page says nothing about the records: they are posted again under the same msgids, and none is lost."""
    before = hospital.stats()["doubled"], hospital.letters()  # rows that exchanged their keys went twice
    hospital.strike(kind="html", for_s=6)
    hospital.strike(kind="html", probability=0.3, from_s=6, for_s=4, judged=True)
    visits = [hospital.copies.visit() for _ in range(5)]
    for visit in visits:
        hospital.commit(visit.transaction())
    hospital.wait_until_accepted(*visits)
    stats = hospital.stats()
    assert stats["by_fault"]["html"] > 2
    assert before == (stats["doubled"], hospital.letters())


def test_a_row_that_no_message_carries_stops_nothing(hospital):
    """A document pasted into a remark. As an update it would be captured twice over, before and after, and be too large to send."""
    before = hospital.letters()
    huge = hospital.copies.visit(visit={"bqms": "x" * 6_000_000})
    hospital.commit(huge.transaction("visit"))
    hospital.wait_until_dead(before + Counter({("join", "VALIDATION", "LENGTH"): 1}))
    hospital.execute("UPDATE his.mz_zy_jz SET bz = '补充说明' WHERE jzlsh = %s", huge.visit["jzlsh"])
    hospital.execute("UPDATE his.mz_zy_jz SET bqms = NULL WHERE jzlsh = %s", huge.visit["jzlsh"])
    hospital.commit(huge.transaction("settlement", "fee"))
    hospital.wait_until_accepted(huge)
    hospital.wait_until_dead(before + Counter({("join", "VALIDATION", "LENGTH"): 2}))


def changed(hospital, **kafka):
    """The site with other values in its section `kafka`, in a file beside it."""
    document = yaml.safe_load(hospital.site.read_text(encoding="utf-8"))
    document["kafka"] |= kafka
    file = hospital.site.with_name("changed.yaml")
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("words", "code"), [(("topics", "apply"), 1), (("worker", "join"), 72), (("worker", "deliver"), 72), (("worker", "all"), 72)]
)
def test_another_number_of_partitions_is_refused_wherever_it_would_do_harm(hospital, words, code):
    """A visit would part ways: its later rows in another partition than its earlier ones."""
    command = [sys.executable, "-m", "yibao", *words, "-c", str(changed(hospital, partitions=4))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (code, True, False) == (done.returncode, "partitions" in done.stderr, "Traceback" in done.stderr)


@pytest.mark.parametrize("verb", ["join", "deliver", "all"])
def test_a_worker_that_finds_no_broker_at_its_first_start_is_exit_3(hospital, verb):
    """And names where it looked and which setting says so."""
    command = [sys.executable, "-m", "yibao", "worker", verb, "-c", str(changed(hospital, bootstrap_servers="127.0.0.1:1"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (3, True) == (done.returncode, "kafka.bootstrap_servers" in done.stderr)
    assert "127.0.0.1:1" in done.stderr
