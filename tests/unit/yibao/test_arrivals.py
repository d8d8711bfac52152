"""What Debezium says while a table is read again, and what may be believed of it."""

import json

import pytest

from connector.contract import CapturedTable, TableRole
from yibao.captures.arrivals import Arrivals, Rows

TABLE = CapturedTable(
    name="his.sf_fymx", role=TableRole.FEE, key=("mxid",), visit_key=("jzlsh",), columns=("mxid", "jzlsh"), lookup=None
)


def reading(*told, orders=("ours",)):
    """A reading for which these orders were given, after these notices: order, stage, table, status."""
    seen = Arrivals(rows=Rows(table=TABLE, visit_key=None), orders=list(orders))
    for order, stage, table, status in told:
        more = {"scanned_collection": table, "status": status, "total_rows_scanned": "1"}
        notice = {"aggregate_type": "Incremental Snapshot", "type": stage, "id": order, "additional_data": more}
        seen.told(json.dumps(notice).encode())
    return seen


STARTED = ("ours", "STARTED", None, "")
READ = ("ours", "TABLE_SCAN_COMPLETED", TABLE.name, "SUCCEEDED")
OVER = ("ours", "COMPLETED", None, "")


@pytest.mark.parametrize(
    "told",
    [
        [STARTED, OVER],
        [STARTED, ("ours", "TABLE_SCAN_COMPLETED", TABLE.name, "SQL_EXCEPTION"), OVER],
        [("ours", "ABORTED", None, "")],
    ],
)
def test_an_order_that_came_to_nothing_ends_no_reading(told):
    """Once is no proof against the table: the end of an order before it can come under this one's name. It is given again."""
    seen = reading(*told)
    assert (None, True, ["ours"]) == (seen.end, bool(seen.failure), list(seen.failed))
    seen.orders.append("again")
    assert "" == seen.failure
    seen.told(b'{"aggregate_type":"Incremental Snapshot","type":"COMPLETED","id":"again"}')
    assert (["ours", "again"], True) == (list(seen.failed), bool(seen.failure))


def test_what_is_said_of_the_table_after_its_order_seemed_over_counts():
    """Else a table that was read would be read once more, or its reading refused."""
    seen = reading(STARTED, OVER, READ)
    assert ("", 1) == (seen.failure, seen.end.rows)


def test_an_end_of_the_table_counts_under_another_orders_name():
    """While a second person orders another table, Debezium names that order until the end: this reading waited for five minutes."""
    assert reading(STARTED, ("theirs", "TABLE_SCAN_COMPLETED", TABLE.name, "SUCCEEDED")).end is not None


def test_what_is_said_of_others_readings_says_nothing_before_this_one_has_begun():
    """It may be a reading of some rows, and it was ordered earlier."""
    others = [("theirs", "STARTED", None, ""), ("theirs", "TABLE_SCAN_COMPLETED", TABLE.name, "SUCCEEDED")]
    seen = reading(*others, ("theirs", "COMPLETED", None, ""))
    assert (0, None, "") == (seen.told_of, seen.end, seen.failure)
