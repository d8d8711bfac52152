"""Capture on a real stack whose Connect is restarted and killed in the middle of statements: every row arrives."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest
from kafka import KafkaConsumer, TopicPartition

from connector.connect import Access, Connect
from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.render import render
from sandbox.stack import Stack
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from streams.topics.shapes import plan_topics
from tests.own_stack import own_stack
from tests.patience import PATIENCE_S
from tests.settings import connect_settings, topic_settings

pytestmark = pytest.mark.stack

TOPICS = Topics()
ROWS = TOPICS.rows("his")
DATABASE = "restarts"
PASSWORD = "capture"
SCHEMA = (
    f"CREATE ROLE {DATABASE} LOGIN REPLICATION PASSWORD '{PASSWORD}'",
    "CREATE TABLE fee (id bigint PRIMARY KEY, visit varchar NOT NULL, amount numeric NOT NULL DEFAULT 1)",
    "ALTER TABLE fee REPLICA IDENTITY FULL",
    f"GRANT SELECT ON fee TO {DATABASE}",
    f"CREATE PUBLICATION {DATABASE} FOR TABLE fee",
)
SMALL_BATCHES = {"max.batch.size": "16", "max.queue.size": "32"}
"""Capture is asked for so little at once that it is nearly always in the middle of a statement, as it is in a night's load."""
COPIED, INSERTED, EDITED = 1_700, 300, 200
"""Rows of one COPY, which share positions in the log by the page; of one INSERT; of one UPDATE, and as many of one DELETE and
of one change of the key, of which a delete and a create are made."""
MOVED = 1_000_000
"""What a change of the key adds to it."""


@dataclass(slots=True, kw_only=True)
class Hospital:
    """A table of fees that is written in large statements. written: (operation, id, visit) of all that must arrive."""

    connection: psycopg.Connection
    written: set = field(default_factory=set)
    rows: int = 0

    def load(self):
        """One COPY, INSERT, UPDATE and DELETE of many rows, each in a transaction of its own."""
        copied = self.new(COPIED)
        with self.connection.cursor() as cursor, cursor.copy("COPY fee (id, visit) FROM STDIN") as copy:
            for row in copied:
                copy.write_row(row)
        inserted = self.new(INSERTED)
        new = "SELECT id, 'V' || id FROM generate_series(%s::bigint, %s::bigint) id"
        self.connection.execute(f"INSERT INTO fee (id, visit) {new}", (inserted[0][0], inserted[-1][0]))
        edited, gone, moved = copied[:EDITED], copied[-EDITED:], inserted[-EDITED:]
        self.connection.execute("UPDATE fee SET amount = 2 WHERE id BETWEEN %s AND %s", (edited[0][0], edited[-1][0]))
        self.connection.execute("DELETE FROM fee WHERE id BETWEEN %s AND %s", (gone[0][0], gone[-1][0]))
        self.connection.execute("UPDATE fee SET id = id + %s WHERE id BETWEEN %s AND %s", (MOVED, moved[0][0], moved[-1][0]))
        arrived = [(row + MOVED, visit) for row, visit in moved]
        for op, rows in (("c", copied), ("c", inserted), ("u", edited), ("d", gone), ("d", moved), ("c", arrived)):
            self.written |= {(op, *row) for row in rows}

    def write_one(self, *, arrives_as="c"):
        """A row alone in its transaction, as it must arrive."""
        ((row, visit),) = self.new(1)
        self.connection.execute("INSERT INTO fee (id, visit) VALUES (%s, %s)", (row, visit))
        self.written.add((arrives_as, row, visit))
        return arrives_as, row, visit

    def new(self, count):
        first = self.rows + 1
        self.rows += count
        return [(row, f"V{row}") for row in range(first, first + count)]


