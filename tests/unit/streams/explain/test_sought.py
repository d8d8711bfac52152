"""What is searched for in a topic without an index: a message that an index would find has the bytes that are looked for."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.receipt import encode_receipt
from streams.domain.join.entries import SEPARATOR
from streams.domain.place.entries import row_key
from streams.domain.ready import RECORD_KEY_AT
from streams.explain.places import PLACED, READY, RECEIPTS, sought

KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[SEPARATOR.decode()]), min_size=1, max_size=12)


def receipt(*keys):
    """As the deliver stage writes it; only its records matter here."""
    key, value = encode_receipt({"msgid": "0" * 32, "records": [{"key": one, "hash": "0" * 32} for one in keys]})
    return SimpleNamespace(key=key, value=value, headers=())


def ready(visit, record):
    headers = [(f"h{number}", b"") for number in range(RECORD_KEY_AT)]
    return SimpleNamespace(key=visit.encode(), value=b"{}", headers=[*headers, ("record-key", record.encode())])


def placed(row):
    return SimpleNamespace(key=row_key("his.sf_fymx", row), value=b"{}", headers=())


def raw(message):
    """As bytes in a batch: none of its parts is written in another way there."""
    return b"\0".join([message.key, message.value, *(value for _, value in message.headers)])


@given(KEYS, KEYS)
def test_whatever_a_key_is_it_stands_in_the_message_as_it_is_looked_for(key, other):
    """A key with a quote, a line feed or a character beyond the basic plane is written in JSON in another way than it is said."""
    for shape, message in ((RECEIPTS, receipt(other, key)), (READY, ready(other, key)), (READY, ready(key, other))):
        wanted = sought(shape, [key.encode()])
        assert (True, True) == (wanted.may_be_in(raw(message)), wanted.takes(message))


@given(KEYS, KEYS)
def test_what_only_holds_the_key_in_a_longer_one_is_not_found(key, other):
    """V1 is no V11."""
    longer = f"{key}{other}"
    assert not sought(RECEIPTS, [key.encode()]).takes(receipt(longer))
    assert not sought(READY, [key.encode()]).takes(ready(longer, longer))


@pytest.mark.parametrize("row", ["F1", '中"\\/2', "a\nb"])
def test_a_row_of_place_is_found_by_its_key(row):
    """Its entry's key ends with it."""
    message = placed(row)
    wanted = sought(PLACED, [row.encode()])
    assert (True, True) == (wanted.may_be_in(raw(message)), wanted.takes(message))
