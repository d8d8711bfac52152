"""What is found in a PostgreSQL catalogue: each finding with the SQL that mends it, all at once."""

from dataclasses import replace

import pytest

from connector.contract import AskedLookup, CapturedTable, CaptureSource, DatabaseKind, Reading, TableRole
from connector.findings import Severity
from connector.profiles.postgresql.catalogue import Catalogue, Column, Publication, Published, Server, Slot, Table
from connector.profiles.postgresql.checks import check

WHOLE = Published(columns=None, filtered=False)


def column(name, kind="varchar", shown=None, *, not_null=False):
    return Column(name=name, type=kind, shown=shown or kind, not_null=not_null)


def table(name, *columns, key, **changed):
    return replace(
        Table(
            name=name,
            kind="r",
            identity="f",
            may_select=True,
            may_update=True,
            columns={each.name: each for each in columns},
            unique=(frozenset(key),),
            primary=frozenset(key),
        ),
        **changed,
    )


VISIT = table(
    "his.visit",
    column("visit_sn", "int8", "bigint", not_null=True),
    column("mdtrt_id"),
    column("adm_time", "timestamp", "timestamp without time zone"),
    column("created_at", "timestamptz", "timestamp with time zone"),
    key=("visit_sn",),
)
FEE = table("his.fee", column("id", not_null=True), column("mdtrt_id"), key=("id",))
HEARTBEAT = table("cdc.heartbeat", column("id", "int4", not_null=True), column("ts", "timestamptz"), key=("id",))
GOOD = Catalogue(
    server=Server(
        wal_level="logical",
        version=180_004,
        free_slots=3,
        max_slots=8,
        slot_keep_size="50GB",
        may_replicate=True,
        in_recovery=False,
    ),
    tables={each.name: each for each in (VISIT, FEE, HEARTBEAT)},
    publication=Publication(
        missing_operations=(), via_root=False, tables={"his.visit": WHOLE, "his.fee": WHOLE, "cdc.heartbeat": WHOLE}
    ),
    slot=None,
)
SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="h",
    port=1,
    database="hisdb",
    user="capture",
    password_file="f",
    password_reference="${directory:/s:p}",
    sslmode="require",
    publication="pub",
    slot="slot",
    heartbeat_table="cdc.heartbeat",
    tables=(
        CapturedTable(
            name="his.visit",
            role=TableRole.VISIT,
            key=("visit_sn",),
            visit_key=("mdtrt_id",),
            columns=("visit_sn", "mdtrt_id", "adm_time", "created_at"),
            wall_clock=frozenset({"adm_time"}),
            instants=frozenset({"created_at"}),
        ),
        CapturedTable(name="his.fee", role=TableRole.FEE, key=("id",), visit_key=("mdtrt_id",), columns=("id", "mdtrt_id")),
    ),
)


def found(catalogue=GOOD, source=SOURCE):
    return {finding.where: finding for finding in check(source, catalogue)}


def with_table(changed):
    return replace(GOOD, tables={**GOOD.tables, changed.name: changed})


def with_server(**changed):
    return replace(GOOD, server=replace(GOOD.server, **changed))


def with_published(**tables):
    known = {"visit": "his.visit", "fee": "his.fee", "heartbeat": "cdc.heartbeat"}
    published = {**GOOD.publication.tables, **{known[name]: entry for name, entry in tables.items()}}
    kept = {name: entry for name, entry in published.items() if entry is not None}
    return replace(GOOD, publication=replace(GOOD.publication, tables=kept))


def test_a_good_catalogue_has_no_finding():
    """A check that always finds something is soon ignored."""
    assert found() == {}


