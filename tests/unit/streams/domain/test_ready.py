"""A ready record's message: read back as it was written, and nothing else is taken for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changes import Incoming
from streams.domain.ready import Emission, decode, encode, headers_of, number_of
from streams.domain.records import ReadyRecord, Record
from streams.errors import Rejected
from streams.spec.fields import ServiceCode

EMISSION = Emission(
    record=Record(
        service=ServiceCode.SETTLEMENT,
        institution="H36110200001",
        infno="2304",
        key="单据-1",
        value=b'{"SETL_ID":"1"}',
        content_hash="ab" * 16,
        mapping_version="m@1",
        business_day="2024-05-01",
        amount="20.00",
    ),
    visit_key="就诊 1".encode(),
    position="24023128",
    committed_at=1_714_700_000_000,
    captured_at=1_714_700_000_090,
)


READY_AT = 1_714_700_000_400


def message(number=7, **changes):
    key, value, headers = encode(EMISSION, number)
    whole = Incoming(
        topic="visit.ready", partition=3, offset=40, key=key, value=value, headers=tuple(headers), timestamp_ms=READY_AT
    )
    return whole._replace(**changes)


def test_a_ready_record_is_read_as_it_was_written():
    """Deliver knows of a record only what stands here."""
    assert decode(message()) == ReadyRecord(
        key="就诊 1".encode(),
        value=b'{"SETL_ID":"1"}',
        number=7,
        offset=40,
        partition=3,
        service=ServiceCode.SETTLEMENT,
        institution="H36110200001",
        infno="2304",
        record_key="单据-1",
        content_hash="ab" * 16,
        mapping_version="m@1",
        position="24023128",
        committed_at=1_714_700_000_000,
        captured_at=1_714_700_000_090,
        ready_at=READY_AT,
        business_day="2024-05-01",
        amount="20.00",
    )


def test_a_record_without_its_time_of_capture_is_read_as_captured_at_once():
    """What an earlier version left in the topic is delivered after an update, not fatal to its lane."""
    old = message().headers[:-1]
    assert decode(message(headers=old)) == decode(message())._replace(captured_at=1_714_700_000_000)


def test_a_records_headers_can_be_given_back():
    """A dead letter that is sent again must be the message it was."""
    assert headers_of(decode(message())) == message().headers


def test_the_number_stands_first():
    """The lane reads it of every message before anything else, and tools find it without parsing."""
    assert message().headers[0] == ("seq", b"7")
    assert number_of(message(7).headers) == 7


def without(name):
    return tuple(header for header in message().headers if header[0] != name)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": ()},
        {"headers": (("seq", b"7"),)},
        {"headers": (("seq", b"-7"), *message().headers[1:])},
        {"headers": (("seq", b""), *message().headers[1:])},
        {"headers": (("seq", None), *message().headers[1:])},
        {"headers": (("seq", b"9" * 5_000), *message().headers[1:])},
        {"headers": message().headers[1:]},
        {"headers": without("infno")},
        {"headers": tuple((name, b"\xff" if name == "institution" else value) for name, value in message().headers)},
        {"headers": tuple((name, b"soon" if name == "committed-at" else value) for name, value in message().headers)},
        {"headers": tuple((name, b"soon" if name == "captured-at" else value) for name, value in message().headers)},
        {"headers": tuple((name, None if name == "captured-at" else value) for name, value in message().headers)},
        {"headers": tuple((name, b"9301" if name == "service" else value) for name, value in message().headers)},
        {"key": None},
        {"value": None},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_what_the_join_did_not_write_is_no_ready_record(changes):
    """Anybody may write to a topic; the lane must pass over it instead of dying at it for ever."""
    with pytest.raises(Rejected):
        decode(message(**changes))


@given(
    st.lists(st.tuples(st.sampled_from([name for name, _ in message().headers]), st.binary(max_size=12) | st.none()), max_size=12)
)
def test_any_headers_are_decoded_or_rejected(headers):
    """Any other error would stop the lane for ever."""
    with suppress(Rejected):
        assert decode(message(headers=tuple(headers))).value == message().value
