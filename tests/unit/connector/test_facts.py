"""What capture was applied against, compared with what stands there now: each way of going blind is told, and nothing else."""

from dataclasses import replace

import orjson
import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.facts import Facts, PublicationFacts, ServerFacts, TableFacts, drifts, facts_of, look

FEE, VISIT = "his.fee", "his.visit"
TABLES = {
    FEE: TableFacts(oid=10, published=20, identity="f", columns={"id": (1, "bigint"), "at": (2, "timestamp without time zone")}),
    VISIT: TableFacts(oid=11, published=21, identity="f", columns={"id": (1, "bigint")}),
}
FACTS = Facts(
    server=ServerFacts(system="7", timeline=1, log=1000, slot=True),
    publication=PublicationFacts(oid=30, operations="iudt"),
    tables=TABLES,
)


def server(**changes):
    return replace(FACTS, server=replace(FACTS.server, **changes))


def fee(**changes):
    return replace(FACTS, tables={**TABLES, FEE: replace(TABLES[FEE], **changes)})


def columns(**changes):
    return fee(columns={**TABLES[FEE].columns, **changes})


def captured(**columns_of):
    tables = tuple(
        CapturedTable(name=f"his.{name}", role=TableRole.FEE, key=("id",), visit_key="id", columns=columns)
        for name, columns in columns_of.items()
    )
    return CaptureSource(
        name="his",
        kind=DatabaseKind.POSTGRESQL,
        host="h",
        port=1,
        database="d",
        user="u",
        password_file="f",
        password_reference="${directory:/s:p}",
        sslmode="require",
        publication="p",
        slot="s",
        heartbeat_table=None,
        tables=tables,
    )


SOURCE = captured(fee=("id", "at"), visit=("id",))


@pytest.mark.parametrize(
    ("now", "where", "tables"),
    [
        (server(system="8"), "server", {FEE, VISIT}),
        (server(timeline=2), "server", {FEE, VISIT}),
        (server(log=999), "server", {FEE, VISIT}),
        (server(slot=False), "replication slot", {FEE, VISIT}),
        (replace(FACTS, publication=None), "publication", {FEE, VISIT}),
        (replace(fee(published=22), publication=PublicationFacts(oid=31, operations="iudt")), "publication", {FEE, VISIT}),
        (replace(FACTS, publication=PublicationFacts(oid=30, operations="iu")), "publication", {FEE, VISIT}),
        (replace(FACTS, tables={VISIT: TABLES[VISIT]}), FEE, {FEE}),
        (fee(oid=12, published=25, columns={"id": (3, "bigint"), "at": (4, "timestamp without time zone")}), FEE, {FEE}),
        (fee(published=None), FEE, {FEE}),
        (fee(published=22), FEE, {FEE}),
        (fee(identity="d"), FEE, {FEE}),
        (columns(at=(2, "timestamp with time zone")), f"{FEE}.at", {FEE}),
        (columns(at=(3, "timestamp without time zone")), f"{FEE}.at", {FEE}),
        (fee(columns={"id": (1, "bigint")}), f"{FEE}.at", {FEE}),
    ],
)
def test_each_way_in_which_capture_goes_blind_is_told_once_with_the_tables_to_read_again(now, where, tables):
    """Connect says RUNNING through all of them."""
    (drift,) = drifts(FACTS, now)
    assert (where, tables) == (drift.where, {*drift.tables})


def test_another_server_is_told_from_everything_else():
    """After it, places in the log say nothing about those of before; after a new publication they do."""
    assert [True, False] == [drifts(FACTS, now)[0].another_server for now in (server(timeline=2), server(slot=False))]


@pytest.mark.parametrize(
    "now", [FACTS, server(log=5000), replace(FACTS, tables={**TABLES, "his.new": TABLES[FEE]}), columns(z=(9, "text"))]
)
def test_what_is_only_more_stops_nobody(now):
    """A log goes on, and administrators add tables and columns every week."""
    assert () == drifts(FACTS, now)


def test_what_was_kept_is_read_as_it_was_written():
    """Through the topic and back."""
    assert FACTS == facts_of(orjson.loads(orjson.dumps(FACTS.document())))


def test_what_a_mapping_has_more_is_taken_as_it_is_and_what_it_has_no_more_stops_nobody():
    """A mapping grows by a table and a column: what was known stays what it is compared with."""
    first = look(captured(fee=("id",)), None, FACTS)
    assert ({FEE}, {"id"}, True) == ({*first.facts["tables"]}, {*first.facts["tables"][FEE]["columns"]}, first.adds)
    grown = look(SOURCE, first.facts, columns(at=(7, "date")))
    assert ((), True, (7, "date")) == (grown.drifts, grown.adds, (*grown.facts["tables"][FEE]["columns"]["at"],))
    less = look(captured(visit=("id",)), grown.facts, replace(FACTS, tables={VISIT: TABLES[VISIT]}))
    assert ((), {VISIT}) == (less.drifts, {*less.facts["tables"]})


def test_a_look_that_finds_only_that_the_log_went_on_adds_nothing_and_remembers_how_far():
    """Every look would be written down otherwise; and a copy of yesterday is known by its log, which went back."""
    found = look(SOURCE, FACTS.document(), server(log=5000))
    assert (False, ("server",)) == (found.adds, tuple(drift.where for drift in look(SOURCE, found.facts, server(log=4000)).drifts))


def test_a_site_that_names_another_slot_or_publication_means_it():
    """Planning it says what it costs, and refuses what would be lost."""
    meant = replace(server(slot=False, slot_name="new"), publication=PublicationFacts(oid=99, operations="iudt", name="new"))
    meant = replace(meant, tables={name: replace(table, published=90) for name, table in TABLES.items()})
    found = look(SOURCE, FACTS.document(), meant)
    assert ((), True, 99) == (found.drifts, found.adds, found.facts["publication"]["oid"])


def test_the_slot_that_capture_makes_a_little_later_is_compared_from_then_on():
    """It is not there when the first capture of a site was just applied."""
    first = look(SOURCE, None, server(slot=False))
    made = look(SOURCE, first.facts, FACTS)
    assert ((), True) == (made.drifts, made.adds)
    assert ["replication slot"] == [drift.where for drift in look(SOURCE, made.facts, server(slot=False)).drifts]
