"""Receipts: the ledger that says what the platform has."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.freshness import Freshness, freshness
from streams.deliver.receipt import Receipt, ReceiptLine, decode_receipt, encode_receipt, receipt
from streams.deliver.verdict import Accepted
from tests.unit.streams.ready_records import batch_of, ready_record

CANARY = "张三丰51010219381005541X"


def record(number):
    return ready_record(
        number,
        key=f"visit {CANARY}".encode(),
        value=orjson.dumps({"PSN_NAME": CANARY}),
        mapping_version="sample@1",
        committed_at=1_700_000_000_000 + number,
        captured_at=1_700_000_000_090 + number,
        ready_at=1_700_000_000_400 + number,
        amount="12.30",
    )


WRITTEN = receipt(
    batch_of(record(7), record(9)),
    Accepted(code="40005", repeated=True, sealing_ms=3, key="0f" * 16),
    msgid="H36110200001202405011200000b0000",
    plan="202405011200000b0",
    attempts=3,
    begun_at=1_700_000_000_700,
    posted_at=1_700_000_001_000,
    answered_at=1_700_000_001_500,
)
RECEIPT = decode_receipt(encode_receipt(WRITTEN)[1])


def test_a_receipt_says_what_freshness_and_reconciliation_ask_for():
    """Other programs read these names; they are a promise."""
    key, value = encode_receipt(WRITTEN)
    assert key == b"H36110200001202405011200000b0000"
    assert orjson.loads(value) == {
        "msgid": "H36110200001202405011200000b0000",
        "plan": "202405011200000b0",
        "service": "setl_d",
        "institution": "H36110200001",
        "infno": "2304",
        "code": "40005",
        "repeated": True,
        "attempts": 3,
        "begun_at": 1_700_000_000_700,
        "sealing_ms": 3,
        "key": "0f" * 16,
        "posted_at": 1_700_000_001_000,
        "answered_at": 1_700_000_001_500,
        "records": [
            {
                "key": f"S{number}",
                "hash": f"{number:032x}",
                "number": number,
                "day": "2024-05-01",
                "amount": "12.30",
                "committed_at": 1_700_000_000_000 + number,
                "captured_at": 1_700_000_000_090 + number,
                "ready_at": 1_700_000_000_400 + number,
                "mapping_version": "sample@1",
            }
            for number in (7, 9)
        ],
    }


def test_what_is_written_of_a_batch_is_what_a_reader_writes_of_it():
    """The lanes write a receipt member by member: one that they forgot would be missing in the ledger for ever."""
    assert encode_receipt(RECEIPT) == encode_receipt(WRITTEN)
    members = {name for line in WRITTEN["records"] for name in line}
    assert (set(Receipt.__slots__), set(ReceiptLine.__slots__)) == (set(WRITTEN), members)


def test_a_receipt_holds_nothing_personal():
    """Receipts are kept for more than a year and read by many."""
    key, value = encode_receipt(WRITTEN)
    assert CANARY.encode() not in key + value
    assert "张三" not in value.decode()


def test_a_receipt_is_read_back_also_when_a_later_version_added_to_it():
    """Ledgers outlive versions."""
    _, value = encode_receipt(RECEIPT)
    later = {**orjson.loads(value), "added": 1}
    later["records"][0]["added"] = 2
    assert decode_receipt(value) == RECEIPT == decode_receipt(orjson.dumps(later))


def test_a_receipt_without_the_times_of_its_parts_is_read_and_has_no_parts():
    """A year of receipts from before stays countable; nothing is made up about where their time went."""
    old = orjson.loads(encode_receipt(RECEIPT)[1])
    del old["begun_at"], old["sealing_ms"]
    for line in old["records"]:
        del line["captured_at"], line["ready_at"]
    found = decode_receipt(orjson.dumps(old))
    assert [7, 9] == [line.number for line in found.records]
    assert [None, None] == [freshness(found, line) for line in found.records]


@given(
    st.tuples(*[st.integers(1, 2**42)] * 5, st.integers(0, 60_000)),
)
def test_the_parts_of_a_records_way_add_up_to_it(times):
    """What is shown for each part must explain the whole, also where clocks differ."""
    committed_at, captured_at, ready_at, begun_at, answered_at, sealing_ms = times
    line = replace(RECEIPT.records[0], committed_at=committed_at, captured_at=captured_at, ready_at=ready_at)
    found = freshness(replace(RECEIPT, begun_at=begun_at, answered_at=answered_at, sealing_ms=sealing_ms), line)
    assert found is not None
    assert answered_at - committed_at == found.whole
    assert sealing_ms == found.seal


def test_each_part_begins_where_the_one_before_it_ends():
    """The names mean what the documentation says."""
    expected = Freshness(capture=90, join=310, batch=293, seal=3, post=797)
    assert expected == freshness(RECEIPT, RECEIPT.records[0])


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"null", b'{"records":[{}]}', b'{"records":7}'], ids=repr)
def test_what_is_no_receipt_is_not_counted_as_one(value):
    """Reconciliation must not count foreign messages as delivered."""
    with pytest.raises(ValueError, match=r".+"):
        decode_receipt(value)
