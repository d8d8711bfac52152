"""An answer that says two things is no answer: it settles no record, holds the lane at once, and says what contradicts what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.causes import OUTCOME_UNKNOWN, HoldCause
from streams.deliver.verdict import Accepted, Held, Refused
from streams.mapping.answering import Answers
from streams.spec.answers import ANSWERS
from streams.spec.profiles import REPORTING
from tests.unit.streams.deliver.judging import judge, outcome

CERTNO = "51010219381005541X"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": 200, "infcode": 40003}, "held two_codes"),
        ({"infcode": "40003", "code": "200"}, "held two_codes"),
        ({"code": 0, "status": 200}, "held two_codes"),
        ({"code": 40000, "resultCode": "40003"}, "held two_codes"),
        ({"code": "E1001", "status": 200}, "held two_codes"),
        ('{"code": 200, "code": 40003}', "held doubled_member"),
        ('{"code": 40003, "message": "甲", "message": "乙"}', "held doubled_member"),
        ('{"code": 200, "data": {"n": 1, "n": 2}}', "held doubled_member"),
        ({"code": 200, "success": False}, "held mixed_answer"),
        ({"code": 200, "isSuccess": "false"}, "held mixed_answer"),
        ({"code": 200, "success": 0}, "held mixed_answer"),
        ({"code": 200, "status": "FAILED"}, "held mixed_answer"),
        ({"code": 200, "message": "数据入库失败"}, "held mixed_answer"),
        ({"code": 200, "msg": "成功2条,失败1条"}, "held mixed_answer"),
        ({"code": 200, "message": "Internal Server Error"}, "held mixed_answer"),
        ({"code": 200, "error": "timeout"}, "held mixed_answer"),
        ({"code": 200, "errors": [{"row": 1}]}, "held mixed_answer"),
        ({"code": 200, "failCount": 3}, "held mixed_answer"),
        ({"code": 200, "errcode": "ACG.0500"}, "held mixed_answer"),
        ({"code": 200, "data": {"success": False}}, "held mixed_answer"),
        ({"code": 200, "data": {"err_msg": "第1行有误"}}, "held mixed_answer"),
        ({"code": 40003, "success": True}, "held mixed_answer"),
        ({"code": 40003, "message": "操作成功"}, "held mixed_answer"),
        ({"code": 200, "data": {"code": 40003}}, "held code_inside"),
        ({"code": 200, "data": [{"infcode": "1"}, {"infcode": "200"}]}, "held code_inside"),
        ({"code": 200, "data": '{"code": 40003}'}, "held code_inside"),
        ({"code": 50000, "result": {"code": 200}}, "held code_inside"),
        ({"data": {"code": 200}}, "held code_inside"),
        ({"message": "成功", "output": {"infcode": "40003"}}, "held code_inside"),
        (r'"{\"code\":200,\"message\":\"成功\"}"', "held json_in_string"),
        (r'"{\"code\":40003}"', "held json_in_string"),
    ],
    ids=str,
)
def test_an_answer_that_says_two_things_is_held(body, expected):
    """Each of these would get a receipt if its first code were believed, or a dead letter: and nobody would ever look again."""
    assert expected == outcome(judge(body))
    assert judge(body).leaves_open


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": 200, "infcode": "200", "status": " 200 "}, "accepted 200"),
        ({"code": 200, "status": "success", "success": True, "message": "操作成功", "data": None}, "accepted 200"),
        ({"code": "200", "success": "true", "result": {"code": 200, "message": "成功"}}, "accepted 200"),
        ({"code": 200, "errcode": 0, "errmsg": "ok", "errors": [], "error": None, "failCount": 0}, "accepted 200"),
        ({"code": 200, "errorCode": "0000", "err_msg": "数据接收成功"}, "accepted 200"),
        ({"code": 200, "message": "接收成功10条，失败0条"}, "accepted 200"),
        ({"code": 200, "message": "success, 0 errors"}, "accepted 200"),
        ({"code": 200, "message": "校验无错误"}, "accepted 200"),
        ({"code": 200, "data": {"rows": 3, "list": [{"name": "x"}]}}, "accepted 200"),
        ({"code": 40003, "success": False, "status": "error", "error": "格式"}, "refused 40003"),
        ({"code": 40003, "message": "操作不成功：格式错误"}, "refused 40003"),
        ({"code": 40000, "message": "该记录已上传成功，不能重复上传"}, "refused 40000"),
        ({"code": 40000, "message": "操作未成功"}, "refused 40000"),
        ({"code": 200, "error": "false", "exception": False}, "accepted 200"),
        ({"code": 40000, "data": [{"code": 40003, "msg": "第1行"}]}, "refused 40000"),
        ({"code": 40005, "success": False, "err_msg": "请勿重复提交"}, "accepted 40005 again"),
        ({"code": 40002, "success": True}, "held answer_code"),
    ],
    ids=str,
)
def test_what_says_one_thing_in_many_ways_is_believed(body, expected):
    """A lane that is held for a polite "0 errors" stands for nothing."""
    assert expected == outcome(judge(body))


@pytest.mark.parametrize(("status", "code"), [(302, 200), (301, 40003), (307, 40005), (308, 50000), (300, 40999)])
def test_a_code_beside_a_redirect_is_held(status, code):
    """Whoever answers there says at once that it is somebody else who decides."""
    assert "held redirect_answered" == outcome(judge({"code": code}, status=status))


@pytest.mark.parametrize("code", [0, 1, -1, 201, 500, 39999, 40007, 40999, 50001, 60000, 10**15, "E-17", "0x1", "成功", True])
def test_a_code_that_no_table_knows_is_held_with_its_words(code):
    """Tried again without a word, it stops the lane and nobody knows; taken for a refusal, it empties a hospital into the dead
    letters.
    """
    found = judge({"code": code, "message": "机构未备案"})
    assert (Held, HoldCause.UNKNOWN_CODE) == (type(found), found.cause)
    assert "机构未备案" in found.message


def test_code_0_and_success_are_told_as_they_stand():
    """Whoever reads it must be able to write `accepted: [\"0\"]` without looking at the wire."""
    found = judge({"code": "0000", "message": "成功"})
    assert ("unknown_code", "0", "no table knows code 0. It says: 成功", 200) == (
        found.cause,
        found.code,
        found.message,
        found.http_status,
    )


@pytest.mark.parametrize("code", [CERTNO, 13800138000, "138 0013 8000", "欧阳锋", "x" * 40])
def test_what_stands_in_the_place_of_a_code_may_be_a_persons_number(code):
    """Codes go into events and counts."""
    told = repr(judge({"code": code, "message": f"证件号 {CERTNO}"}))
    assert all(part not in told for part in (f"{code}", CERTNO))


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"code": 200, "success": False}, 200, "code 200 is success, but `success` is false"),
        ({"code": 200, "err_msg": "x"}, 200, "code 200 is success, but `err_msg` is not empty"),
        ({"code": 200, "status": "FAILED"}, 200, "code 200 is success, but the word in `status` tells of a failure"),
        ({"code": 200, "msg": "失败"}, 200, "code 200 is success, but the words of `msg` tell of a failure. It says: 失败"),
        ({"code": 200}, 500, "code 200 is success, but the HTTP status is 500"),
    ],
    ids=str,
)
def test_what_contradicts_success_is_said_in_a_whole_sentence(body, status, why):
    """It is read out over the telephone to the platform's people."""
    assert why == judge(body, status=status).message.removesuffix(". It says: x")