@pytest.fixture(scope="module")
def own() -> Iterator[Stack]:
    """What it kills, nobody else may need."""
    with own_stack() as stack:
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def hospital(own) -> Iterator[Hospital]:
    place = {"host": own.endpoints.postgres_host, "port": own.endpoints.postgres_port, "user": "postgres", "autocommit": True}
    with psycopg.connect(**place, dbname="postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with psycopg.connect(**place, dbname=DATABASE) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        yield Hospital(connection=connection)


@pytest.fixture(scope="module")
def source(own, hospital) -> CaptureSource:
    password = own.secrets / DATABASE
    password.write_text(PASSWORD)
    table = CapturedTable(
        name="public.fee", role=TableRole.FEE, key=("id",), visit_key=("visit",), columns=("id", "visit", "amount")
    )
    return CaptureSource(
        name="his",
        kind=DatabaseKind.POSTGRESQL,
        host=own.endpoints.postgres_host,
        port=own.endpoints.postgres_port,
        database=DATABASE,
        user=DATABASE,
        password_file=str(password),
        password_reference=f"${{directory:{own.secrets}:{password.name}}}",
        sslmode="disable",
        publication=DATABASE,
        slot=DATABASE,
        heartbeat_table=None,
        tables=(table,),
    )


@pytest.fixture
def broker(own, source) -> Iterator[Broker]:
    with Broker(BrokerAccess(bootstrap_servers=own.endpoints.bootstrap_servers)) as broker:
        broker.create(plan_topics(TOPICS, [source], topic_settings(partitions=1, replication_factor=1)))
        yield broker


def captured_until(servers, last):
    """Counts of (operation, id, visit) of everything that was captured, as soon as `last` is among it, and the last envelope."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    partitions = [TopicPartition(ROWS, 0)]
    consumer.assign(partitions)
    captured, deadline = Counter(), time.monotonic() + PATIENCE_S
    try:
        while last not in captured or any(consumer.position(p) < end for p, end in consumer.end_offsets(partitions).items()):
            assert time.monotonic() < deadline, f"{last} has not come, {len(captured)} changes have"
            for batch in consumer.poll(timeout_ms=200).values():
                captured.update(map(told, batch))
    finally:
        consumer.close()
    return captured


def envelope_of(servers, change):
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(ROWS, 0)])
    try:
        return json.loads(next(record.value for record in consumer if told(record) == change))
    finally:
        consumer.close()


def told(record):
    envelope = json.loads(record.value)
    row = envelope["after"] or envelope["before"]
    return envelope["op"], row["id"], row["visit"]


def load_until_half_of_it_came(hospital, broker):
    """Write, and return while capture is in the middle of it."""
    ends = partial(broker.ends, ROWS)
    wanted, deadline = sum(ends().values()) + COPIED // 2, time.monotonic() + PATIENCE_S
    hospital.load()
    while (came := sum(ends().values())) < wanted:
        assert time.monotonic() < deadline, f"{came} changes have come, of {len(hospital.written)} that were written"
        time.sleep(0.01)


def test_every_row_of_large_statements_arrives_through_restarts_and_a_kill(own, hospital, source, broker):
    """A restart between two rows that share a position in the log must not skip the second: nobody would ever miss a bill."""
    servers = own.endpoints.bootstrap_servers
    connect, connector = Connect(Access(url=own.endpoints.connect_url, timeout_s=90, busy_s=150)), TOPICS.connector(source.name)
    config = render(source, TOPICS, connect=connect_settings(servers))
    first = hospital.write_one(arrives_as="r")
    connect.put_config(connector, {**config, **SMALL_BATCHES})
    captured_until(servers, first)

    for _ in range(3):
        load_until_half_of_it_came(hospital, broker)
        connect.restart(connector, only_failed=False)
    load_until_half_of_it_came(hospital, broker)
    own.kill("connect")  # it starts again from what the last restart noted, in the middle of a statement
    own.start("connect")
    captured = set(captured_until(servers, hospital.write_one()))

    assert (set(), set()) == (hospital.written - captured, captured - hospital.written)


COPY_OF_ONE_PAGE = 20
"""Rows of a COPY that fit on one page of the table, so that all share one position."""


def offsets(own, connector, *, alter=None):
    """What Connect has stored for the connector, after it was altered to `alter`."""
    request = urllib.request.Request(f"{own.endpoints.connect_url}/connectors/{connector}/offsets", method="GET")
    if alter is not None:
        request.method, request.data = "PATCH", json.dumps({"offsets": [alter]}).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def copy_of_one_page(hospital):
    new = hospital.new(COPY_OF_ONE_PAGE)
    with hospital.connection.cursor() as cursor, cursor.copy("COPY fee (id, visit) FROM STDIN") as copy:
        for row in new:
            copy.write_row(row)
    return "INSERT", [("c", *row) for row in new]


def change_of_a_key(hospital):
    _, row, visit = hospital.write_one()
    hospital.connection.execute("UPDATE fee SET id = id + %s WHERE id = %s", (MOVED, row))
    return "UPDATE", [("d", row, visit), ("c", row + MOVED, visit)]


@pytest.mark.parametrize(
    ("statement", "committed"), [(copy_of_one_page, True), (change_of_a_key, False)], ids=["behind a commit", "first transaction"]
)
@pytest.mark.usefixtures("broker")
def test_a_stop_behind_the_first_of_several_changes_with_one_position_loses_none_of_them(
    own, hospital, source, statement, committed
):
    """One in 150 restarts during a COPY meets that place, and the rest of the page was never sent: here each restart meets it."""
    servers = own.endpoints.bootstrap_servers
    connect, connector = Connect(Access(url=own.endpoints.connect_url, timeout_s=90, busy_s=150)), TOPICS.connector(source.name)
    config = render(source, TOPICS, connect=connect_settings(servers))
    unconfirmed = {"lsn.flush.mode": "manual"}  # what was confirmed to the database, it rightly does not send again
    connect.put_config(connector, {**config, **unconfirmed})
    captured_until(servers, hospital.write_one())
    operation, changes = statement(hospital)
    before = captured_until(servers, hospital.write_one())
    connect.stop(connector)
    position = envelope_of(servers, changes[0])["source"]
    committed_lsn, lsn = int(json.loads(position["sequence"])[0]), position["lsn"]
    (stored,) = offsets(own, connector)["offsets"]
    noted = {"lsn": lsn, "lsn_proc": lsn, "lsn_events_processed": 1, "messageType": operation, "txId": position["txId"]}
    noted |= {"ts_usec": stored["offset"]["ts_usec"]} | ({"lsn_commit": committed_lsn} if committed else {})
    offsets(own, connector, alter={"partition": stored["partition"], "offset": noted})
    connect.resume(connector)
    after = captured_until(servers, hospital.write_one())

    assert dict.fromkeys(changes, 1) == {change: after[change] - before[change] for change in changes}
