"""Masking: what a clerk, a log or a screenshot shows of a patient."""

import ast
import re
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.spec.interface import PERSONAL
from streams.spec.masking import mask, mask_text

STREAMS = Path(__file__).parents[4] / "streams"

FIELDS = [*sorted(PERSONAL), "MEMO", "MAIN_COND_DSCR", "MDTRT_ID", "MEDFEE_SUMAMT"]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("CERTNO", "51010219381005541X", "510***********541X"),
        ("CERTNO", "110105491231002", "110********1002"),
        ("CERTNO", "H12345678", "***"),
        ("MDTRT_CERT_NO", "51010219381005541X", "510***********541X"),
        ("MDTRT_CERT_NO", "AB1234567", "***"),
        ("TEL", "13812345678", "138****5678"),
        ("TEL", "8223456", "***"),
        ("PSN_NAME", "张三", "张*"),
        ("PSN_NAME", "欧阳询之", "欧***"),
        ("PSN_NAME", "张", "***"),
        ("CONER_NAME", "李四光", "李**"),
        ("ADDR", "上饶市信州区1号", "***"),
        ("EMP_NAME", "上饶市第一小学", "***"),
        ("PSN_NAME", "", ""),
        ("MDTRT_ID", "361102202401160001", "361102202401160001"),
        ("MEDFEE_SUMAMT", "100.00", "100.00"),
        ("MEMO", "家属电话13812345678", "家属电话138****5678"),
    ],
)
def test_a_field_shows_no_more_than_its_kind_allows(field, value, shown):
    """Identity numbers and phones show 3 and 4, names the surname, the rest nothing. Visit numbers look like IDs and are not."""
    assert shown == mask(field, value)


@given(st.sampled_from(FIELDS), st.text(max_size=60))
def test_masking_a_field_twice_changes_nothing(field, value):
    """A value crosses several borders, each of which masks."""
    once = mask(field, value)
    assert once == mask(field, once)


@given(st.sampled_from(sorted(PERSONAL)), st.text(alphabet=string.ascii_letters + string.digits, min_size=8, max_size=60))
def test_a_personal_field_never_shows_its_middle(field, value):
    """Whatever a hospital writes into the field, at most its first 3 and last 4 characters are seen."""
    shown = mask(field, value)
    assert shown.count("*") >= min(len(shown), len(value) - 7)
    assert shown.replace("*", "") in {"", value[0], value[:3] + value[-4:]}


@given(st.sampled_from(sorted(PERSONAL)), st.text(min_size=1, max_size=60))
def test_a_personal_field_is_never_shown_whole(field, value):
    """A short value is the case that a rule about ends forgets."""
    assert value != mask(field, value) or set(value) <= {"*"} or set(value[1:]) == {"*"}


resident_ids = st.builds(
    lambda area, year, month, day, tail, last: f"{area}{year}{month:02d}{day:02d}{tail:03d}{last}",
    st.integers(110000, 829999),
    st.integers(1800, 2099),
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 999),
    st.sampled_from("0123456789Xx"),
)
mobiles = st.builds(lambda second, rest: f"1{second}{rest:09d}", st.integers(3, 9), st.integers(0, 999_999_999))
around = st.text(alphabet="xyzXYZ ,.:[]{}'为的是号错误，。（）", max_size=20)


@given(around, st.one_of(resident_ids, mobiles), around)
def test_a_number_in_a_message_never_shows_its_middle(before, number, after):
    """Platforms quote the offending record in their refusals, and those go to the dead letters."""
    assert before + number[:3] + "*" * (len(number) - 7) + number[-4:] + after == mask_text(before + number + after)


LABELS = ["姓名", "患者", "PSN_NAME", "certno", "TEL", "地址", "ADDR"]
VALUES = ["张三", "不能为空", "13812345678", "51010219381005541X", "上饶", "A B", "86"]
fragments = st.sampled_from([*LABELS, *VALUES, *(':：[]" ,，\\为\n*-')])


@example("TEL:000000AADDR:0")
@given(st.one_of(st.text(max_size=80), st.lists(fragments, max_size=14).map("".join)))
def test_masking_a_message_twice_changes_nothing(text):
    """A message is masked when it arrives and again when it is shown."""
    once = mask_text(text)
    assert once == mask_text(once)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("人员姓名[张三丰]的证件号码[51010219381005541X]格式错误", "人员姓名[张**]的证件号码[510***********541X]格式错误"),
        ('{"PSN_NAME":"张三","TEL":"8223456","ADDR":"上饶市 1号"}', '{"PSN_NAME":"张*","TEL":"***","ADDR":"***"}'),
        (r"{\"PSN_NAME\":\"张三\"}", r"{\"PSN_NAME\":\"张*\"}"),
        ("患者：张三，电话138-1234-5678", "患者：张*，电话138******5678"),
        ("联系人姓名: John Smith wrong", "联系人姓名: J********* wrong"),
        ("手机号+8613812345678", "手机号+86*******5678"),
        ("address ADDR=江西省 上饶市，too long", "address ADDR=***，too long"),
        ("15位110105491231002号", "15位110********1002号"),
        ("姓名不能为空", "姓名不能为空"),
        ("姓名 不能为空", "姓名 不能为空"),
        ("PSN_NAME长度超过50", "PSN_NAME长度超过50"),
        ("字段CERTNO校验失败", "字段CERTNO校验失败"),
        ("msgid H36110200001202401161200000001 repeated", "msgid H36110200001202401161200000001 repeated"),
        ("SETL_ID 1234567890 not found", "SETL_ID 1234567890 not found"),
    ],
)
def test_a_message_keeps_its_meaning_and_loses_its_person(text, shown):
    """A clerk must still be able to read what is wrong."""
    assert shown == mask_text(text)


def _our_words():
    """Every Chinese text in the code of the stages, `5` where a value is put in."""
    for file in sorted(STREAMS.rglob("*.py")):
        if file.is_relative_to(STREAMS / "sandbox") or file.is_relative_to(STREAMS / "spec"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=parts):
                    text = "".join(str(part.value) if isinstance(part, ast.Constant) else "5" for part in parts)
                case ast.Constant(value=str(text)):
                    pass
                case _:
                    continue
            if re.search("[\u4e00-\u9fff]", text):
                yield f"{file.name}:{node.lineno}", text


def test_our_own_words_to_clerks_are_never_taken_for_a_person():
    """A message reaches the clerk through `mask_text`; "证件号码是…" would become stars there and teach nobody anything."""
    words = dict(_our_words())
    assert len(words) > 60
    assert {} == {where: mask_text(text) for where, text in words.items() if mask_text(text) != text}
