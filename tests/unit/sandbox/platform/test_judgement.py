"""The judge of all end-to-end tests is itself judged here: every kind of violation of §3.2.1 and §3.3, one at a time."""

import json
from dataclasses import replace
from datetime import date, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.platform.answers import Answer, Code, Shape
from sandbox.platform.envelope import Envelope, Registry, judge_envelope
from sandbox.platform.rows import Row, Rules, is_refused_key, judge_format, judge_rows, split_rows
from sandbox.platform.values import judge_value
from streams.spec.dictionaries import load_dictionaries
from streams.spec.fields import FieldKind, ServiceCode
from streams.spec.infno import ALTERNATIVES
from streams.spec.interface import SERVICES

HOSPITAL = "H36110200001"
CLOSED = {name: frozenset(item.codes) for name, item in load_dictionaries(None).items() if item.closed}
FEE = SERVICES[ServiceCode.FEE]
FIELDS = {field.name: field for field in FEE.fields}
RULES = Rules(services=SERVICES, closed=CLOSED)
REGISTRY = Registry(
    institutions={HOSPITAL: "第一人民医院"}, infno={service: frozenset(numbers) for service, numbers in ALTERNATIVES.items()}
)
GOOD_FEE = {
    "BKKP_SN": "F1",
    "MDTRT_ID": "V1",
    "FEE_OCUR_TIME": "2024-02-29 23:59:59",
    "SETL_ID": "S1",
    "FIXMEDINS_CODE": HOSPITAL,
    "FIXMEDINS_NAME": "第一人民医院",
    "PSN_NO": "P1",
    "PSN_INSU_RLTS_ID": "R1",
    "INSU_ADMDVS": "361102",
    "PAY_LOC": "2",
    "MED_TYPE": "11",
    "CNT": "3",
    "PRIC": "1.255",
    "DET_ITEM_FEE_SUMAMT": "3.77",
    "CHRGITM_LV": "01",
    "HILIST_CODE": "XA01",
    "HILIST_NAME": "药",
    "LIST_TYPE": "101",
    "MED_LIST_CODG": "XA01",
    "MEDINS_LIST_CODG": "A1",
    "MEDINS_LIST_NAME": "药",
    "MED_CHRGITM_TYPE": "09",
}
ENVELOPE = {
    "infno": "2204",
    "msgid": HOSPITAL + "20240229120000" + "000000",
    "fixmedins_code": HOSPITAL,
    "fixmedins_name": "第一人民医院",
    "data": "00",
}


def row(**changes):
    values = {name: value for name, value in {**GOOD_FEE, **changes}.items() if value is not ...}
    return Row(text=json.dumps(values, ensure_ascii=False, separators=(",", ":")), values=values)


def judged(*rows, rules=RULES):
    outcome = judge_rows(rows, service=FEE, institution=HOSPITAL, rules=rules)
    return None if outcome is None else (outcome[0].code, outcome[1].kind)


def test_a_right_record_passes():
    """Without this every refusal below would prove nothing."""
    assert judged(row()) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"CNT": ...}, "MISSING"),
        ({"CNT": ""}, "MISSING"),
        ({"PSN_NO": "  "}, "MISSING"),
        ({"CNT": 3}, "TYPE"),
        ({"CNT": None}, "TYPE"),
        ({"CNT": ["3"]}, "TYPE"),
        ({"RX_DRORD_NO": None}, "TYPE"),
        ({"PSN_NO": "字" * 31}, "LENGTH"),
        ({"CNT": "1e3"}, "DECIMAL"),
        ({"CNT": "+3"}, "DECIMAL"),
        ({"CNT": "3."}, "DECIMAL"),
        ({"CNT": ".5"}, "DECIMAL"),
        ({"CNT": "03"}, "DECIMAL"),
        ({"CNT": " 3"}, "DECIMAL"),
        ({"CNT": "1,000"}, "DECIMAL"),
        ({"CNT": "٣"}, "DECIMAL"),
        ({"CNT": "NaN"}, "DECIMAL"),
        ({"CNT": "3\n"}, "DECIMAL"),
        ({"CNT": "1.00001"}, "DECIMAL"),
        ({"CNT": "1234567890123"}, "DECIMAL"),
        ({"FEE_OCUR_TIME": "2023-02-29 00:00:00"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "2024-2-29 00:00:00"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "2024-02-29T00:00:00"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "2024-02-29 24:00:00"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "2024-02-29 00:00"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "2024-02-29"}, "DATETIME"),
        ({"FEE_OCUR_TIME": "0000-00-00 00:00:00"}, "DATETIME"),
        ({"SURPRISE": "1"}, "UNKNOWN"),
        ({"FIXMEDINS_CODE": "H36110200002"}, "INSTITUTION"),
    ],
)
def test_every_breach_of_form_is_refused(changes, kind):
    """One judge that lets one kind through hides that kind of mistake in every test that trusts it."""
    assert judged(row(**changes)) == (Code.MALFORMED, kind)


