"""A lookup table that is emptied by TRUNCATE."""

import orjson

from streams.domain.changes import Incoming
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes


def written(offset, op, code=None, *, name="外科"):
    row = {"code": code, "name": name}
    block = {"connector": "postgresql", "name": "his", "schema": "his", "table": "dept", "ts_ms": 1, "lsn": offset}
    envelope = {"op": op, "source": block, "before": None, "after": None if op == "t" else row}
    return Incoming(
        topic="lookup.dept", partition=0, offset=offset, key=b"k", value=orjson.dumps(envelope), headers=(), timestamp_ms=1
    )


def tables():
    return LookupTables(None, {"lookup.dept": LookupTable(name="dept", key=("code",))}, outcomes=Outcomes("join"))


def test_the_rows_of_a_truncated_table_are_forgotten():
    """A catalogue that is truncated and filled anew must not go on giving records the names of before."""
    known = tables()
    known.take([written(0, "c", "1"), written(1, "c", "2"), written(2, "t"), written(3, "c", "2", name="骨科")])
    assert known.find("dept", ("1",)) is None
    assert "骨科" == known.find("dept", ("2",))["name"]
