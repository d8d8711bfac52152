"""Dead letters as messages: complete enough to run again, sortable without opening, and silent about persons."""

from dataclasses import dataclass, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deadletter.document import masked_document
from streams.deadletter.owners import OWNERS, Owner, owner_of
from streams.deadletter.record import (
    MAX_MESSAGE_BYTES,
    encode_dead_letter,
    letter_id,
    read_dead_letter,
    record_key_hash,
    safe_message,
)
from streams.domain.records import DeadLetter, RowOrigin
from streams.domain.violations import DeadClass
from streams.errors import Rejected

CANARY_ID, CANARY_PHONE, CANARY_NAME = "51010219381005541X", "13800138000", "欧阳锋"

LETTER = DeadLetter(
    stage="deliver",
    dead_class=DeadClass.REJECTED,
    rule="40003",
    service="setl_d",
    institution="H36110200001",
    record_key="S1",
    content_hash="ab" * 16,
    mapping_version="sample@1",
    message="平台拒收：格式",
    identity="visit.ready/3/17",
    key=b"v1",
    value=orjson.dumps({"SETL_ID": "S1", "PSN_NAME": CANARY_NAME, "CERTNO": CANARY_ID}),
    topic="visit.ready",
    partition=3,
    offset=40,
    failed_at=1_700_000_000_000,
    row=RowOrigin(source="his", table="his.settle", key=("7", "1"), visit_key="v1", position="24023128", record_key="S1"),
    http_status=200,
    platform_code="40003",
    msgid="H36110200001202405011200000b0000",
    attempts=2,
    original_headers=(("seq", b"17"), ("service", b"setl_d")),
)


@dataclass(frozen=True)
class Message:
    """A message as a Kafka client gives it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    partition: int = 3
    offset: int = 5


def view(letter):
    return read_dead_letter(Message(*encode_dead_letter(letter)))


def test_a_dead_letter_has_every_header_and_the_original_bytes():
    """Alerts, the console and Kafka's own tools sort by these names; a replay needs the bytes."""
    key, value, headers = encode_dead_letter(LETTER)
    assert (key, value) == (LETTER.key, LETTER.value)
    assert headers == [
        ("seq", b"17"),
        ("service", b"setl_d"),
        ("x-dlq-id", letter_id(LETTER).encode()),
        ("x-dlq-form", b"2"),
        ("x-dlq-class", b"REJECTED"),
        ("x-dlq-rule", b"40003"),
        ("x-dlq-stage", b"deliver"),
        ("x-dlq-owner", b"clerk"),
        ("x-dlq-field", b""),
        ("x-dlq-cause", "格式".encode()),
        ("x-dlq-service", b"setl_d"),
        ("x-dlq-institution", b"H36110200001"),
        ("x-dlq-source", b"his"),
        ("x-dlq-table", b"his.settle"),
        ("x-dlq-row-key", b"7/1"),
        ("x-dlq-visit-key", b"v1"),
        ("x-dlq-position", b"24023128"),
        ("x-dlq-record-key", b"S1"),
        ("x-dlq-record-key-hash", record_key_hash("setl_d", "S1").encode()),
        ("x-dlq-content-hash", b"ab" * 16),
        ("x-dlq-mapping-version", b"sample@1"),
        ("x-dlq-http-status", b"200"),
        ("x-dlq-platform-code", b"40003"),
        ("x-dlq-message", "平台拒收：格式".encode()),
        ("x-dlq-msgid", b"H36110200001202405011200000b0000"),
        ("x-dlq-attempts", b"2"),
        ("x-dlq-first-failed-at", b"1700000000000"),
        ("x-dlq-last-failed-at", b"1700000000000"),
        ("x-dlq-replay-count", b"0"),
        ("x-dlq-replay-id", b""),
        ("__connect.errors.topic", b"visit.ready"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"40"),
        ("__connect.errors.exception.class.name", b"yibao.REJECTED"),
        ("__connect.errors.exception.message", "平台拒收：格式".encode()),
        ("__connect.errors.stage", b"TASK_PUT"),
    ]


def test_a_dead_letter_is_read_back():
    """What was written for a person must reach the person."""
    found = view(LETTER)
    assert (found.dead_class, found.rule, found.owner, found.source) == ("REJECTED", "40003", "clerk", "visit.ready/3/40")
    assert (found.attempts, found.first_failed_at, found.key, found.value) == (2, LETTER.failed_at, b"v1", LETTER.value)
    assert found.original_headers == LETTER.original_headers


def test_the_same_failure_has_the_same_id_wherever_and_whenever_it_happens():
    """Capture sends rows again after a crash; one failure must not be counted twice."""
    again = replace(LETTER, offset=99, partition=1, failed_at=1_800_000_000_000, attempts=9, message="x")
    assert letter_id(LETTER) == letter_id(again)


@pytest.mark.parametrize(
    "other",
    [
        {"stage": "join"},
        {"dead_class": DeadClass.OVERSIZE},
        {"record_key": "S2"},
        {"service": "fee_list_d"},
        {"institution": "H2"},
        {"identity": "other"},
    ],
    ids=str,
)
def test_different_failures_have_different_ids(other):
    """One letter hiding another is a record that is silently lost."""
    assert letter_id(LETTER) != letter_id(replace(LETTER, **other))


