"""Capture on a real PostgreSQL, Kafka and Connect: what arrives, where, and in which shape."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition

from connector.connect import Access, Connect
from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Misconfigured, Refused, Unreachable
from connector.plan import Action
from connector.preflight import preflight
from connector.profiles.postgresql import catalogue as postgresql_catalogue
from connector.profiles.postgresql import checks as postgresql_checks
from connector.profiles.postgresql import reading as postgresql_reading
from connector.reconcile import Patience, Reconciler
from connector.render import render
from streams.lanes.marks import first_marks
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from streams.topics.shapes import TopicAction, compare, plan_topics
from streams.topics.stages import stages
from tests.patience import PATIENCE_S
from tests.settings import connect_settings, topic_settings
from yibao.captures.from_site import database_password

pytestmark = pytest.mark.stack

HERE = Path(__file__).parent
TOPICS = Topics(prefix="capture-test.")
PARTITIONS = 12
DATABASE = "capture_test"
VISIT_COLUMNS = (
    "visit_sn",
    "mdtrt_id",
    "psn_name",
    "born",
    "admitted",
    "admitted_ms",
    "created",
    "clock",
    "clock_tz",
    "height",
    "free",
    "flag",
    "gender",
    "weight",
    "note",
    "ext",
    "photo",
    "stay",
    "paid",
    "bits",
    "is_seen",
    "spot",
)
VOLATILE_SOURCE = ("version", "ts_ms", "ts_us", "ts_ns", "sequence", "txId", "lsn")
VOLATILE = ("ts_ms", "ts_us", "ts_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A running capture after both SQL files, and everything that it wrote."""

    source: CaptureSource
    reconciler: Reconciler
    connect: Connect
    bootstrap_servers: str
    changes: list
    lookup: list


class CountingConnect(Connect):
    """The real client, counting what changes something."""

    puts = 0

    def put_config(self, connector: str, config: Mapping[str, str]) -> None:
        type(self).puts += 1
        super().put_config(connector, config)


def tables():
    return (
        CapturedTable(name="his.visit", role=TableRole.VISIT, key=("visit_sn",), visit_key=("mdtrt_id",), columns=VISIT_COLUMNS),
        CapturedTable(
            name="his.settlement",
            role=TableRole.SETTLEMENT,
            key=("SETL_ID",),
            visit_key=("VISIT_NO",),
            columns=("SETL_ID", "VISIT_NO", "SETL_TIME", "MEDFEE_SUMAMT", "order"),
        ),
        CapturedTable(
            name="his.费用明细",
            role=TableRole.FEE,
            key=("fee_id", "line_no"),
            visit_key=("mdtrt_id",),
            columns=("fee_id", "line_no", "mdtrt_id", "setl_id", "数量", "VISIT_NO"),
        ),
        CapturedTable(
            name="his.dept",
            role=TableRole.LOOKUP,
            key=("hosp", "code"),
            visit_key=(),
            columns=("hosp", "code", "name"),
            lookup="dept",
        ),
    )


def execute(endpoints, statements, *, database=DATABASE):
    """As the superuser, each statement in its own transaction."""
    with psycopg.connect(
        host=endpoints.postgres_host, port=endpoints.postgres_port, user="postgres", dbname=database, autocommit=True
    ) as connection:
        for statement in statements:
            connection.execute(statement)


