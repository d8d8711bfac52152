"""Reading a table again: what is ordered, what the answers mean, and when it is proved that all rows came."""

import json
from dataclasses import replace

import pytest

from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole
from connector.errors import Misconfigured
from connector.profiles import profile_of
from connector.signals import Stage, Tally, notice_of, order

FEE = CapturedTable(name="his.费用(新)", role=TableRole.FEE, key=("no", "line"), visit_key="visit", columns=("no", "line", "visit"))
SOURCE = CaptureSource(
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
    tables=(FEE,),
)
QUIET = Tally(counted=100, scanned=100, arrived=100, changed=0, emptied=False)


def test_an_order_names_its_table_exactly():
    """Debezium takes the name for a regular expression: brackets and dots would match other tables, or none."""
    key, value = order("o1", SOURCE, FEE, where="a = 1 OR b = 2")
    assert b"his" == key
    told = json.loads(value)
    assert ("o1", "execute-snapshot", "incremental") == (told["id"], told["type"], told["data"]["type"])
    (name,) = told["data"]["data-collections"]
    assert (r"his\.费用\(新\)", [{"data-collection": name, "filter": "(a = 1 OR b = 2)"}]) == (
        name,
        told["data"]["additional-conditions"],
    )


@pytest.mark.parametrize(
    ("changes", "proved"),
    [
        ({}, True),
        ({"arrived": 200}, True),  # an order that was given twice is carried out twice
        ({"arrived": 99}, False),
        ({"scanned": 120}, True),  # a part of the table that was read twice counts twice
        ({"scanned": 100, "arrived": 0}, False),
        ({"arrived": 98, "changed": 2}, True),
        ({"arrived": 97, "changed": 2}, False),
        ({"arrived": 0, "changed": 1000}, False),
        ({"emptied": True}, False),
        ({"counted": 0, "scanned": 0, "arrived": 0}, True),
    ],
)
def test_only_rows_that_were_counted_prove_a_reading(changes, proved):
    """Debezium says COMPLETED of a table that it never found."""
    assert proved == replace(QUIET, **changes).proved


def notification(**changes):
    about = {"scanned_collection": "his.fee", "total_rows_scanned": "7", "status": "SUCCEEDED"}
    told = {"id": "o1", "aggregate_type": "Incremental Snapshot", "type": "TABLE_SCAN_COMPLETED", "additional_data": about}
    return json.dumps({**told, **changes}).encode()


def test_a_notice_of_a_scanned_table_tells_how_it_went():
    """Its status and its rows decide."""
    notice = notice_of(notification())
    assert ("o1", Stage.SCANNED, "his.fee", 7, True) == (notice.order, notice.stage, notice.table, notice.rows, notice.done)
    failed = notice_of(notification(additional_data={"scanned_collection": "his.fee", "status": "SQL_EXCEPTION"}))
    assert (0, False) == (failed.rows, failed.done)


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"{", notification(aggregate_type="Initial Snapshot"), notification(type="OF_LATER")]
)
def test_what_is_no_notice_of_a_reading_is_passed_over(value):
    """First snapshots are told in the same topic, and later versions of Debezium tell more."""
    assert notice_of(value) is None


def test_a_key_becomes_a_condition_that_its_index_serves():
    """A cast around the column would read the whole table for one row; a quote in a value must stay a value."""
    profile = profile_of(DatabaseKind.POSTGRESQL)
    assert """"no" = '1' AND "line" = '2' OR "no" = 'a''b' AND "line" =  E'c\\\\d'""" == profile.condition_of_keys(
        FEE, ["1,2", "a'b,c\\d"]
    )
    assert """"no" = 'a,b' AND "line" = '2'""" == profile.condition_of_keys(FEE, [("a,b", "2")])
    with pytest.raises(Misconfigured, match="no, line"):
        profile.condition_of_keys(FEE, ["1"])