def test_a_record_that_fails_again_after_a_replay_keeps_its_history():
    """Its age is what the hospital has to answer for, and its replays show that replaying does not help."""
    _, _, headers = encode_dead_letter(LETTER)
    marked = {**dict(headers), "x-dlq-replay-count": b"4", "x-dlq-replay-id": b"r-1"}.items()
    again = view(replace(LETTER, failed_at=1_800_000_000_000, original_headers=tuple(marked)))
    assert (again.first_failed_at, again.last_failed_at) == (1_700_000_000_000, 1_800_000_000_000)
    assert (again.replay_count, again.replay_id, again.original_headers) == (4, "r-1", LETTER.original_headers)


def test_every_class_has_an_owner():
    """A letter that nobody is asked about stays for ever."""
    assert set(OWNERS) == set(DeadClass)
    assert {owner_of(replace(LETTER, dead_class=each)) for each in DeadClass} <= set(Owner)


@pytest.mark.parametrize(("code", "owner"), [("40003", "clerk"), ("40000", "clerk"), ("40999", "platform"), (None, "platform")])
def test_a_refusal_under_an_unknown_code_is_the_platforms_to_explain(code, owner):
    """A clerk cannot mend what the interface does not describe."""
    assert owner_of(replace(LETTER, platform_code=code)) == owner


@given(st.text(max_size=2_000))
def test_a_message_is_at_most_a_kilobyte_and_whole_characters(text):
    """Brokers and tools choke on large headers; half a Chinese character is mojibake."""
    told = safe_message(text)
    assert len(told.encode()) <= MAX_MESSAGE_BYTES
    assert "\ufffd" not in told or "\ufffd" in text


def test_a_long_message_keeps_its_beginning():
    """The reason stands at the beginning."""
    assert safe_message("错" * 500) == "错" * 341


def test_nothing_personal_is_in_any_header():
    """Headers are shown, exported and kept without the protection of the content."""
    said = f"身份证{CANARY_ID} 电话{CANARY_PHONE} 姓名：{CANARY_NAME} 有误"
    row = replace(LETTER.row, key=("1", CANARY_ID), visit_key=CANARY_PHONE, record_key=CANARY_ID)
    _, _, headers = encode_dead_letter(replace(LETTER, message=said, record_key=CANARY_ID, row=row))
    told = b"\n".join(value for _, value in headers).decode()
    assert all(canary not in told for canary in (CANARY_ID, CANARY_PHONE, CANARY_NAME))
    assert "有误" in told


def test_a_long_quoted_number_is_masked_before_the_cut():
    """Cut first, the beginning of an ID number has no shape any more and would stay."""
    told = safe_message("错" * 338 + CANARY_ID)
    assert CANARY_ID[:10] not in told


def test_a_message_of_somebody_else_is_no_dead_letter():
    """Anybody may write to a topic; a letter without an id cannot be replayed or closed."""
    with pytest.raises(Rejected, match="x-dlq-id"):
        read_dead_letter(Message(key=None, value=b"{}", headers=[("seq", b"1")]))


@given(st.lists(st.tuples(st.sampled_from(["x-dlq-id", "x-dlq-attempts", "x-dlq-first-failed-at"]), st.binary(max_size=6))))
def test_damaged_headers_do_not_break_the_reading(headers):
    """One bad message must not hide all others."""
    letter = read_dead_letter(Message(key=None, value=None, headers=[("x-dlq-id", b"1"), *headers, ("x-dlq-id", b"1")]))
    assert letter.id == "1"


def test_an_interface_record_is_shown_with_personal_fields_masked():
    """The clerk needs the record, the screen must not show the patient."""
    assert masked_document(view(LETTER)).record == {"SETL_ID": "S1", "PSN_NAME": "欧**", "CERTNO": "510***********541X"}


def test_a_member_that_the_service_does_not_have_is_not_shown():
    """What is not a field has no known meaning."""
    odd = replace(LETTER, value=orjson.dumps({"SETL_ID": "S1", "patient": CANARY_NAME, "PSN_NAME": [CANARY_NAME, CANARY_NAME]}))
    assert masked_document(view(odd)).record == {"SETL_ID": "S1", "patient": "***", "PSN_NAME": "***"}


def document(**columns):
    violation = {
        "field": "PSN_NAME",
        "rule": "REQUIRED",
        "level": "refuse",
        "class": "VALIDATION",
        "clause": "§3.3.2 #3",
        "masked": "",
        "message": "姓名必填",
    }
    return replace(
        LETTER,
        stage="join",
        dead_class=DeadClass.VALIDATION,
        value=orjson.dumps({"service": "setl_d", "rows": {"settlement": columns}, "violations": [violation]}),
    )


def test_of_source_rows_only_the_columns_are_shown():
    """A hospital's columns have names of its own; nobody knows which holds a name."""
    shown = masked_document(view(document(hz_name=CANARY_NAME, hz_sfz=CANARY_ID, remark=None)))
    assert shown.rows == {"settlement": {"hz_name": "***", "hz_sfz": "***", "remark": "NULL"}}
    assert [(each.field, each.rule, each.message) for each in shown.violations] == [("PSN_NAME", "REQUIRED", "姓名必填")]


@given(st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"[]", b'{"rows":[]}', b'{"rows":{"visit":7}}', b'"x"'])))
def test_of_bytes_that_nobody_could_read_only_the_size_is_shown(value):
    """They may be anything, a patient's name among them."""
    shown = masked_document(view(replace(LETTER, stage="join", value=value)))
    assert (dict(shown.record), [row for row in shown.rows.values() if row]) == ({}, [])