@pytest.mark.parametrize(
    "changes",
    [
        {"PSN_NO": "字" * 30},
        {"CNT": "-3", "DET_ITEM_FEE_SUMAMT": "-3.77"},
        {"CNT": "3.0000"},
        {"CNT": "123456789012.1234", "PRIC": "0.01", "DET_ITEM_FEE_SUMAMT": "1234567890.12"},
        {"RX_DRORD_NO": ""},
        {"RX_DRORD_NO": "D1", "CRTE_TIME": "2024-12-31 00:00:00"},
        {"DET_ITEM_FEE_SUMAMT": "3.76"},
        {"DET_ITEM_FEE_SUMAMT": "3.78"},
    ],
)
def test_the_edges_pass(changes):
    """Longest, most precise, negative, empty optional, one cent off: refusing what is right would blame the sender wrongly."""
    assert judged(row(**changes)) is None


def test_a_code_outside_a_closed_dictionary_is_refused_and_outside_an_open_one_not():
    """Only a list known to be complete can refuse."""
    assert judged(row(PAY_LOC="zz"), rules=replace(RULES, closed={"PAY_LOC": frozenset({"2"})})) == (Code.MALFORMED, "CODE")
    assert judged(row(PAY_LOC="9"), rules=replace(RULES, closed={})) is None


def test_a_line_total_more_than_a_cent_off_is_a_business_refusal():
    """R1: the platform's first look at money."""
    assert judged(row(DET_ITEM_FEE_SUMAMT="3.79")) == (Code.REFUSED, "R1")


def test_a_frozen_item_refuses_the_whole_batch_without_saying_which_record():
    """The sender must find the record by itself: that is what bisecting is for."""
    rules = replace(RULES, frozen_items=frozenset({"XB02"}))
    outcome = judge_rows([row(), row(BKKP_SN="F2", HILIST_CODE="XB02")], service=FEE, institution=HOSPITAL, rules=rules)
    assert outcome is not None
    assert outcome[0].code is Code.REFUSED
    assert "2" not in outcome[0].text
    assert "F2" not in outcome[0].text


def test_a_refusal_names_the_record_only_where_it_may():
    """Both kinds of platform exist; tests choose."""
    bad = row(BKKP_SN="F2", CNT="x")
    for anonymous, named in ((True, False), (False, True)):
        outcome = judge_rows([row(), bad], service=FEE, institution=HOSPITAL, rules=replace(RULES, anonymous=anonymous))
        assert outcome is not None
        assert ("第2条记录" in outcome[0].text) is named
        assert "CNT" in outcome[0].text


def test_a_key_twice_in_one_batch_is_refused():
    """Which of the two would count is not defined, so a sender must put a correction into a later batch."""
    assert judged(row(), row(CNT="6", DET_ITEM_FEE_SUMAMT="7.53")) == (Code.MALFORMED, "REPEATED")


def test_the_share_rule_refuses_the_same_keys_every_time_and_about_its_share():
    """A refusal that came and went would make bisecting meaningless."""
    refused = [key for key in map(str, range(20_000)) if is_refused_key(key, percent=2, seed=7)]
    assert 300 <= len(refused) <= 500
    assert judged(row(BKKP_SN=refused[0]), rules=replace(RULES, refuse_percent=2, seed=7)) == (Code.REFUSED, "SHARE")
    assert not any(is_refused_key(key, percent=0, seed=7) for key in refused)