@pytest.mark.parametrize(
    ("catalogue", "where", "mend"),
    [
        (with_server(wal_level="replica"), "wal_level", "ALTER SYSTEM SET wal_level = 'logical';"),
        (with_server(may_replicate=False), "role capture", 'ALTER ROLE "capture" REPLICATION;'),
        (with_server(free_slots=0), "max_replication_slots", "max_replication_slots = 12"),
        (with_server(version=120_000), "server version", "upgrade"),
        (with_server(in_recovery=True), "server", "primary"),
        (with_table(replace(FEE, may_select=False)), "his.fee", 'GRANT SELECT ON "his"."fee" TO "capture";'),
        (with_table(replace(FEE, identity="d")), "his.fee", 'ALTER TABLE "his"."fee" REPLICA IDENTITY FULL;'),
        (with_table(replace(FEE, unique=())), "his.fee (id)", 'CREATE UNIQUE INDEX CONCURRENTLY ON "his"."fee" ("id");'),
        (with_table(replace(FEE, kind="v")), "his.fee", "map the tables"),
        (replace(GOOD, publication=None), "publication pub", 'CREATE PUBLICATION "pub" FOR TABLE "his"."visit", "his"."fee"'),
        (with_published(fee=None), "his.fee", 'ALTER PUBLICATION "pub" ADD TABLE "his"."fee";'),
        (with_published(fee=Published(columns=None, filtered=True)), "his.fee", "DROP TABLE"),
        (with_published(fee=Published(columns=frozenset({"id"}), filtered=False)), "his.fee", "DROP TABLE"),
        (
            replace(GOOD, publication=replace(GOOD.publication, missing_operations=("delete",))),
            "publication pub",
            "publish = 'insert, update, delete, truncate'",
        ),
        (with_table(replace(HEARTBEAT, may_update=False)), "cdc.heartbeat", "GRANT SELECT, UPDATE"),
        (with_table(replace(HEARTBEAT, columns={})), "cdc.heartbeat", "heartbeat_table"),
        (replace(GOOD, tables={"his.visit": VISIT, "his.fee": FEE}), "cdc.heartbeat", "CREATE TABLE"),
        (replace(GOOD, heartbeat_stands=False), "cdc.heartbeat", 'INSERT INTO "cdc"."heartbeat" VALUES (1, now());'),
        (
            with_table(replace(HEARTBEAT, identity="d", primary=frozenset())),
            "cdc.heartbeat",
            'ALTER TABLE "cdc"."heartbeat" REPLICA IDENTITY FULL;',
        ),
        (with_table(replace(FEE, rows_hidden=True)), "his.fee", 'ALTER ROLE "capture" BYPASSRLS;'),
        (
            replace(GOOD, slot=Slot(database="other", plugin="pgoutput", active=False, wal_status="reserved")),
            "slot slot",
            "another",
        ),
        (
            replace(GOOD, slot=Slot(database="hisdb", plugin="wal2json", active=False, wal_status="reserved")),
            "slot slot",
            "pg_drop",
        ),
        (replace(GOOD, slot=Slot(database="hisdb", plugin="pgoutput", active=False, wal_status="lost")), "slot slot", "pg_drop"),
    ],
)
def test_what_stands_against_capture_is_found_with_its_mend(catalogue, where, mend):
    """An integrator pastes the mend to the hospital's administrator; one answer a day would make a week of this."""
    finding = found(catalogue)[where]
    assert Severity.BLOCKS is finding.severity
    assert mend in finding.mend


def test_all_findings_come_at_once():
    """One error at a time costs one visit to the administrator each."""
    catalogue = replace(with_server(wal_level="replica", may_replicate=False), publication=None)
    assert {"wal_level", "role capture", "publication pub"} == found(catalogue).keys()


def test_a_slot_of_ours_is_no_finding():
    """After the first start it is always there."""
    assert found(replace(GOOD, slot=Slot(database="hisdb", plugin="pgoutput", active=True, wal_status="reserved"))) == {}


def test_a_missing_table_or_column_names_the_nearest():
    """Upper and lower case are the usual error, and PostgreSQL does not show it."""
    source = replace(
        SOURCE,
        tables=(
            replace(SOURCE.tables[0], columns=("visit_sn", "mdtrt_id", "ADM_TIME"), wall_clock=frozenset(), instants=frozenset()),
            replace(SOURCE.tables[1], name="his.FEE"),
        ),
    )
    findings = found(source=source)
    assert "the nearest is adm_time" in findings["his.visit.ADM_TIME"].what
    assert "say so in its `fields`" in findings["his.visit.ADM_TIME"].mend
    assert "the nearest is his.fee" in findings["his.FEE"].what