@pytest.mark.parametrize("name", [f"err_{CERTNO}", "error欧阳锋"])
def test_a_members_name_is_told_only_where_it_is_plain(name):
    """The platform chooses it."""
    found = judge({"code": 200, name: "x"})
    assert HoldCause.MIXED_ANSWER == found.cause
    assert name not in found.message


def test_only_holds_of_unread_answers_leave_the_outcome_open():
    """What counts against the platform's memory must be what it may have taken."""
    assert {HoldCause.UNKNOWN_CODE, HoldCause.TWO_CODES, HoldCause.MIXED_ANSWER} <= OUTCOME_UNKNOWN
    assert not judge({"code": 40002}).leaves_open
    assert not judge({"code": "40002", "status": 1}).took_nothing


CODES = st.sampled_from([*ANSWERS, 200, 40003, 0, "0000", "OK", "FAIL", 77, None, True])


def is_known(code):
    """Whether the interface's table has it."""
    return f"{code}" in {f"{one}" for one in (*ANSWERS, 200, 40003)}


@given(
    top=st.dictionaries(st.sampled_from(REPORTING.code_names), CODES, max_size=3),
    inside=st.dictionaries(st.sampled_from(REPORTING.code_names), CODES, max_size=2),
    success=st.sampled_from([None, True, False, "true", "false"]),
    status=st.sampled_from([200, 202, 302, 400]),
)
def test_whatever_settles_a_record_is_contradicted_by_nothing(top, inside, success, status):
    """The law behind the cases: an independent reading of all codes and flags agrees with each acceptance and refusal."""
    found = judge({**top, "data": inside, "success": success}, status=status)
    if not isinstance(found, Accepted | Refused):
        return
    # An unknown number in a `status` further inside is the state of something: it contradicts 200 alone.
    says = [code for name, code in inside.items() if name != "status" or found.code == "200" or is_known(code)]
    numbers = {int(code) for code in (*top.values(), *says) if str(code).isdigit() and code is not True}
    refusing = {40000, 40001, 40003}
    assert numbers <= refusing if isinstance(found, Refused) else len(numbers) == 1
    assert not 300 <= status < 400
    if found.code == "200":
        assert success not in (False, "false")
        assert "FAIL" not in (*top.values(), *inside.values())
        assert status < 300
    if isinstance(found, Refused):
        assert success not in (True, "true")


def test_what_an_answer_says_is_remembered_for_the_profile_that_read_it():
    """The same words mean success on one platform and nothing on another, and one process may read both."""
    body = {"code": 777, "message": "成功"}
    site = Answers(accepted=("777",)).profile()
    for _ in range(2):
        assert "held unknown_code" == outcome(judge(body))
        assert "accepted 777" == outcome(judge(body, profile=site))
        elsewhere = replace(REPORTING, code_names=("status",))
        assert "retry no_code" == outcome(judge(body, profile=elsewhere))
