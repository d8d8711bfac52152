"""Decoding what capture wrote: every digit kept, and whatever cannot be read is Rejected and nothing else."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.contract import UNAVAILABLE, Mark, Op
from streams.domain.changes import RowChange, Tombstone, Truncated, decode, text_of
from streams.domain.ticks import Tick, tick_value
from streams.errors import Rejected
from tests.unit.streams.domain.join.join_rig import START_MS, VISIT, envelope

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ENVELOPE = {
    "before": None,
    "after": {"a": 1},
    "op": "c",
    "source": {"connector": "postgresql", "name": "his", "schema": "h", "table": "visit", "ts_ms": START_MS, "lsn": 7},
}


def mutated(path, value):
    """The envelope with another value at `path`."""
    copy = orjson.loads(orjson.dumps(ENVELOPE))
    place = copy
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return orjson.dumps(copy)


def test_a_change_is_read_with_its_place_and_time():
    """Everything that follows depends on source, table, row, and where the change stands in the database's log."""
    change = decode(envelope("h.visit", "u", VISIT, at=7, before={"ward": None}, ts_ms=START_MS + 99))
    assert change == RowChange(
        source="his",
        table="h.visit",
        op=Op.UPDATE,
        row=VISIT,
        before=None,
        position=(7,),
        committed_at=START_MS,
        mark=Mark((7, 1), START_MS * 1000),
    )


def test_the_row_that_was_is_read_where_a_value_was_not_sent():
    """Only there does anybody need it; a large value that did not change is taken from it."""
    change = decode(envelope("h.visit", "u", {**VISIT, "ward": UNAVAILABLE}, at=7, before={"ward": 7}))
    assert change.before == {"ward": "7"}


def test_a_delete_carries_the_row_that_was():
    """Only its key tells what was deleted."""
    change = decode(envelope("h.visit", "d", VISIT, at=7))
    assert (change.op, change.row) == (Op.DELETE, VISIT)


@pytest.mark.parametrize(("at", "snapshot"), [(None, "incremental"), (7, "true"), (7, "last_in_data_collection"), (7, None)])
def test_a_row_that_was_read_has_no_mark(at, snapshot):
    """It is never sent again but read anew: taken for a repetition, it would mend nothing."""
    assert decode(envelope("h.visit", "r", VISIT, at=at, snapshot=snapshot)).mark is None


@pytest.mark.parametrize("wrong", [True, False, "7", 7.0])
def test_a_place_in_the_log_that_is_no_number_is_none(wrong):
    """JSON's true and false are numbers for Python, and stood in the state as such."""
    change = decode(envelope("h.visit", "u", VISIT, at=wrong, snapshot="false", ts_us=5))
    assert (None, None) == (change.position, change.mark)
    timed = decode(envelope("h.visit", "u", VISIT, at=7, snapshot="false", ts_us=wrong))
    assert Mark((7, 1), START_MS * 1000) == timed.mark


def test_a_delete_stands_before_whatever_else_has_its_place():
    """A key that is changed arrives as a delete and a create at one LSN; both have to be folded."""
    deleted, created = (decode(envelope("h.visit", op, VISIT, at=7, snapshot="false", ts_us=5)).mark for op in "dc")
    assert (Mark((7, 0), 5), Mark((7, 1), 5)) == (deleted, created)


def test_truncates_ticks_and_tombstones_are_told_apart():
    """A tombstone means nothing to the join, a truncate everything."""
    assert decode(None) == Tombstone()
    assert decode(tick_value(START_MS)) == Tick(at=START_MS)
    assert decode(envelope("h.visit", "t", None, at=7)) == Truncated(
        source="his", table="h.visit", committed_at=START_MS, position=(7,), mark=Mark((7, 1), START_MS * 1000)
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567890123456789, "1234567890123456789"),
        (-9223372036854775808, "-9223372036854775808"),
        (18446744073709551615, "18446744073709551615"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (12.50, "12.5"),
        (True, "true"),
        ("", ""),
        (None, None),
        (" 007 ", " 007 "),
        (["a", 1], '["a",1]'),
    ],
    ids=repr,
)
def test_values_become_text_with_every_digit(value, shown):
    """Ids of 19 digits and amounts must not pass through a float's 15 digits; an empty text is not NULL."""
    assert decode(mutated(["after", "a"], value)).row == {"a": shown}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_becomes_the_shortest_plain_decimal(value):
    """Exponents are no decimals of the interface."""
    text = text_of(value)
    assert "e" not in text.lower()
    assert float(text) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_rejected(value):
    """Any other error would stop the partition for ever."""
    with suppress(Rejected):
        decode(value)


@given(JSON)
def test_any_json_is_decoded_or_rejected(value):
    """The same for what is JSON but no envelope."""
    with suppress(Rejected):
        decode(orjson.dumps(value))


@given(
    st.sampled_from(
        [["op"], ["before"], ["after"], ["after", "a"], ["source"], *(["source", name] for name in ENVELOPE["source"])]
    ),
    JSON | st.sampled_from(["c", "r", "u", "d", "t", "m", "postgresql", "oracle", "9" * 5_000]),
)
def test_an_envelope_with_any_wrong_member_is_decoded_or_rejected(path, value):
    """Capture of a later version may write what this one does not expect."""
    with suppress(Rejected):
        decode(mutated(path, value))


@pytest.mark.parametrize("depth", [250, 300, 1000, 5000])
def test_a_value_that_is_nested_too_deeply_is_rejected(depth):
    """The encoder gives up earlier than the decoder."""
    nested = b"[" * depth + b"]" * depth
    value = orjson.dumps(ENVELOPE).replace(b'{"a":1}', b'{"a":' + nested + b"}")
    if depth < 254:
        assert decode(value).row == {"a": nested.decode()}
    else:
        with pytest.raises(Rejected):
            decode(value)


@pytest.mark.parametrize("moment", [-1, 10**13, 2**64 - 1])
def test_impossible_moments_are_rejected(moment):
    """A deadline of more digits than the state has would make its entry unreadable."""
    for value in (mutated(["source", "ts_ms"], moment), tick_value(moment)):
        with pytest.raises(Rejected):
            decode(value)


@pytest.mark.parametrize(
    "value", [b"{", b"[]", b'{"op":"c"}', b'{"yibao":"tick"}', b'{"yibao":"tock","at":1}', b"\xff\xfe", b'"\\ud800"']
)
def test_what_is_no_event_is_rejected_without_its_content(value):
    """The reason goes into a header that many people read."""
    with pytest.raises(Rejected) as told:
        decode(value)
    assert value.decode(errors="replace") not in str(told.value)
