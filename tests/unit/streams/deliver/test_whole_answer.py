"""A receipt rests on an answer in which nothing, at any depth and in any spelling, says something else than success."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.causes import OUTCOME_UNKNOWN
from streams.deliver.members import MOST_DEPTH
from streams.deliver.verdict import Accepted, Held, Refused
from streams.mapping.answering import Answers
from tests.unit.streams.deliver.judging import judge, outcome

CODES = (
    "Code CODE infCode InfCode retCode ret_code RETCODE returnCode resCode rtnCode result_code respCode subCode sub_code bizCode"
    " busiCode statusCode"
)
COUNTS = "rejected rejectCount invalidCount badNum bad saveFailCount fail_cnt errorNum dataErrors failed wrongRows 失败数"
FLAGS = "is_success successful succeed isOk success result flag SUCCESS Is-Success"
CONTRADICTIONS = [
    *({name: value} for name in CODES.split() for value in (40003, "40003", -1)),
    *({name: value} for name in FLAGS.split() for value in (False, "false", "否", "N", "F", -1, "FAIL", "不成功", "入库失败")),
    *({"success": value} for value in (None, "", "0 ", 0, [], {})),
    *({name: value} for name in COUNTS.split() for value in (5, "3", ["x"])),
    *({name: True} for name in ("hasError", "isError", "has_errors")),
    *({name: "x"} for name in ("_error", "innerException", "stackTrace", "exceptionMsg", "errcode", "err", "errDesc")),
    *({name: "数据保存失败"} for name in ("desc", "description", "detail", "reason", "data", "Message", "info", "messages")),
    {"state": "failed"},
    {"outcome": "rejected"},
    {"resp_desc": "失败"},
    {"isPass": "N"},
    {"ifSuccess": False},
    {"isSucc": "F"},
    {"dataStatus": "FAILED"},
    {"notAccepted": 3},
    {"skipped": 2},
    {"data": {"ng": 3}},
    {"severity": "ERROR"},
    {"isValid": 0},
    {"completed": False},
    {"是否成功": "否"},
    {"代码": 40003},
    {"状态": "失败"},
    {"说明": "第3条未入库"},
    {"成功条数": 0},
    {"accepted": False},
    {"accepted": 0},
    {"flag": 0},
    {"data": False},
    {"data": "ERROR: rollback"},
    {"data": ["第1条:成功", "第3条:保存失败"]},
    {"message": ["保存失败"]},
    {"message": {"zh": "保存失败"}},
    {"successNum": 0},
    {"succ_cnt": "0"},
    {"total": 100, "successCount": 0},
    {"total": 10, "success": 7},
    {"total": "10", "successNum": "9"},
    {"trace": "java.lang.NullPointerException: at x"},
    {"code": 40003},
    {"status": 40003},
    {"status": 500},
    {"errors": [{"count": 0}, {"count": 1}]},
]
WORDS = (
    "未成功|不成功|没有成功|部分成功|部分成功，3条未入库|处理中|请稍后重试|服务器繁忙|数据不能为空|字段缺失|非法请求|未授权"
    "|无权限|签名错|解密失败|unsuccessful|not accepted|partially accepted|duplicate|bad request|rolled back|busy|pending"
    "|队列已满，已丢弃|数据未入库|msgid不合规|成功0条|成功0条，3条待处理|上传成功，但校验有3条问题|失败0条，错误3条"
    "|0 failed, 3 invalid|error: 0, rejected 4|no errors but 3 rejected|格式不符|超出长度|失败：10|失败 0.5|失败数:03"
    "|0条失败1条异常|1条失败0条异常|失\u200b败|ＦＡＩＬＥＤ|&#22833;&#36133;|&#x5931;&#x8d25;|%E5%A4%B1%E8%B4%A5|保存失敗"
    "|系统维护中|成功10条，失败10条|isn't saved|操作成功，未发现该机构|提交过于频繁|0 rows accepted"
    "|已忽略3条|数据库连接断开|ORA-00001|提交成功0/10|nok|No"
)
PLAIN = [
    {"data": {"status": 1}},
    {"data": {"status": "01"}},
    {"data": {"status": "已入库"}},
    {"status": "UP"},
    {"errmsg": "正常"},
    {"errorMessage": "无异常"},
    {"errorMsg": "无"},
    {"errorMsg": "处理完毕"},
    {"level": "INFO", "outcome": "stored"},
    {"总数": 3, "成功数": "3", "失败数": 0},
    {"error": "没有错误"},
    {"failRate": "0.00"},
    {"failRate": "0%"},
    {"errors": {"count": 0}},
    {"errors": {"count": "0", "list": [], "message": "无"}},
    {"exceptionInfo": [None]},
    {"failover": "node1"},
    {"errCode": "0"},
    {"error_code": "00000"},
    {"errorCode": 200},
    {"retCode": 0},
    {"returnCode": "0000"},
    {"subCode": "SUCCESS"},
    {"statusCode": 200},
    {"Code": 200},
    {"success": True, "result": None},
    {"success": "是"},
    {"success": "操作成功"},
    {"success": 12},
    {"total": 12, "success": 12, "fail": 0},
    {"total": "12", "succ_cnt": "12"},
    {"hasError": False, "isError": "false"},
    {"data": "36110200202405061030150000012345"},
    {"data": {"rows": [{"id": 1, "msg": "ok"}, {"id": 2, "msg": "成功"}]}},
    {"data": {"diagnosis": "异常子宫出血", "name": "失败"}},
    {"result": {"timestamp": 1714962615214, "hasNext": False, "default": 3}},
    {"flag": 1, "result": 0},
]
POLITE = (
    "成功|成功，异常数据0条|成功，拒绝0条|成功接收100条，失败0条|校验无误，未发现无效数据|接收成功，错误代码：0|操作成功!"
    "|success, 0 errors|错误信息：无|失败列表为空|提交成功，请勿重复提交|HSB success|入库完成|全部分析完成|0条失败，100条成功"
    "|received 12 rows, rejected: 0|数据维护成功|No errors|成功（没有任何问题）|共10条，成功10条，错误数0|ok"
    "|已接收，未来以此为准|50%成功率以上|失败条数：０"
)


@pytest.mark.parametrize("members", CONTRADICTIONS, ids=str)
def test_a_member_that_contradicts_holds_at_any_depth(members):
    """Beside the code, in `data`, in lists of lists, and in JSON that is the text of a string in one."""
    text = json.dumps({"r": json.dumps([members], ensure_ascii=False)})
    for found in (
        members if "code" not in members else {"data": members},
        {"data": {"result": members}},
        {"data": [[{"rows": [members]}]]},
        {"data": "\ufeff " + text},
    ):
        held = judge({"code": 200, "message": "成功", **found})
        assert isinstance(held, Held), found
        assert held.cause in OUTCOME_UNKNOWN
        assert "`" in held.message or "a member" in held.message


@pytest.mark.parametrize("words", WORDS.split("|"))
def test_words_of_failure_hold_wherever_they_stand(words):
    """Whoever writes 200 beside "部分成功" did not take the batch."""
    for found in ({"message": words}, {"data": words}, {"data": {"list": [{"msg": words}]}}, {"messages": ["成功", words]}):
        assert "held mixed_answer" == outcome(judge({"code": 200, **found})), found


@pytest.mark.parametrize("members", PLAIN, ids=str)
def test_a_plain_success_is_no_hold(members):
    """Each of these stands in every answer of a platform: held, it stops a hospital for a word of courtesy."""
    assert "accepted 200" == outcome(judge({"code": 200, "message": "成功", **members}))


@pytest.mark.parametrize("words", POLITE.split("|"))
def test_words_that_deny_a_failure_are_none(words):
    """ "0条失败" has the word in it, and says the contrary."""
    assert "accepted 200" == outcome(judge({"code": 200, "message": words}))


@pytest.mark.parametrize("status", [202, 204, 206, 207, 208, 226, 299])
def test_a_status_that_says_not_yet_or_in_part_is_no_acceptance(status):
    """202 is taken for later, 206 and 207 in part; a site may say that it means nothing."""
    found = judge({"code": 200}, status=status)
    assert ("held mixed_answer", True) == (outcome(found), f"the HTTP status is {status}" in found.message)
    assert "accepted 200" == outcome(judge({"code": 200}, status=status, profile=Answers(harmless_statuses=(status,)).profile()))


@pytest.mark.parametrize("status", [200, 201, 203])
def test_a_plain_status_is_no_contradiction(status):
    """A gateway that transforms says 203."""
    assert "accepted 200" == outcome(judge({"code": 200}, status=status))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"failRate": "3%"}, "failRate"),
        ({"data": {"status": 7}}, "data.status"),
        ({"data": [{"rows": [{"code": "H36110200001"}]}]}, "data.rows.code"),
        ({"success": None}, "success"),
        ({"status": 7}, "status"),
        ({"data": {"errors": {"count": 1}}}, "data"),
        ({"data": {"错误说明": "x"}}, "data.*"),
        ({"data": {"n": {"deep": {"deeper": {"code": 1}}}}}, "data.n"),
    ],
    ids=str,
)
def test_each_hold_names_its_member_and_a_site_may_pass_over_it(body, path):
    """A hold that nobody can end by a setting waits for a release."""
    held = judge({"code": 200, **body})
    assert isinstance(held, Held)
    named = held.message.partition("`")[2].partition("`")[0]
    assert named.split(".")[0] in ("*", path.split(".")[0])
    assert "accepted 200" == outcome(judge({"code": 200, **body}, profile=Answers(harmless_members=(path,)).profile()))


def test_a_member_that_stands_twice_is_named_and_may_be_passed_over():
    """One value twice says one thing; two values are two answers, unless the member means nothing."""
    assert "accepted 200" == outcome(judge('{"code":200,"code":200}'))
    held = judge('{"code":200,"data":{"trace":"a","trace":"b"}}')
    assert "`data.trace` stands twice in one object" == held.message
    site = Answers(harmless_members=("data.trace",)).profile()
    assert "accepted 200" == outcome(judge('{"code":200,"data":{"trace":"a","trace":"b"}}', profile=site))
    assert "held doubled_member" == outcome(judge('{"code":200,"code":40003}', profile=site))


@pytest.mark.parametrize("name", ["Code", "code\\u200b", " code", "c_o_d_e"])
def test_a_second_code_in_another_spelling_is_a_second_code(name):
    """`{"code":200,"Code":40003}` is one member to half of the readers."""
    assert "held two_codes" == outcome(judge(f'{{"code":200,"{name}":40003}}'))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"infcode": 0, "code": 40003}, "held two_codes"),
        ({"infcode": 0, "output": {"code": 40003}}, "held code_inside"),
        ({"infcode": 0, "output": {"success": False}}, "held mixed_answer"),
        ({"infcode": 0, "code": 200, "output": {"status": 3, "code": "X"}}, "accepted 0"),
        ({"infcode": -1, "code": 200}, "refused -1"),
    ],
    ids=str,
)
def test_where_the_code_stands_by_the_sites_word_only_a_known_refusal_contradicts_it(members, expected):
    """A service bus has its own 200 outside; what refuses is a refusal anywhere."""
    assert expected == outcome(judge(members, profile=Answers(code="infcode", accepted=("0",), refused=("-1",)).profile()))


@pytest.mark.parametrize(
    "words", ["解密失败", "提交过于频繁，请稍后再试", "该批次此前校验失败，请勿重复提交", "不允许重复提交，请稍候再试"]
)
def test_repeated_with_the_words_of_another_failure_is_no_receipt(words):
    """40005 stands for "I have it", and these words say that it has it not."""
    found = judge({"code": 40005, "message": words})
    assert ("held mixed_answer", True) == (outcome(found), "`message`" in found.message)


@pytest.mark.parametrize("words", ["请勿重复提交", "重复提交", "数据已存在", "不能重复上传", "msgid重复", "duplicate request", ""])
def test_repeated_in_its_own_words_is_a_receipt(words):
    """The first answer was lost; without this its records would be held for good."""
    assert "accepted 40005 again" == outcome(judge({"code": 40005, "message": words, "success": False}))


def test_half_a_character_in_a_refusal_is_a_refusal():
    """JSON may hold it and nothing can write it: for that the batch went again for ever."""
    found = judge(b'{"code":40003,"message":"\\ud83d bad \\udc00"}')
    assert isinstance(found, Refused)
    assert "? bad ?" == found.message


@pytest.mark.parametrize("body", [b'{"code":200,"x":NaN}', b'{"code":200,"x":1e999}', b'{"code":200,"x":Infinity}'])
def test_what_is_no_json_is_still_none(body):
    """A reader that takes more than JSON reads what others read otherwise."""
    assert "retry no_code" == outcome(judge(body))


def test_what_stands_too_deep_to_be_looked_at_is_no_success():
    """There may be a refusal below."""

    def deep(steps):
        return '{"code":200,"x":' + '{"a":' * steps + "1" + "}" * (steps + 1)

    assert "accepted 200" == outcome(judge(deep(MOST_DEPTH - 2)))
    assert "held unread_answer" == outcome(judge(deep(MOST_DEPTH + 1)))
    assert "held unread_answer" == outcome(judge(deep(900)))


NEUTRAL = st.sampled_from([*PLAIN, {"time": "2024-05-06"}, {"rows": 3}, {"traceId": "a1b2"}])


@given(st.lists(NEUTRAL, max_size=3), st.sampled_from(CONTRADICTIONS), st.lists(st.sampled_from("olt"), min_size=1, max_size=8))
def test_no_way_of_wrapping_hides_a_contradiction(neutral, planted, wraps):
    """Objects, lists and texts of JSON around it, in any order, beside whatever is harmless."""
    found = planted
    for wrap in wraps:
        found = {"inner": found} if wrap == "o" else [found] if wrap == "l" else {"text": json.dumps(found, ensure_ascii=False)}
    members = {name: value for one in neutral for name, value in one.items()}
    assert not isinstance(judge({**members, "code": 200, "payload": found}), Accepted)
