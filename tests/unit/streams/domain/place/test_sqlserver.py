"""The place stage on what Debezium documents of a SQL Server: its envelopes name transactions and places otherwise."""

import orjson
import pytest

from connector.contract import BY_TRANSACTION, DatabaseKind, Op, mark, place_in_log, position, table_of, transaction_of
from streams.domain.again import again
from streams.domain.changes import FORMERLY, Incoming, RowChange, decode, mark_of
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from tests.unit.streams.domain.join.written import COLUMNS, Oracle, SqlServer, course

SAID = {
    "connector": "sqlserver",
    "name": "a",
    "ts_ms": 1559729995937,
    "ts_us": 1559729995937000,
    "snapshot": "false",
    "db": "testDB",
    "schema": "dbo",
    "table": "customers",
    "change_lsn": "00000027:00000ac0:0002",
    "commit_lsn": "00000027:00000ac0:0007",
    "event_serial_no": 2,
}
COMMIT, CHANGE = (0x27, 0xAC0_0007), (0x27, 0xAC0_0002)


def marked(op=Op.UPDATE, **more):
    return mark_of(op, SAID | more, server="")


@pytest.mark.parametrize("number", [2, "2"], ids=["as its schema has it", "as its documentation shows it"])
def test_a_position_is_commit_change_and_event(number):
    said = SAID | {"event_serial_no": number}
    assert (*COMMIT, *CHANGE, 2, 0) == (where := position(DatabaseKind.SQLSERVER, said))
    assert (*COMMIT, *CHANGE, 2, 0, 1) == mark(Op.UPDATE, said, where).place
    assert len(mark(Op.DELETE, said, where).place) == BY_TRANSACTION
    assert ("dbo.customers", "00000027:00000ac0:0007") == (table_of(said), transaction_of(said))


@pytest.mark.parametrize("lacks", ["change_lsn", "commit_lsn", "event_serial_no"])
@pytest.mark.parametrize("instead", [None, "?", 1.5, "00000027:00000ac0", "NULL"])
def test_a_change_without_a_place_is_no_repetition(lacks, instead):
    """What cannot be compared is folded."""
    assert position(DatabaseKind.SQLSERVER, SAID | {lacks: instead}) is None
    assert marked(**{lacks: instead}) is None


@pytest.mark.parametrize("lsn", ["ffffffff:ffffffff:ffff", "00010000:00000ac0:0002"])
def test_a_place_can_be_kept_however_far_the_log_is(lsn):
    """Ten bytes are no number that is written into the state: the join ended at its first change."""
    mark = marked(commit_lsn=lsn, change_lsn=lsn)
    assert list(mark.place) == orjson.loads(orjson.dumps(mark.place))
    assert again(marked(), mark)
    assert not again(mark, marked())


def test_of_an_earlier_transaction_it_is_sent_again_and_of_a_later_one_it_is_new():
    earlier, later = (marked(commit_lsn=f"00000027:00000ac0:{number:04x}") for number in (6, 8))
    known = marked()
    assert (True, False, True) == (again(earlier, known), again(later, known), again(known, known))


@pytest.mark.parametrize("change", ["00000027:00000ac0:0001", "00000027:00000ac0:0003"])
def test_within_a_transaction_no_order_is_believed(change):
    """The LSN of a row's later change need not be higher: taken for a repetition, it would be lost for good. What that costs: of a
    row that one transaction changed twice, a part that is sent again reports the content between the two once more.
    """
    known = marked()
    assert not again(marked(change_lsn=change), known)
    assert not again(marked(event_serial_no=1), known)
    assert not again(marked(Op.DELETE), known)
    assert again(marked(), known)


def test_a_row_that_was_read_has_no_mark_and_no_transaction():
    """Of the first snapshot; on demand it carries the LSN of the change before it."""
    for snapshot in ("true", "first", "last", "incremental"):
        read = orjson.dumps({"before": None, "after": {"id": 1}, "op": "r", "source": SAID | {"snapshot": snapshot}})
        change = decode(read)
        assert isinstance(change, RowChange)
        assert (None, "") == (change.mark, change.transaction)


def test_a_changed_key_is_a_pair_at_one_place_and_of_many_there_none_is_guessed():
    """Documented: number 1 deletes, number 2 creates. Where one LSN has more, nothing says which belong together."""
    first, second, third, fourth = (place_in_log(SAID | {"event_serial_no": number}) for number in (1, 2, 3, 4))
    assert first == second
    assert 3 == len({second, third, fourth})
    assert first != place_in_log(SAID | {"change_lsn": "00000027:00000ac0:0003"})


@pytest.mark.parametrize("kind", [SqlServer, Oracle])
def test_every_row_goes_to_its_visit_and_one_whose_key_changed_carries_its_former_key(kind):
    keys = {("a", f"his.{table}"): VisitKey(("jzlsh",)) for table in COLUMNS}
    placer, going, former = Placer(keys, partitions=4, quiet_ms=1000), NOTHING, {}
    for offset, value in enumerate(course(kind)[0]):
        name = COLUMNS[value["source"]["table"]].split()[0]
        key = orjson.dumps({name: (value["after"] or value["before"])[name]})
        folded = placer.fold(
            Incoming("rows.a", 0, offset, key, orjson.dumps(value), (), 1_796_117_500_000), source="a", going=going
        )
        going = folded.going
        assert all(one.key is not None for one in folded.placed)
        if value["op"] == "c" and (header := dict(folded.placed[-1].headers).get(FORMERLY)):
            former[key] = header
    assert {b'{"mxid":%d}' % (2000 + at): b'{"mxid":%d}' % (1000 + at) for at in (9, 19, 29, 39)} == former
