"""Platforms quote the record they refuse; what they quote must not reach logs, headers and screens."""

import json

import orjson
import pytest

from streams.deliver.echo import without_echo
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES
from tests.unit.streams.ready_records import ready_record

PERSON = {
    "MDTRT_ID": "V20240501",
    "PSN_NAME": "欧阳锋",
    "CERTNO": "51010219381005541X",
    "TEL": "02885551234",
    "ADDR": "白驼山路七号",
    "CONER_NAME": "欧阳克",
    "EMP_NAME": "白驼山庄",
    "MDTRT_CERT_NO": "A12345678",
}
VISIT = SERVICES[ServiceCode.VISIT]
PERSONAL = sorted({field.name for field in VISIT.fields if field.personal} & set(PERSON))


def record(value):
    return ready_record(value=value, service=ServiceCode.VISIT)


def test_the_fields_that_this_is_about_are_personal():
    """Without them the next test would pass by saying nothing."""
    assert {"PSN_NAME", "CERTNO", "ADDR", "TEL"} <= set(PERSONAL)


@pytest.mark.parametrize("name", PERSONAL)
def test_no_personal_value_of_a_record_stays_in_the_platforms_words(name):
    """Names and addresses have no shape: only the record itself tells that they are personal."""
    words = f"第1条校验失败:{PERSON[name]},请检查{PERSON[name]}的数据"
    told = without_echo(words, [record(orjson.dumps(PERSON))], VISIT)
    assert PERSON[name] not in told
    assert "校验失败" in told


@pytest.mark.parametrize("name", PERSONAL)
@pytest.mark.parametrize("written", [str.lower, str.upper, lambda text: text], ids=["lower", "upper", "as it is"])
def test_a_value_is_found_where_json_was_quoted_as_text(name, written):
    """Some servers write every Chinese character as an escape, and a quoted record then is a text of escapes."""
    quoted = written(json.dumps(PERSON[name])[1:-1])
    told = without_echo(f"校验失败:[{{{quoted}}}]", [record(orjson.dumps(PERSON))], VISIT)
    assert quoted not in told
    assert quoted[6:] not in told
    assert told.startswith("校验失败:[{")


def test_a_value_with_backslashes_is_replaced_as_it_stands():
    """A pattern in a name must not break the answer."""
    person = {**PERSON, "ADDR": r"a\1(b\g<0>"}
    told = without_echo(r"地点 a\1(b\g<0> 不存在", [record(orjson.dumps(person))], VISIT)
    assert told == "地点 *** 不存在"


def test_ids_stay_readable():
    """The clerk has to find the visit."""
    words = "就诊 V20240501 无效"
    assert without_echo(words, [record(orjson.dumps(PERSON))], VISIT) == words


def test_a_longer_value_is_masked_before_one_that_it_contains():
    """Masked from the inside, the rest of a value would remain."""
    person = {**PERSON, "EMP_NAME": "欧阳锋医馆连锁"}
    assert "医馆" not in without_echo("单位 欧阳锋医馆连锁 不存在", [record(orjson.dumps(person))], VISIT)


@pytest.mark.parametrize("value", [b"", b"not JSON", b"[]", b'{"PSN_NAME":7}'], ids=repr)
def test_a_record_that_cannot_be_read_does_not_stop_the_lane(value):
    """Its words are still masked as free text is."""
    assert "13800138000" not in without_echo("电话13800138000", [record(value)], VISIT)