@pytest.mark.parametrize(
    ("visit", "fee"),
    [
        (("varchar", "character varying(30)"), ("bpchar", "character(30)")),
        (("int8", "bigint"), ("numeric", "numeric(20,2)")),
        (("uuid", "uuid"), ("int8", "bigint")),
    ],
)
def test_visit_keys_whose_texts_are_never_the_same_are_found(visit, fee):
    """A visit and its lines would never meet, and every line would time out."""
    finding = found(replace(GOOD, tables={**GOOD.tables, **with_keys(visit, fee)}))["his.fee.mdtrt_id"]
    assert fee[1] in finding.what
    assert f'ALTER COLUMN "mdtrt_id" TYPE {visit[1]}' in finding.mend


@pytest.mark.parametrize(
    ("visit", "fee"),
    [
        (("varchar", "character varying(30)"), ("int8", "bigint")),
        (("int4", "integer"), ("numeric", "numeric(20,0)")),
        (("numeric", "numeric"), ("int8", "bigint")),
    ],
)
def test_visit_keys_of_two_types_that_are_written_alike_need_no_change_of_the_hospitals_tables(visit, fee):
    """A vendor's table cannot be altered; a number and its text are one key."""
    assert {} == found(replace(GOOD, tables={**GOOD.tables, **with_keys(visit, fee)}))


def test_a_key_that_is_taken_without_its_blanks_may_be_padded_in_one_table():
    """A `char(30)` is how some vendors write every number, and nobody may alter it."""
    tables = with_keys(("varchar", "character varying(30)"), ("bpchar", "character(30)"))
    trimmed = replace(SOURCE, tables=tuple(replace(one, trimmed=True) for one in SOURCE.tables))
    assert {} == found(replace(GOOD, tables={**GOOD.tables, **tables}), trimmed)


def with_keys(visit, fee):
    return {
        one.name: replace(one, columns={**one.columns, "mdtrt_id": column("mdtrt_id", *kind)})
        for one, kind in ((VISIT, visit), (FEE, fee))
    }


def test_a_header_that_its_rows_never_name_is_found():
    """`7` is never `7.00`: each row under it would wait in vain."""
    bill = table("his.bill", column("no", "numeric", "numeric(12,2)", not_null=True), column("mdtrt_id"), key=("no",))
    fee = replace(FEE, columns={**FEE.columns, "bill": column("bill", "int8", "bigint")})
    wanted = CapturedTable(
        name="his.bill",
        role=TableRole.HEADER,
        key=("no",),
        visit_key=("mdtrt_id",),
        columns=("no", "mdtrt_id"),
        named_by=("no",),
    )
    of_fee = replace(SOURCE.tables[1], columns=("id", "bill"), visit_key=(), under=("his.bill",), header=("bill",))
    source = replace(SOURCE, tables=(SOURCE.tables[0], of_fee, wanted))
    findings = found(replace(GOOD, tables={**GOOD.tables, "his.bill": bill, "his.fee": fee}), source)
    assert "his.bill.no is numeric(12,2)" in findings["his.fee.bill"].what


def reading(kind, shown, **reads):
    """The finding about the admission's column of such a type, read so."""
    visit = replace(VISIT, columns={**VISIT.columns, "adm_time": column("adm_time", kind, shown)})
    wanted = replace(SOURCE.tables[0], wall_clock=frozenset(), **reads)
    return found(with_table(visit), replace(SOURCE, tables=(wanted, SOURCE.tables[1]))).get("his.visit.adm_time")


def test_a_day_that_is_read_as_a_time_of_day_is_told():
    """Every admission would be at midnight, without an error anywhere."""
    as_time = (Reading("adm_time", "BEGNTIME", "datetime"),)
    finding = reading("date", "date", readings=as_time)
    assert ("BEGNTIME" in finding.what, Severity.WARNS) == (True, finding.severity)
    assert None is reading("timestamp", "timestamp without time zone", readings=as_time)
    assert None is reading("date", "date")


@pytest.mark.parametrize("kind", ["float4", "float8"])
def test_a_binary_fraction_of_which_every_digit_is_reported_is_told(kind):
    """Sums of cents stand there with fifteen decimals, and the record is refused."""
    exact = (Reading("adm_time", "PSN_PAY", "decimal", exact=True),)
    finding = reading(kind, "double precision", readings=exact)
    assert ("round: true" in finding.mend, Severity.WARNS) == (True, finding.severity)
    assert None is reading("numeric", "numeric(12,2)", readings=exact)
    assert None is reading(kind, "double precision", readings=(Reading("adm_time", "PSN_PAY", "decimal"),))


