"""`roles` in a mapping: one table that is a visit and its settlement; what cannot be, or leaves open what is meant, is told."""

import orjson
import pytest

from connector.contract import TableRole
from streams.domain.changes import FORMERLY, Incoming
from streams.domain.place.going import NOTHING
from streams.fold_wiring import placer_of
from streams.mapping import capture_sources, compile_site
from streams.mapping.compiling import version_of
from streams.mapping.taking import taken_rows
from tests.unit.streams.mapping.test_links import FEE, load

__all__ = ["load"]

BILL = "  - {table: his.bill, roles: [settlement, visit], key: [visit_id], visit_key: visit_id}\n"
NOTHING_ELSE = (
    ("  - {table: his.visit, role: visit, key: [visit_id], visit_key: visit_id}\n", ""),
    ("  - {table: his.settle, role: settlement, key: [settle_no], visit_key: visit_id}\n", ""),
)


def both(load, bill=BILL, *changes):
    return load(bill + FEE, *NOTHING_ELSE, *changes)


def test_a_table_of_two_roles_is_captured_once_with_the_columns_of_both(load):
    """The database has one table, and each role reads its own columns of it."""
    site = both(load)
    (source,), (mapping,) = capture_sources(site), compile_site(site).values()
    (bill,) = [table for table in source.tables if table.name == "his.bill"]
    visit, settlement = mapping.tables["his.bill"], mapping.tables["his.bill.settlement"]
    assert (TableRole.VISIT, (TableRole.SETTLEMENT,)) == (bill.role, bill.further)
    assert (TableRole.VISIT, TableRole.SETTLEMENT) == (visit.role, settlement.role)
    assert {*visit.columns, *settlement.columns} == {*bill.columns}
    assert visit.columns != settlement.columns
    assert not visit.beside


def test_a_change_is_placed_for_each_role_and_a_changed_key_is_known_by_both(load):
    """A delete and a create at one place in the log, with the other role's delete in between."""
    site = both(load)
    (name,) = site.sources
    placer, going, told = placer_of(site, partitions=1), NOTHING, []
    columns = next(table.columns for table in capture_sources(site)[0].tables if table.name == "his.bill")
    for op, key in (("d", "1"), ("c", "2")):
        row = dict.fromkeys(columns) | {"visit_id": key}
        said = {"connector": "postgresql", "name": name, "schema": "his", "table": "bill", "lsn": 7, "txId": 5, "ts_ms": 1}
        value = {"op": op, "before": row if op == "d" else None, "after": row if op == "c" else None, "source": said}
        incoming = Incoming("rows", 0, 0, orjson.dumps({"visit_id": key}), orjson.dumps(value), (), 1)
        folded = placer.fold(incoming, source=name, going=going)
        going = folded.going
        told += [(one.key, orjson.loads(one.value)["source"]["table"], [*dict(one.headers)]) for one in folded.placed]
    assert [
        (b"1", "bill", []),
        (b"1", "bill.settlement", []),
        (b"2", "bill", [FORMERLY]),
        (b"2", "bill.settlement", [FORMERLY]),
    ] == told


def test_a_field_of_the_table_belongs_to_the_record_that_has_it(load):
    """SETL_ID is of no visit."""
    bill = BILL.replace("}", ", fields: {SETL_ID: bill_no, BEGNTIME: opened_at}}")
    mapping = both(load, bill).mappings
    (written,) = mapping.values()
    assert {"his.bill": ["BEGNTIME"], "his.bill.settlement": ["SETL_ID"]} == {
        table.table: [*table.fields] for table in written.tables if "bill" in table.table
    }


def test_the_order_of_the_roles_says_nothing(load):
    """They are in the order of reporting."""
    one, other = (both(load, BILL.replace("settlement, visit", words)) for words in ("settlement, visit", "visit, settlement"))
    assert [version_of(each) for each in one.mappings.values()] == [version_of(each) for each in other.mappings.values()]


def test_rows_of_a_table_that_gets_another_role_must_be_read_again(load):
    """What was captured was placed for one role alone."""
    former = both(
        load,
        BILL.replace("roles: [settlement, visit]", "role: visit")
        + BILL.replace("roles: [settlement, visit]", "role: settlement").replace("his.bill", "his.bill2"),
    )
    (before,), (now,) = taken_rows(former).values(), taken_rows(both(load)).values()
    assert {"role of the settlement"} <= {word for word in now["his.bill"] if before["his.bill"].get(word) != now["his.bill"][word]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[settlement, visit]", "[visit]", "a table with one role says `role: visit`"),
        ("[settlement, visit]", "[visit, visit]", "`roles` names one of them twice"),
        ("[settlement, visit]", "[visit, header]", "a header is not. Rows under a reported table name it by `under`"),
        ("[settlement, visit]", "[visit, setlement]", "must be one of visit, settlement, fee, header"),
        ("roles:", "role: visit, roles:", "has `role` and `roles`; write one of them"),
        ("roles: [settlement, visit]", "rols: [settlement, visit]", "is not known here (did you mean `roles`?)"),
        ("}", ", fields: {FIXMEDINS_CODE: org}}", "nobody can tell of which record FIXMEDINS_CODE is"),
        ("}", ", fields: {SETL_IDD: org}}", "SETL_IDD is no field of mdtrt_d or setl_d (did you mean `SETL_ID`?)"),
        ("}", ", settlement: settle_no}", "only a fee table has `settlement`"),
        ("}", ", moves: bills}", "tables[0].moves: `bills` stands at no other table"),
    ],
)
def test_what_leaves_open_what_is_meant_is_told(load, old, new, message):
    """At the line of the table, and once."""
    told = both(load, BILL.replace(old, new, 1))
    assert 1 == len([problem for problem in told if message in problem]), told
    assert all("tables[2]" not in problem or "rols" in new for problem in told if message in problem), told