@given(
    whole=st.integers(min_value=0, max_value=10**14 - 1),
    fraction=st.text(alphabet="0123456789", max_size=4),
    minus=st.booleans(),
)
def test_every_decimal_within_its_digits_passes_and_one_digit_more_does_not(whole, fraction, minus):
    """`16,4` is 12 digits and 4 decimals, however the number is written in plain text."""
    text = ("-" if minus else "") + str(whole) + ("." + fraction if fraction else "")
    fits = len(str(whole)) <= 12
    assert (judge_value(FIELDS["CNT"], text, {}) is None) is fits
    assert judge_value(FIELDS["CNT"], f"{text if '.' in text else text + '.'}00000", {}) is not None


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_number_passes_in_scientific_notation(number):
    """`str(Decimal)` writes an exponent when it likes; the interface knows none."""
    assert judge_value(FIELDS["CNT"], f"{number:E}", {}) is not None


@given(st.dates(min_value=date(1900, 1, 1)))
def test_every_day_of_the_calendar_passes_in_its_one_form(day):
    """yyyy-MM-dd with zeros, and nothing that only looks like it."""
    birth = next(field for field in SERVICES[ServiceCode.VISIT].fields if field.kind is FieldKind.DATE)
    assert judge_value(birth, day.isoformat(), {}) is None
    assert judge_value(birth, f"{day.year}-{day.month}-{day.day}", {}) is not None or (day.month > 9 and day.day > 9)
    assert judge_value(birth, day.strftime("%Y%m%d"), {}) is not None
    assert judge_value(birth, f"{day.isoformat()} 00:00:00", {}) is not None


@given(st.datetimes(min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 - the interface knows no zones
def test_every_second_passes_and_no_fraction_of_one(moment):
    """A fraction or a zone in a time is a decoder that leaked."""
    text = moment.replace(microsecond=0).isoformat(sep=" ")
    assert judge_value(FIELDS["FEE_OCUR_TIME"], text, {}) is None
    assert judge_value(FIELDS["FEE_OCUR_TIME"], text + ".000", {}) is not None
    assert judge_value(FIELDS["FEE_OCUR_TIME"], text + "+08:00", {}) is not None


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=4), min_size=1, max_size=5))
def test_records_are_cut_out_of_the_array_byte_for_byte(records):
    """The content hash in the journal is compared with the sender's: over the very bytes, whatever the text holds."""
    texts = [orjson.dumps(record) for record in records]
    rows = split_rows(b"[" + b",".join(texts) + b"]")
    assert isinstance(rows, list)
    assert [cut.text.encode() for cut in rows] == texts


@pytest.mark.parametrize(
    ("plain", "code"),
    [
        (b"", Code.UNREADABLE),
        (b"{}", Code.UNREADABLE),
        (b'["a"]', Code.UNREADABLE),
        (b'[{"a":NaN}]', Code.UNREADABLE),
        (b'[{"a":"1"},]', Code.UNREADABLE),
        (b'[{"a":"\xff"}]', Code.UNREADABLE),
        (b'\xef\xbb\xbf[{"a":"1"}]', Code.UNREADABLE),
        (b'[{"a":"1","a":"2"}]', Code.UNREADABLE),
        (b'[{"a":' + b"[" * 1015 + b"]" * 1015 + b"}]", Code.UNREADABLE),
        (b"[]", Code.MALFORMED),
        (b"[" + b",".join([b"{}"] * 101) + b"]", Code.MALFORMED),
    ],
)
def test_what_is_no_array_of_records_is_refused(plain, code):
    """40001 says that nothing could be read, 40003 that it was read and is wrong."""
    outcome = split_rows(plain)
    assert isinstance(outcome, Answer)
    assert outcome.code is code


