"""Receipts: the ledger that says what the platform has."""

import orjson
import pytest

from streams.deliver.receipt import decode_receipt, encode_receipt, receipt
from streams.deliver.verdict import Accepted
from tests.unit.ready_records import batch_of, ready_record

CANARY = "张三丰51010219381005541X"


def record(number):
    return ready_record(
        number,
        key=f"visit {CANARY}".encode(),
        value=orjson.dumps({"PSN_NAME": CANARY}),
        mapping_version="sample@1",
        committed_at=1_700_000_000_000 + number,
        amount="12.30",
    )


RECEIPT = receipt(
    batch_of(record(7), record(9)),
    Accepted(code="40005", repeated=True),
    msgid="H36110200001202405011200000b0000",
    plan="202405011200000b0",
    attempts=3,
    posted_at=1_700_000_001_000,
    answered_at=1_700_000_001_500,
)


def test_a_receipt_says_what_freshness_and_reconciliation_ask_for():
    """Other programs read these names; they are a promise."""
    key, value = encode_receipt(RECEIPT)
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
                "mapping_version": "sample@1",
            }
            for number in (7, 9)
        ],
    }


def test_a_receipt_holds_nothing_personal():
    """Receipts are kept for more than a year and read by many."""
    key, value = encode_receipt(RECEIPT)
    assert CANARY.encode() not in key + value
    assert "张三" not in value.decode()


def test_a_receipt_is_read_back_also_when_a_later_version_added_to_it():
    """Ledgers outlive versions."""
    _, value = encode_receipt(RECEIPT)
    later = {**orjson.loads(value), "added": 1}
    later["records"][0]["added"] = 2
    assert decode_receipt(value) == RECEIPT == decode_receipt(orjson.dumps(later))


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"null", b'{"records":[{}]}', b'{"records":7}'], ids=repr)
def test_what_is_no_receipt_is_not_counted_as_one(value):
    """Reconciliation must not count foreign messages as delivered."""
    with pytest.raises(ValueError, match=r".+"):
        decode_receipt(value)