TIMES = {"date", "datetime"}
WRITTEN = {f"{kind} by {form}" for kind in TIMES for form in ("unix", "format")}
AMOUNTS = {"decimal", "decimal by fen"}


@pytest.mark.parametrize(
    ("kind", "shown", "told"),
    [
        ("int4", "integer", TIMES),
        ("numeric", "numeric(12)", TIMES),
        ("timestamp", "timestamp without time zone", AMOUNTS | WRITTEN | {"text"}),
        ("date", "date", AMOUNTS | WRITTEN | {"text", "datetime"}),
        ("time", "time without time zone", AMOUNTS | WRITTEN | TIMES | {"text"}),
        ("bool", "boolean", AMOUNTS | WRITTEN | TIMES),
        ("varchar", "character varying(30)", set()),
        ("bpchar", "character(14)", set()),
        ("money", "money", TIMES | {"decimal by fen"}),
        ("bit", "bit(1)", AMOUNTS | WRITTEN | TIMES),
        ("bit", "bit(4)", AMOUNTS | WRITTEN | TIMES | {"text"}),
        ("xml", "xml", set()),
        *((kind, kind, AMOUNTS | WRITTEN | TIMES | {"text"}) for kind in ("interval", "jsonb", "bytea", "point")),
    ],
)
def test_a_column_that_can_never_be_what_a_field_is_read_as_is_found(kind, shown, told):
    """Every record of its table would be refused, or show a time in the form of capture."""
    asked = {"text", *AMOUNTS, *TIMES, *WRITTEN}
    readings = {one: Reading("adm_time", "X", *one.split(" by ")) for one in asked}
    assert told == {one for one, read in readings.items() if reading(kind, shown, readings=(read,)) is not None}


@pytest.mark.parametrize("kind", ["int4", "date", "timestamp", "varchar"])
def test_a_day_inside_of_a_value_may_be_a_number(kind):
    """Old systems write 20240101, and an age or a time of two columns reads it."""
    assert None is reading(kind, kind, readings=(Reading("adm_time", "AGE", "date", "compact"),))
    assert None is not reading("bool", "boolean", readings=(Reading("adm_time", "AGE", "date", "compact"),))


def test_an_amount_with_decimals_is_no_count_of_fen():
    fen = (Reading("adm_time", "PSN_PAY", "decimal", "fen", exact=True),)
    assert "0.125 yuan" in reading("numeric", "numeric(12,2)", readings=fen).what
    assert None is reading("numeric", "numeric(12)", readings=fen)
    assert None is reading("int8", "bigint", readings=fen)


def test_a_table_of_a_sharded_name_that_is_not_listed_is_told():
    """A year that begins without its entry would be silence; what only begins alike is another table."""
    years = {name: replace(FEE, name=name) for name in ("his.fee_2025", "his.fee_2026", "his.feeling")}
    listed = replace(SOURCE.tables[1], name="his.fee_2025")
    source = replace(SOURCE, tables=(*SOURCE.tables, listed), sharded=("his.fee_*",))
    findings = found(replace(GOOD, tables={**GOOD.tables, **years}), source)
    assert ("add 2026 to `shards`" in findings["his.fee_2026"].mend, Severity.WARNS) == (True, findings["his.fee_2026"].severity)
    assert "his.feeling" not in findings


def asking(mine, theirs):
    """The finding about a column that asks a lookup whose key has another type."""
    patient = table("his.patient", column("no", *theirs, not_null=True), key=("no",))
    visit = replace(VISIT, columns={**VISIT.columns, "pat": column("pat", *mine)})
    own = replace(SOURCE.tables[0], lookups=(AskedLookup("pat", "his.patient", "no"),))
    lookup = CapturedTable(name="his.patient", role=TableRole.LOOKUP, key=("no",), visit_key=(), columns=("no",), lookup="patient")
    source = replace(SOURCE, tables=(own, SOURCE.tables[1], lookup))
    tables = {**GOOD.tables, "his.patient": patient, "his.visit": visit}
    return found(replace(GOOD, tables=tables), source).get("his.visit.pat")