def test_an_envelope_in_order_is_read():
    """Without this every refusal below would prove nothing."""
    envelope = judge_envelope("fee_list_d", orjson.dumps(ENVELOPE), REGISTRY)
    assert isinstance(envelope, Envelope)
    assert (envelope.service, envelope.msgid) == (ServiceCode.FEE, ENVELOPE["msgid"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"infno": ...}, Code.MALFORMED),
        ({"infno": "22044"}, Code.MALFORMED),
        ({"infno": "2207"}, Code.MALFORMED),
        ({"infno": 2204}, Code.MALFORMED),
        ({"msgid": HOSPITAL}, Code.MALFORMED),
        ({"msgid": HOSPITAL + "a" * 21}, Code.MALFORMED),
        ({"msgid": "H36110200002" + "a" * 20}, Code.MALFORMED),
        ({"msgid": HOSPITAL + "a-b"}, Code.MALFORMED),
        ({"msgid": HOSPITAL + "号"}, Code.MALFORMED),
        ({"data": [GOOD_FEE]}, Code.MALFORMED),
        ({"data": ""}, Code.MALFORMED),
        ({"data": "0" * 50_001}, Code.MALFORMED),
        ({"sign": "x"}, Code.MALFORMED),
        ({"fixmedins_name": "院" * 101}, Code.MALFORMED),
        ({"fixmedins_name": "第二人民医院"}, Code.UNAUTHORISED),
        ({"fixmedins_code": "H36110200009", "msgid": "H36110200009" + "a" * 20}, Code.UNAUTHORISED),
    ],
)
def test_every_breach_of_the_envelope_is_refused(changes, code):
    """The envelope is the one part that the sender writes without a mapping: a slip here stops everything."""
    body = {name: value for name, value in {**ENVELOPE, **changes}.items() if value is not ...}
    outcome = judge_envelope("fee_list_d", orjson.dumps(body), REGISTRY)
    assert isinstance(outcome, Answer)
    assert outcome.code is code


def test_data_of_exactly_50000_characters_is_not_too_long():
    """§3.2.1: the limit itself is allowed."""
    outcome = judge_envelope("fee_list_d", orjson.dumps({**ENVELOPE, "data": "0" * 50_000}), REGISTRY)
    assert isinstance(outcome, Envelope)


def test_an_unknown_service_is_said_before_anything_else():
    """40004 must reach whoever mistyped a path, even with an empty body."""
    outcome = judge_envelope("fee_list", b"", REGISTRY)
    assert isinstance(outcome, Answer)
    assert outcome.code is Code.NO_SUCH_SERVICE


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_a_body_that_is_no_object_is_malformed(body):
    """A sender that posts a bare array must hear about its form."""
    outcome = judge_envelope("setl_d", body, REGISTRY)
    assert isinstance(outcome, Answer)
    assert outcome.code is Code.MALFORMED


def test_no_answer_ever_repeats_a_value():
    """Answers travel into logs and dead letters: a value in one would be a patient's."""
    secret = "张三丰350102"
    for name in FIELDS:
        for value in (secret * 40, 7, ""):
            outcome = judge_rows([row(**{name: value})], service=FEE, institution=HOSPITAL, rules=RULES)
            assert outcome is None or secret not in outcome[0].text


def test_answers_are_written_in_every_shape_seen():
    """The interface leaves the answer's form open, so a sender must read them all."""
    answer = Answer(code=Code.OK)
    assert orjson.loads(Shape().write(answer)) == {"code": 200, "message": "成功"}
    shape = Shape(code_name="infcode", code_as_text=True, text_name="err_msg")
    assert orjson.loads(shape.write(answer)) == {"infcode": "200", "err_msg": "成功"}


@pytest.mark.parametrize("service", list(ServiceCode))
def test_a_minimal_record_of_every_service_passes(service):
    """All three tables are read, not only the one that the other tests use."""
    sample = {
        FieldKind.TEXT: lambda field: next(iter(sorted(CLOSED.get(field.dictionary or "", {"1"})))),
        FieldKind.DECIMAL: lambda _: "1",
        FieldKind.DATE: lambda _: "1980-01-01",
        FieldKind.DATETIME: lambda _: "2024-01-01 08:00:00",
    }
    values = {field.name: sample[field.kind](field) for field in SERVICES[service].fields if field.required}
    values["FIXMEDINS_CODE"] = HOSPITAL
    record = Row(text=json.dumps(values), values=values)
    assert judge_format(record, service=SERVICES[service], institution=HOSPITAL, closed=CLOSED) is None