def statements(name):
    text = "\n".join(line for line in (HERE / name).read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    return [statement for part in text.split(";\n") if (statement := part.strip())]


@pytest.fixture(scope="module")
def source(stack) -> Iterator[CaptureSource]:
    """A database with rows in it, ready to be captured."""
    execute(stack, [f"CREATE DATABASE {DATABASE}"], database="postgres")
    execute(stack, statements("capture_schema.sql"))
    password = stack.secrets / "capture_test.password"
    password.write_text("capture-test\n", encoding="utf-8")
    connector_password = stack.secrets / "capture_test.connector"
    connector_password.write_text("capture-test", encoding="utf-8")
    yield CaptureSource(
        name="his",
        kind=DatabaseKind.POSTGRESQL,
        host=stack.postgres_host,
        port=stack.postgres_port,
        database=DATABASE,
        user=DATABASE,
        password_file=str(password),
        password_reference=f"${{directory:{stack.secrets}:{connector_password.name}}}",
        sslmode="disable",
        publication=DATABASE,
        slot=DATABASE,
        heartbeat_table="cdc.heartbeat",
        tables=tables(),
    )
    drop_slot = f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{DATABASE}'"
    execute(stack, [drop_slot, f"DROP DATABASE {DATABASE} WITH (FORCE)", f"DROP ROLE {DATABASE}"], database="postgres")


@pytest.fixture(scope="module")
def connect(stack) -> CountingConnect:
    return CountingConnect(Access(url=stack.connect_url, timeout_s=90, busy_s=150))


@pytest.fixture(scope="module")
def reconciler(stack, connect) -> Reconciler:
    return Reconciler(
        connect,
        topics=TOPICS,
        settings=connect_settings(stack.bootstrap_servers, heartbeat_interval_ms=500),
        patience=Patience(running_s=PATIENCE_S, settled_s=1),
    )


@pytest.fixture(scope="module")
def captured(stack, source, connect, reconciler) -> Iterator[Captured]:
    specs = plan_topics(TOPICS, [source], topic_settings(partitions=PARTITIONS, replication_factor=1))
    with Broker(BrokerAccess(bootstrap_servers=stack.bootstrap_servers)) as broker:
        broker.create(specs)
    assert reconciler.apply(source).action is Action.CREATE
    # A truncate is not kept from a snapshot that still reads: the row would be absent instead of read and truncated.
    read_until(stack.bootstrap_servers, TOPICS.rows("his"), lambda record: envelope(record)["source"]["snapshot"] == "last")
    execute(stack, statements("capture_changes.sql"))
    changes = read_until(stack.bootstrap_servers, TOPICS.rows("his"), lambda record: visit_of(record) == "LAST")
    lookup = read_until(stack.bootstrap_servers, TOPICS.lookup("dept"), lambda record: b'"D3"' in (record.key or b""))
    yield Captured(
        source=source,
        reconciler=reconciler,
        connect=connect,
        bootstrap_servers=stack.bootstrap_servers,
        changes=changes,
        lookup=lookup,
    )
    stop_and_delete(connect, TOPICS.connector(source.name), stack)


def findings_of(source):
    return preflight(source, password=database_password(source))


def stop_and_delete(connect, connector, stack):
    """Until the slot is free, so that it can be dropped."""
    connect.delete(connector)
    let_go(stack)


def let_go(stack):
    """Wait until no connector holds a slot of the database."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(
        host=stack.postgres_host, port=stack.postgres_port, user="postgres", dbname=DATABASE, autocommit=True
    ) as connection:
        query = "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()"
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline, "the connector does not let go of its slot"
            time.sleep(0.1)


def read_until(bootstrap_servers, topic, last):
    """All records of a topic, as soon as the one that `last` recognises is among them."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))])
    records, deadline = [], time.monotonic() + PATIENCE_S
    try:
        while not any(last(record) for record in records):
            assert time.monotonic() < deadline, f"{topic}: the last record has not come, {len(records)} have"
            for batch in consumer.poll(timeout_ms=200).values():
                records.extend(batch)
        for batch in consumer.poll(timeout_ms=500).values():
            records.extend(batch)
    finally:
        consumer.close()
    return records


def envelope(record):
    return json.loads(record.value)


def visit_of(record):
    """The visit key of the row that a record is about."""
    image = envelope(record)["after"] or envelope(record)["before"] or {}
    return image.get("mdtrt_id", image.get("VISIT_NO"))


def test_all_rows_of_a_source_stand_in_one_partition_in_the_order_of_its_log(captured):
    """Tables of three names, keys of two names, snapshot, insert, update, delete: the order among them is the truth."""
    assert {0} == {record.partition for record in captured.changes}
    streamed = [envelope(record)["source"]["lsn"] for record in captured.changes if envelope(record)["op"] != "r"]
    assert sorted(streamed) == streamed
    of_m1 = {envelope(record)["source"]["table"] for record in captured.changes if visit_of(record) == "M1"}
    assert of_m1 == {"visit", "settlement", "费用明细"}


def test_nothing_is_missing(captured):
    """Counted by table and operation: five rows were there, and what the statements did afterwards."""
    seen = {}
    for record in captured.changes:
        place = (envelope(record)["source"]["table"], envelope(record)["op"])
        seen[place] = seen.get(place, 0) + 1
    assert seen == {
        ("visit", "r"): 3,
        ("settlement", "r"): 1,
        ("费用明细", "r"): 1,
        ("visit", "c"): 2,
        ("visit", "u"): 4,  # two of a changed visit key
        ("visit", "d"): 1,
        ("settlement", "c"): 1,
        ("settlement", "d"): 1,
        ("费用明细", "c"): 1,
        ("费用明细", "t"): 1,
    }


def test_a_row_without_a_visit_key_arrives_and_stops_nothing(captured):
    """Hospitals have bills without a visit; one of them must not hold up all others."""
    orphans = [envelope(record) for record in captured.changes if envelope(record)["op"] != "t" and visit_of(record) is None]
    assert [each["op"] for each in orphans] == ["r", "u", "d"]


def test_a_changed_visit_key_arrives_as_one_change_that_tells_both(captured):
    """As a delete and a create it could be parted by a restart; as one, the row leaves and arrives at once."""
    moved = [
        (envelope(record)["op"], visit_of(record), envelope(record)["source"]["lsn"])
        for record in captured.changes
        if (envelope(record)["after"] or envelope(record)["before"] or {}).get("visit_sn") == 10
    ]
    assert ("u", "M11") in [each[:2] for each in moved]
    assert 1 == sum(each[0] == "c" for each in moved)


def test_truncates_arrive_and_stop_nothing(captured):
    """A truncate has no key. In a compacted topic that would end the connector for good."""
    (of_changes,) = [record for record in captured.changes if envelope(record)["op"] == "t"]
    assert of_changes.key is None
    (of_lookup,) = [record for record in captured.lookup if envelope(record)["op"] == "t"]
    assert json.loads(of_lookup.key) == {"row": None}
    assert captured.reconciler.status([captured.source])["his"].running


def test_what_other_tools_write_into_the_log_is_not_captured(captured):
    """Debezium would send it to a topic that nobody made, wait for that two minutes long, and end. A row behind it came."""
    assert "LAST" in {visit_of(record) for record in captured.changes}
    assert captured.connect.config(TOPICS.connector("his"))["message.prefix.exclude.list"] == ".*"


def test_only_mapped_columns_leave_the_database(captured):
    """What the interface does not ask for may not even reach the broker."""
    wanted = {table.name.partition(".")[2]: set(table.columns) for table in captured.source.tables}
    for record in (*captured.changes, *captured.lookup):
        told = envelope(record)
        for image in (told["before"], told["after"]):
            assert image is None or set(image) == wanted[told["source"]["table"]]


def test_a_long_value_that_did_not_change_is_sent_whole(captured):
    """PostgreSQL leaves it out of the log; the full replica identity brings it back, so no placeholder reaches the join."""
    (update,) = [envelope(record) for record in captured.changes if (visit_of(record), envelope(record)["op"]) == ("M3", "u")]
    assert update["after"]["note"] == update["before"]["note"]
    assert len(update["after"]["note"]) == 9600


def test_lookup_rows_are_keyed_by_their_key_in_order(captured):
    """The last record of a key is what the row is now; a deleted row ends with its delete."""
    rows = [(json.loads(record.key)["row"], envelope(record)["op"]) for record in captured.lookup]
    assert rows == [
        ({"hosp": "H1", "code": "D1"}, "r"),
        ({"hosp": "H1", "code": "D2"}, "r"),
        ({"hosp": "H1", "code": "D2"}, "d"),
        ({"hosp": "H1", "code": "D1"}, "u"),
        (None, "t"),
        ({"hosp": "H1", "code": "D3"}, "c"),
    ]


def test_lookups_are_compacted_and_changes_are_not(captured):
    """Asked of the broker, not of the plan."""
    with Broker(BrokerAccess(bootstrap_servers=captured.bootstrap_servers)) as broker:
        live = broker.topics([TOPICS.lookup("dept"), TOPICS.rows("his")])
    assert {topic.configs["cleanup.policy"] for topic in live.values()} == {"compact", "delete"}
    assert live[TOPICS.lookup("dept")].configs["cleanup.policy"] == "compact"


def test_long_ids_keep_every_digit(captured):
    """Nineteen digits are more than a JSON number holds in many programs; here the text of the message is looked at."""
    assert any(b'"visit_sn":1234567890123456789,' in record.value for record in captured.changes)


def test_the_end_of_a_day_is_not_its_beginning(captured):
    """24:00:00 of a `time`, in a snapshot and in the log: as 00:00:00 nobody could tell which of the two stood in the database."""
    clocks = {
        image["mdtrt_id"]: image["clock"] for record in captured.changes if (image := envelope(record)["after"] or {}).get("clock")
    }
    assert {"M1": "23:59:58.5Z", "M3": "24:00:00Z", "M10": "08:00:00Z", "LAST": "24:00:00Z"} == {
        visit: clock for visit, clock in clocks.items() if visit in ("M1", "M3", "M10", "LAST")
    }


def test_the_envelopes_are_what_the_decoder_was_written_for(captured):
    """Shapes of every type and operation, as the real connector writes them; a newer Debezium must not change them unseen."""
    wanted = json.loads((HERE / "golden" / "capture_envelopes.json").read_text(encoding="utf-8"))
    assert [shape(record) for record in (*captured.changes, *captured.lookup)] == wanted


def shape(record):
    """A record without what differs from run to run; long texts are shortened."""
    told = envelope(record)
    told["source"] = {name: value for name, value in told["source"].items() if name not in VOLATILE_SOURCE}
    for name in ("before", "after"):
        if told[name] is not None:
            told[name] = {key: short(value) for key, value in told[name].items()}
    return {
        "key": None if record.key is None else json.loads(record.key),
        "headers": [name for name, _ in record.headers],
        "value": {name: value for name, value in told.items() if name not in VOLATILE},
    }


def short(value):
    return f"{value[:8]}… {len(value)} characters" if isinstance(value, str) and len(value) > 100 else value


def test_a_second_apply_changes_nothing(captured):
    """A restart of a running capture costs minutes and a replay, so it must not happen without a reason."""
    before = CountingConnect.puts
    assert captured.reconciler.apply(captured.source).action is Action.UNCHANGED
    assert CountingConnect.puts == before


def test_a_lost_position_is_refused_before_anything_is_changed(captured):
    """The slot's name looks like any other option."""
    before = CountingConnect.puts
    with pytest.raises(Refused, match=r"slot\.name.*--accept-loss"):
        captured.reconciler.apply(replace(captured.source, slot="another"))
    assert CountingConnect.puts == before


def test_the_heartbeat_tells_that_capture_lives(captured):
    """A connector that lost its database says RUNNING for ever; only this tells."""
    with Broker(BrokerAccess(bootstrap_servers=captured.bootstrap_servers)) as broker:
        newest = broker.newest_ms(TOPICS.heartbeat("his"))
        deadline = time.monotonic() + PATIENCE_S
        while broker.newest_ms(TOPICS.heartbeat("his")) == newest:
            assert time.monotonic() < deadline, "no further heartbeat"
            time.sleep(0.1)


def test_a_good_database_has_no_finding(stack, source):
    """Against the real catalogue, with mixed case and Chinese names in it."""
    assert findings_of(source) == ()


def test_what_stands_against_capture_is_found_in_the_real_catalogue(stack, source):
    """All at once: no publication, another role's table, a missing and a computed column, a wall clock read as an instant, a key
    with the column by which a table is partitioned, and by which its partitions are, and a name (also behind a domain).
    """
    half = "half integer GENERATED ALWAYS AS (length(mdtrt_id) / 2) STORED"
    parts = "id varchar(9), year int, month int, mdtrt_id varchar(30), PRIMARY KEY (id, year, month)"
    execute(
        stack,
        [
            "CREATE DOMAIN his.account AS name",
            f'CREATE TABLE his."Extra" (id varchar(9) PRIMARY KEY, mdtrt_id char(30), {half}, clerk name, by his.account)',
            f'CREATE TABLE his."Parts" ({parts}) PARTITION BY LIST (year)',
            'CREATE TABLE his."Part" PARTITION OF his."Parts" FOR VALUES IN (2024) PARTITION BY LIST (month)',
        ],
    )
    visit = replace(source.tables[0], instants=frozenset({"admitted"}), wall_clock=frozenset({"created"}))
    extra = CapturedTable(
        name="his.Extra",
        role=TableRole.FEE,
        key=("id",),
        visit_key=("mdtrt_id",),
        columns=("id", "mdtrt_id", "ID2", "half", "clerk", "by"),
    )
    key = ("id", "year", "month")
    parted = CapturedTable(name="his.Parts", role=TableRole.FEE, key=key, visit_key=("mdtrt_id",), columns=(*key, "mdtrt_id"))
    found = {finding.where: finding for finding in findings_of(replace(source, publication="none", tables=(visit, extra, parted)))}
    assert found.keys() == {
        "his.visit.admitted",
        "his.visit.created",
        "his.Extra",
        "his.Extra.ID2",
        "his.Extra.by",
        "his.Extra.clerk",
        "his.Extra.half",
        "his.Extra.mdtrt_id",
        "his.Parts",
        "his.Parts (id, year, month)",
        "publication none",
    }
    assert "holds year, month, by which the table is partitioned" in found["his.Parts (id, year, month)"].what
    assert all("the log brings it as NULL" in found[f"his.Extra.{name}"].what for name in ("by", "clerk"))
    execute(stack, ['DROP TABLE his."Extra"', "DROP DOMAIN his.account", 'DROP TABLE his."Parts"'])


def test_the_mends_mend(stack, source):
    """Each is pasted by an administrator who trusts it."""
    execute(stack, ['CREATE TABLE his."Extra" (id varchar(9) PRIMARY KEY, mdtrt_id char(30) NOT NULL)'])
    extra = CapturedTable(name="his.Extra", role=TableRole.FEE, key=("id",), visit_key=("mdtrt_id",), columns=("id", "mdtrt_id"))
    changed = replace(source, tables=(source.tables[0], extra))
    findings = findings_of(changed)
    assert findings
    execute(stack, [part for finding in findings for part in finding.mend.partition("  --")[0].rstrip(";").split("; ")])
    assert [finding for finding in findings_of(changed) if finding.where != "his.Extra"] == []
    execute(stack, ['DROP TABLE his."Extra"'])


def test_a_server_that_is_too_old_is_a_finding_whatever_its_catalogue_lacks(source, monkeypatch):
    """Hospitals keep a database for fifteen years. Its catalogue has other columns; asking for ours would end in a traceback."""
    for module in (postgresql_catalogue, postgresql_checks):
        monkeypatch.setattr(module, "OLDEST", 990_000)
    monkeypatch.setattr(postgresql_reading, "_TABLES", "SELECT a_column_of_later")
    assert [finding.where for finding in findings_of(source)] == ["server version"]


def test_the_publication_of_a_server_without_column_lists_is_read(source, monkeypatch):
    """PostgreSQL 14 knows neither column lists nor row filters, and its catalogue no columns for them."""
    monkeypatch.setattr(postgresql_reading, "_COLUMN_LISTS", 990_000)
    monkeypatch.setattr(postgresql_reading, "_PUBLISHED", "SELECT r.prattrs")
    assert findings_of(source) == ()


def test_a_database_that_goes_away_while_it_is_looked_at_is_named(source, monkeypatch):
    """Exit code 3 and the place, as for one that never answered: the pipeline tries again later."""
    monkeypatch.setattr(postgresql_reading, "_SLOT", "SELECT pg_terminate_backend(pg_backend_pid()), %s::text")
    with pytest.raises(Unreachable, match=f"source his: database {DATABASE} at {source.host}:{source.port}"):
        findings_of(source)


def test_a_wrong_password_is_a_matter_of_configuration_and_is_not_shown(source, tmp_path):
    """Exit code 2, with the file that holds it, and nothing of what is in it."""
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password")
    with pytest.raises(Misconfigured, match="refuses the login") as caught:
        findings_of(replace(source, password_file=str(wrong)))
    assert str(wrong) in str(caught.value)
    assert "not-the-password" not in str(caught.value)


def test_connect_itself_refuses_a_password_that_does_not_open_the_database(stack, source, reconciler):
    """The machine that plans may not reach the database; Connect does, and nothing is created."""
    (stack.secrets / "capture_test.wrong").write_text("not-the-password")
    wrong = replace(source, name="other", password_reference=f"${{directory:{stack.secrets}:capture_test.wrong}}")
    with pytest.raises(Refused, match="nothing was changed") as caught:
        reconciler.apply(wrong)
    assert "not-the-password" not in str(caught.value)
    assert reconciler.status([wrong])["other"] is None


def test_topics_and_first_offsets_are_made_once(stack, source):
    """On the real broker: created, then unchanged; offsets written, then never again; a wrong width is a conflict."""
    topics = Topics(prefix="capture-test-2.")
    specs = plan_topics(topics, [source], topic_settings(partitions=3, replication_factor=1))
    with Broker(BrokerAccess(bootstrap_servers=stack.bootstrap_servers)) as broker:
        broker.create(specs)
        broker.create(specs)
        live = broker.topics([spec.name for spec in specs])
        assert {plan.action for plan in compare(specs, live)} == {TopicAction.UNCHANGED}
        table, marks = stages(topics, [source.name]), first_marks("test", partitions=3)
        plan = broker.plan_first_offsets(table, partitions=3, marks=marks)
        assert len(plan.write) == 7
        broker.commit(plan.write)
        assert (
            broker.plan_first_offsets(stages(topics, [source.name]), partitions=3, marks=first_marks("test", partitions=3)).write
            == ()
        )
        wider = plan_topics(topics, [source], topic_settings(partitions=4, replication_factor=1))
        assert TopicAction.CONFLICT in {plan.action for plan in compare(wider, live)}


def test_the_rendered_configuration_has_no_option_that_connect_does_not_keep(captured):
    """Compared with what Connect gives back: a value that it rewrites would show as a change for ever."""
    live = captured.connect.config(TOPICS.connector("his"))
    settings = connect_settings(captured.bootstrap_servers, heartbeat_interval_ms=500)
    assert {key: value for key, value in live.items() if key != "name"} == render(captured.source, TOPICS, connect=settings)


def test_a_lost_slot_is_told_in_debeziums_own_words_whole_until_the_place_is_forgotten(stack, captured):
    """What to do stands at the end of a long sentence. Nothing but a new beginning helps, which reads every row."""
    connector = TOPICS.connector("his")
    captured.connect.stop(connector)
    let_go(stack)
    execute(stack, [f"SELECT pg_drop_replication_slot('{DATABASE}')"])
    captured.connect.resume(connector)
    deadline = time.monotonic() + PATIENCE_S
    while (failure := captured.connect.status(connector).failure) is None:
        assert time.monotonic() < deadline, "it goes on without its slot"
        time.sleep(0.2)
    assert "but this is no longer available on the server. Reconfigure the connector" in failure
    before = len(reads(stack))
    captured.reconciler.forget(captured.source)
    deadline = time.monotonic() + PATIENCE_S
    while len(reads(stack)) == before:
        assert time.monotonic() < deadline, "no row is read again"
    assert captured.reconciler.status([captured.source])["his"].running


def reads(stack):
    """What snapshots read of the source so far."""
    records = read_until(stack.bootstrap_servers, TOPICS.rows("his"), lambda record: visit_of(record) == "LAST")
    return [record for record in records if envelope(record)["op"] == "r"]