def test_a_lookup_that_is_asked_by_what_can_never_stand_in_it_is_found():
    """Its records would wait for a row that is there."""
    finding = asking(("int8", "bigint"), ("numeric", "numeric(12,2)"))
    assert ("his.patient.no is numeric(12,2)" in finding.what, Severity.BLOCKS) == (True, finding.severity)


@pytest.mark.parametrize("theirs", [("bpchar", "character(6)"), ("varchar",), ("int4", "integer")])
def test_a_lookup_that_is_asked_by_what_may_stand_in_it_is_not(theirs):
    """Blanks that fill up a `char(n)` do not count."""
    assert None is asking(("bpchar", "character(4)") if "bpchar" in theirs else ("int8", "bigint"), theirs)


def linked(link, *keys):
    """The findings about a fee table whose lines name settlements with such keys; types as a person writes them."""
    named = [column("setl", *link)], [[column("no", *key, not_null=True)] for key in keys]
    fee = replace(FEE, columns={**FEE.columns, "setl": named[0][0]})
    settles = [table(f"his.settle{place}", *one, column("mdtrt_id"), key=("no",)) for place, one in enumerate(named[1])]
    tables = {**GOOD.tables, **{one.name: one for one in (fee, *settles)}}
    wanted = [
        CapturedTable(name=one.name, role=TableRole.SETTLEMENT, key=("no",), visit_key=("mdtrt_id",), columns=("no", "mdtrt_id"))
        for one in settles
    ]
    of_fee = replace(SOURCE.tables[1], columns=("id", "mdtrt_id", "setl"), settlement="setl")
    source = replace(SOURCE, tables=(SOURCE.tables[0], of_fee, *wanted))
    return found(replace(GOOD, tables=tables), source).get("his.fee.setl")


@pytest.mark.parametrize(
    ("link", "key"),
    [
        (("int8", "bigint"), ("numeric", "numeric(12,2)")),
        (("numeric", "numeric(12,2)"), ("numeric", "numeric(12,4)")),
        (("int4", "integer"), ("uuid",)),
        (("timestamp", "timestamp without time zone"), ("int8", "bigint")),
    ],
)
def test_a_link_that_is_never_the_text_of_a_settlements_key_is_found(link, key):
    """Each of its lines would be told as missing a settlement that is there."""
    finding = linked(link, key)
    assert "his.settle0.no is" in finding.what
    assert Severity.BLOCKS is finding.severity


@pytest.mark.parametrize(
    ("link", "keys"),
    [
        (("int4", "integer"), [("int8", "bigint")]),
        (("int8", "bigint"), [("numeric", "numeric(18,0)")]),
        (("varchar",), [("numeric", "numeric(12,2)")]),
        (("int8", "bigint"), [("numeric", "numeric")]),
        (("int8", "bigint"), [("uuid",), ("int8", "bigint")]),
    ],
)
def test_a_link_that_may_be_the_text_of_some_settlements_key_is_not(link, keys):
    """A number in a text column is usual, and of two settlement tables one is enough."""
    assert None is linked(link, *keys)


def test_whole_number_visit_keys_agree_when_all_are_whole_numbers():
    """Many hospital systems number their visits."""
    tables = {
        each.name: replace(each, columns={**each.columns, "mdtrt_id": column("mdtrt_id", "int8", "bigint")})
        for each in (VISIT, FEE)
    }
    assert found(replace(GOOD, tables={**GOOD.tables, **tables})) == {}


def test_a_wall_clock_read_as_an_instant_is_found_and_the_other_way_round():
    """Both come with a Z; taken for the other kind a time is eight hours wrong, and nothing fails."""
    visit = replace(SOURCE.tables[0], wall_clock=frozenset({"created_at"}), instants=frozenset({"adm_time"}))
    findings = found(source=replace(SOURCE, tables=(visit, SOURCE.tables[1])))
    assert "an instant" in findings["his.visit.created_at"].what
    assert "a wall clock" in findings["his.visit.adm_time"].what


def test_columns_that_differ_only_in_case_are_found():
    """Debezium stops at them, mapped or not, and says so only when it runs."""
    odd = replace(FEE, columns={**FEE.columns, "ID": column("ID")})
    assert 'RENAME COLUMN "ID"' in found(with_table(odd))["his.fee.ID"].mend


