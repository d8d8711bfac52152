"""The place stage on what Debezium really sends of a MariaDB: its envelopes name tables, transactions and places otherwise."""

import gzip
import json
from pathlib import Path

import orjson
import pytest

from connector.contract import DatabaseKind, Op, mark, place_in_log, position, table_of, transaction_of
from streams.domain.changes import FORMERLY, Incoming, RowChange, Truncated, decode
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.ticks import Tick, tick_value

RECORDED = Path(__file__).parents[1] / "join" / "recorded" / "mariadb_situations.jsonl.gz"
KEYS = {"jz": "jzlsh", "js": "jsdh", "fy": "mxid"}
PARTITIONS = 4


def messages():
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        return [one["value"] for line in lines if "value" in (one := json.loads(line))]


def key_of(value):
    row = value["after"] or value["before"]
    name = KEYS[value["source"]["table"]]
    return None if row is None else orjson.dumps({name: row[name]})


@pytest.fixture(scope="module")
def placed():
    """Each message with what became of it, and the transaction that goes on after it."""
    keys = {("a", f"his.{table}"): VisitKey(("jzlsh",)) for table in KEYS}
    placer, going, found = Placer(keys, partitions=PARTITIONS, quiet_ms=1000), NOTHING, []
    for offset, value in enumerate(messages()):
        incoming = Incoming("rows.a", 0, offset, key_of(value), orjson.dumps(value), (), 1_796_065_190_000)
        folded = placer.fold(incoming, source="a", going=going)
        going = folded.going
        found.append((value, folded))
    tick = Incoming("rows.a", 0, len(found), None, tick_value(1_796_065_190_100), (), 1_796_065_190_100)
    return found, placer.fold(tick, source="a", going=going)


def test_every_row_goes_to_its_visit(placed):
    """A source block without `schema`, as MariaDB has it, names its table all the same: nothing is unplaced."""
    found, _ = placed
    rows = [folded for value, folded in found if value["op"] != "t"]
    assert {"direct", "moved"} >= {folded.outcome for folded in rows}
    assert all(one.key is not None for folded in rows for one in folded.placed)


def test_a_truncate_is_told_to_every_partition(placed):
    ((value, folded),) = [(value, folded) for value, folded in placed[0] if value["op"] == "t"]
    assert list(range(PARTITIONS)) == [one.partition for one in folded.placed]
    event = decode(orjson.dumps(value))
    assert isinstance(event, Truncated)
    assert ("his.js", value["source"]["gtid"]) == (event.table, event.transaction)


def test_a_row_whose_key_was_changed_carries_its_former_key(placed):
    """The delete and the create stand at one place: file, byte and row of the event."""
    former = {
        key_of(value): header
        for value, folded in placed[0]
        if value["op"] == "c" and (header := dict(folded.placed[-1].headers).get(FORMERLY)) is not None
    }
    moved = {b'{"mxid":%d}' % (key + 1000): b'{"mxid":%d}' % key for key in range(1, 6)}
    # Of the statement that moves five keys up by one, the first: the others get a key that a row of another visit just had.
    assert moved | {b'{"mxid":1006}': b'{"mxid":1005}', b'{"jzlsh":"W5"}': b'{"jzlsh":"V5"}'} == former


def test_the_transaction_that_goes_on_is_told_by_its_gtid(placed):
    """What was read on demand carries the GTID before it, and belongs to no transaction."""
    found, ticked = placed
    logged = [value["source"]["gtid"] for value, _ in found if value["op"] != "r"]
    assert logged[-1] == found[-1][1].going.transaction
    tick = decode(ticked.placed[0].value)
    assert isinstance(tick, Tick)
    assert logged[-1] == tick.open
    on_demand = [decode(orjson.dumps(value)) for value, _ in found if value["source"]["snapshot"] == "incremental"]
    assert on_demand
    assert {("", None)} == {(one.transaction, one.mark) for one in on_demand if isinstance(one, RowChange)}


def test_a_position_is_transaction_file_byte_and_row():
    at = {"gtid": "0-1-47", "file": "binlog.000002", "pos": 7972, "row": 3, "snapshot": "false", "ts_us": 5}
    assert (47, 2, 7972, 3) == (where := position(DatabaseKind.MARIADB, at))
    assert (47, 2, 7972, 3, 1) == mark(Op.UPDATE, at, where).place
    assert (47, 2, 7972, 3, 0) == mark(Op.DELETE, at, where).place
    assert "0-1-47" == transaction_of(at)
    assert place_in_log(at) != place_in_log(at | {"row": 4})


@pytest.mark.parametrize("lacks", ["gtid", "file", "pos", "row"])
@pytest.mark.parametrize("instead", [None, "?", 1.5])
def test_a_change_without_a_place_is_no_repetition(lacks, instead):
    """What cannot be compared is folded."""
    at = {"gtid": "0-1-47", "file": "binlog.000002", "pos": 7972, "row": 3, "snapshot": "false", "ts_us": 5, lacks: instead}
    assert position(DatabaseKind.MARIADB, at) is None
    assert mark(Op.UPDATE, at, None) is None


def test_a_table_is_named_by_its_database_where_no_schema_is_said():
    assert "his.jz" == table_of({"db": "his", "table": "jz"})
    assert "his.jz" == table_of({"db": "hospital", "schema": "his", "table": "jz"})