def test_a_nullable_key_column_is_found():
    """A unique index lets NULL in any number of times."""
    odd = replace(FEE, columns={**FEE.columns, "id": column("id")})
    assert 'ALTER COLUMN "id" SET NOT NULL' in found(with_table(odd))["his.fee.id"].mend


def test_partitioned_tables_need_their_roots_published():
    """Otherwise their rows arrive under names that no mapping knows."""
    assert "publish_via_partition_root" in found(with_table(replace(FEE, kind="p")))["publication pub"].mend


LOOKUP = CapturedTable(name="his.fee", role=TableRole.LOOKUP, key=("id",), visit_key=(), columns=("id",), lookup="fee")
WITH_LOOKUP = replace(SOURCE, tables=(SOURCE.tables[0], LOOKUP))


def test_a_lookup_needs_no_full_identity_when_its_key_is_the_primary_key():
    """Not every administrator agrees to a full identity on a patients' table."""
    assert found(with_table(replace(FEE, identity="d")), WITH_LOOKUP) == {}


@pytest.mark.parametrize(
    ("primary", "harm"),
    [(frozenset(), "refuses the hospital's own updates and deletes"), (frozenset({"mdtrt_id"}), "without its key")],
)
def test_a_lookup_whose_key_is_unique_but_not_the_primary_key_needs_a_full_identity(primary, harm):
    """The default identity is the primary key alone; where there is none, publishing the table breaks the hospital's program."""
    finding = found(with_table(replace(FEE, identity="d", primary=primary)), WITH_LOOKUP)["his.fee"]
    assert harm in finding.what
    assert finding.mend == 'ALTER TABLE "his"."fee" REPLICA IDENTITY FULL;'


@pytest.mark.parametrize(("identity", "primary"), [("d", frozenset()), ("n", frozenset({"id"}))])
def test_a_table_of_which_the_log_names_no_row_is_found_as_what_it_does_to_the_hospital(identity, primary):
    """Once published, each update and delete of the hospital's own program fails: that is worse than a row that comes late."""
    finding = found(with_table(replace(FEE, identity=identity, primary=primary)))["his.fee"]
    assert "refuses the hospital's own updates and deletes" in finding.what


PARTITIONED = replace(FEE, kind="p", partitions={"his.fee_2024": "f", "his.fee_2025": "f"})
VIA_ROOT = replace(GOOD, publication=replace(GOOD.publication, via_root=True))


def with_partitioned(**changed):
    return replace(VIA_ROOT, tables={**GOOD.tables, "his.fee": replace(PARTITIONED, **changed)})


def test_the_identity_of_a_partitioned_table_is_that_of_its_partitions():
    """The log takes it from the partition that holds the row; what the table itself says counts for nothing."""
    assert found(with_partitioned(identity="d")) == {}
    finding = found(with_partitioned(partitions={"his.fee_2024": "f", "his.fee_2025": "d"}))["his.fee"]
    assert "in its partition his.fee_2025" in finding.what
    assert finding.mend == 'ALTER TABLE "his"."fee_2025" REPLICA IDENTITY FULL;'


def test_a_table_that_is_published_by_its_partitions_is_not_called_absent():
    """The mend for that would fail: the publication has it already, only under other names."""
    partitions = {f"his.fee_{year}": WHOLE for year in (2024, 2025)}
    by_partition = replace(GOOD.publication, tables={"his.visit": WHOLE, "cdc.heartbeat": WHOLE, **partitions})
    assert found(replace(with_partitioned(), publication=by_partition)).keys() == {"publication pub"}
    without = replace(by_partition, tables={"his.visit": WHOLE, "cdc.heartbeat": WHOLE})
    assert "ADD TABLE" in found(replace(with_partitioned(), publication=without))["his.fee"].mend


def test_all_partitions_without_an_identity_are_mended_at_once():
    """A table of ten years has a hundred and twenty; the sentence names some, the mend all."""
    finding = found(with_partitioned(partitions={f"his.fee_{month}": "d" for month in range(1, 6)}))["his.fee"]
    assert "in its 5 partitions his.fee_1, his.fee_2, his.fee_3, …" in finding.what
    assert finding.mend.count("REPLICA IDENTITY FULL") == 5


WITH_PART = {**FEE.columns, "part": replace(FEE.columns["id"], name="part")}
PARTED = replace(PARTITIONED, columns=WITH_PART, partitioned_by=frozenset({"part"}))


@pytest.mark.parametrize(
    ("key", "unique", "what"),
    [
        (("id", "part"), [{"id", "part"}], "holds part, by which the table is partitioned"),
        (("id",), [{"id", "part"}], "is unique in each partition"),
        (("id",), [{"id", "part"}, {"id"}], None),
        (("part",), [{"part"}], None),
    ],
)
def test_the_key_of_a_partitioned_table_is_best_named_without_the_column_by_which_it_is_partitioned(key, unique, what):
    """A line that one update moves to another partition and another visit has two keys otherwise, and is told as two lines."""
    fee = replace(SOURCE.tables[1], key=key, columns=("id", "mdtrt_id", "part"))
    tables = {**GOOD.tables, "his.fee": replace(PARTED, unique=tuple(map(frozenset, unique)))}
    told = found(replace(VIA_ROOT, tables=tables), replace(SOURCE, tables=(SOURCE.tables[0], fee)))
    where = f"his.fee ({', '.join(key)})"
    assert ([] if what is None else [where]) == [*told]
    if what is not None:
        assert (True, Severity.WARNS) == (what in told[where].what, told[where].severity)
        assert 'SELECT "id" FROM "his"."fee" GROUP BY "id" HAVING count(*) > 1;' in told[where].mend


def test_a_unique_index_of_a_partitioned_table_is_not_made_concurrently():
    """PostgreSQL refuses that, and the administrator would be at a loss."""
    assert 'CREATE UNIQUE INDEX ON "his"."fee"' in found(with_partitioned(unique=()))["his.fee (id)"].mend


def test_an_array_is_refused_because_nothing_cuts_it():
    """One pasted list of 8 MB would end the capture of all tables, and for good: it comes again after each restart."""
    odd = replace(FEE, columns={**FEE.columns, "mdtrt_id": replace(column("mdtrt_id"), type="_text", shown="text[]")})
    assert [("his.fee.mdtrt_id", Severity.BLOCKS)] == [
        (finding.where, finding.severity) for finding in check(SOURCE, with_table(odd)) if "cuts long texts" in finding.what
    ]


def test_a_column_of_type_name_is_refused_because_its_changes_arrive_empty():
    """A snapshot has its value and the stream has not: every change would take the value out of what was reported."""
    odd = replace(FEE, columns={**FEE.columns, "mdtrt_id": replace(column("mdtrt_id"), type="name", shown="name")})
    (finding,) = (one for one in check(SOURCE, with_table(odd)) if "the log brings it as NULL" in one.what)
    assert ("his.fee.mdtrt_id", Severity.BLOCKS) == (finding.where, finding.severity)
    assert 'ALTER COLUMN "mdtrt_id" TYPE varchar(63)' in finding.mend


def test_a_column_that_the_database_computes_is_found():
    """The snapshot has it and the log has not: every row would change once, into one without it."""
    odd = replace(FEE, columns={**FEE.columns, "mdtrt_id": replace(column("mdtrt_id"), generated=True)})
    assert "computed by the database" in found(with_table(odd))["his.fee.mdtrt_id"].what


def test_what_only_endangers_the_database_warns():
    """Capture runs, but the hospital's disk may fill while it is down."""
    findings = found(with_server(slot_keep_size="-1"), replace(SOURCE, heartbeat_table=None))
    assert {"max_slot_wal_keep_size", "heartbeat_table"} == findings.keys()
    assert {Severity.WARNS} == {finding.severity for finding in findings.values()}


def test_a_database_that_knows_no_encoding_is_named_and_nothing_else_is_said_of_its_tables():
    """Its names are bytes: what would be found missing is there, and a person would mend what is not broken."""
    undeclared = replace(GOOD, server=replace(GOOD.server, encoding="SQL_ASCII"), tables={}, publication=None)
    (found,) = check(SOURCE, undeclared)
    assert (found.where, "is SQL_ASCII" in found.what, found.severity) == ("database hisdb", True, Severity.BLOCKS)
    assert "createdb -T template0 -E UTF8" in found.mend
