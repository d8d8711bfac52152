"""What an answer means. A wrong row here loses records, reports them twice, or fills the dead letters with innocent ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.answer import HttpAnswer
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.remedies import REMEDIES
from streams.deliver.shapes import MAX_BODY_BYTES
from streams.deliver.throttle import DEFAULT_THROTTLE_S, FLOOR_S, MAX_WAIT_S
from streams.deliver.verdict import Accepted, Refused, Retry, Throttled, verdict
from streams.spec.answers import ANSWERS, AnswerClass
from streams.spec.profiles import REPORTING
from tests.unit.streams.deliver.judging import NOW, judge, outcome

LOGIN = "<!DOCTYPE html><title>统一身份认证</title><form><input type='password'></form>".encode()
HTML = b"<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (200, "accepted 200"),
        (40000, "refused 40000"),
        (40001, "refused 40001"),
        (40002, "held answer_code"),
        (40003, "refused 40003"),
        (40004, "held answer_code"),
        (40005, "accepted 40005 again"),
        (40006, "held answer_code"),
        (50000, "retry system_error"),
        (40999, "held unknown_code"),
        (60000, "held unknown_code"),
        (0, "held unknown_code"),
        (-1, "held unknown_code"),
        (201, "held unknown_code"),
        (500, "held unknown_code"),
        (39999, "held unknown_code"),
    ],
)
@pytest.mark.parametrize("name", REPORTING.code_names)
@pytest.mark.parametrize("as_text", [False, True], ids=["number", "text"])
def test_each_code_has_its_verdict_under_every_name_and_in_both_types(code, expected, name, as_text):
    """Platforms send codes as numbers in one gateway and as text in the next, under four names."""
    assert expected == outcome(judge({name: str(code) if as_text else code, "message": "x"}))


def test_no_code_of_the_interface_is_left_out():
    """A code that the table above forgets has an accidental verdict."""
    refusing = {code for code, answer in ANSWERS.items() if answer.answer_class is AnswerClass.REFUSED}
    holding = {code for code, answer in ANSWERS.items() if answer.answer_class is AnswerClass.HELD}
    assert ({"40000", "40001", "40003"}, {"40002", "40004", "40006"}) == (refusing, holding)
    assert set(ANSWERS) == refusing | holding | {"200", "40005", "50000"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"", "held authorisation"),
        (403, HTML, "held authorisation"),
        (403, {"code": 40003}, "held authorisation"),
        (404, HTML, "held address"),
        (301, b"", "held address"),
        (302, HTML, "held address"),
        (307, b"", "held address"),
        (308, b"", "held address"),
        (405, b"", "held address"),
        (407, b"", "held address"),
        (413, HTML, "held proxy_limit"),
        (400, {"code": 40003}, "refused 40003"),
        (400, {"code": 200}, "held mixed_answer"),
        (400, HTML, "retry page"),
        (400, b"<html>400 The plain HTTP request was sent to HTTPS port</html>", "held tls_wanted"),
        (302, {"code": 200}, "held redirect_answered"),
        (307, {"code": 40003}, "held redirect_answered"),
        (302, {"code": 40005}, "held redirect_answered"),
        (408, b"", "retry no_code"),
        (500, b"", "retry server_error"),
        (500, {"code": 40003}, "retry server_error"),
        (500, {"code": 200}, "held mixed_answer"),
        (503, {"code": 200, "message": "成功"}, "held mixed_answer"),
        (500, {"data": {"code": 200}}, "held code_inside"),
        (500, {"code": 40005}, "retry server_error"),
        (500, {"status": 500, "error": "Internal Server Error"}, "retry server_error"),
        (502, HTML, "retry server_error"),
        (503, b"", "retry server_error"),
        (504, b"", "retry server_error"),
        (429, b"", "throttled 5"),
        (429, {"code": 40003}, "throttled 5"),
        (201, {"code": 200}, "accepted 200"),
        (202, {"code": 200}, "held mixed_answer"),
        (206, {"code": 200}, "held mixed_answer"),
        (202, {"code": 40003}, "refused 40003"),
    ],
    ids=str,
)
def test_each_http_status_has_its_verdict(status, body, expected):
    """A refused key, a moved address or a proxy's limit are no record's fault; a broken server says nothing about the batch."""
    assert expected == outcome(judge(body, status=status))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "retry no_code"),
        (HTML, "retry page"),
        (LOGIN, "retry login_page"),
        (b'<?xml version="1.0"?>\n<!-- proxy --><html><title>Sign in</title></html>', "retry login_page"),
        (b"<xml><code>200</code></xml>", "retry no_code"),
        (b"ok", "retry no_code"),
        (b"null", "retry no_code"),
        (b"200", "retry no_code"),
        (b"[]", "retry no_code"),
        (b'[{"code":200}]', "retry no_code"),
        (b"{}", "retry no_code"),
        (b'{"code":200', "retry no_code"),
        (b'\xef\xbb\xbf{"code":200}', "accepted 200"),
        ('{"code":40003,"msg":"格式"}'.encode("gb18030"), "refused 40003"),
        ({"code": True}, "held unknown_code"),
        ({"code": None}, "retry no_code"),
        ({"code": ""}, "retry no_code"),
        ({"code": 200.0}, "held unknown_code"),
        ({"code": "SUCCESS"}, "held unknown_code"),
        ({"code": {"value": 200}}, "retry no_code"),
        ({"success": True}, "retry no_code"),
        ({"code": " 200 "}, "accepted 200"),
        ({"code": None, "infcode": "200"}, "accepted 200"),
        ({"code": 40003, "status": 200}, "held two_codes"),
        ({"status": 500, "error": "Internal Server Error", "path": "/metadata/receive/setl_d"}, "held unknown_code"),
        ({"code": 0, "err_msg": "institution not found"}, "held unknown_code"),
        ({"code": 0, "err_msg": ""}, "held unknown_code"),
        ({"code": 0, "message": "成功"}, "held unknown_code"),
        ({"code": 200, "err_msg": "数据入库失败"}, "held mixed_answer"),
        ({"code": 200, "errmsg": "Success"}, "accepted 200"),
        ({"code": 200, "message": "已接收", "err_msg": ""}, "accepted 200"),
        ({"errcode": "ACG.1401", "errmsg": "unauthorised"}, "held authorisation"),
        ({"errcode": "ACG.0500", "errmsg": "backend"}, "retry gateway"),
        ({"errcode": 0, "errmsg": "ok", "code": 200}, "accepted 200"),
        ({"errcode": "ACG.0429", "errmsg": "Too Many Requests"}, "throttled 5"),
        ({"code": 50000, "msg": "请求过于频繁，请稍后再试"}, "throttled 5"),
        ({"code": 40000, "msg": "访问频繁"}, "throttled 5"),
        ({"code": 40029, "msg": "request too frequent"}, "throttled 5"),
        ({"code": 40003, "msg": "操作频繁"}, "refused 40003"),
        ({"code": 40000, "msg": "诊断 尿频繁 不在目录"}, "refused 40000"),
        ({"code": 200, "msg": "请求频繁"}, "held mixed_answer"),
    ],
    ids=str,
)
def test_each_shape_of_an_answer_has_its_verdict(body, expected):
    """The interface describes no shape. Whatever does not plainly say "accepted" or "refused" must leave the outcome open."""
    assert expected == outcome(judge(body))


def test_repeated_after_an_unseen_answer_is_delivered():
    """The answer to the first POST was lost: without this the records would be dead letters although they are reported."""
    assert Accepted(code="40005", repeated=True) == judge({"code": 40005})


def test_repeated_after_a_refusal_proves_nothing():
    """A platform that remembers ids it refused answers 40005 for records it does not have."""
    found = judge({"code": 40005, "message": "请勿重复提交"}, refused_before=True)
    assert (found.cause, found.code) == (HoldCause.REPEATED_AFTER_REFUSAL, "40005")
    assert "请勿重复提交" in found.message


@pytest.mark.parametrize("code", [200, 40000, 40003, 50000])
def test_an_earlier_refusal_changes_only_what_repeated_means(code):
    """Every other answer speaks for itself."""
    assert judge({"code": code}) == judge({"code": code}, refused_before=True)


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, FLOOR_S),
        ({"retry_after": "99999999999999999999"}, MAX_WAIT_S),
        ({"retry_after": "-3"}, DEFAULT_THROTTLE_S),
        ({"retry_after": "soon"}, DEFAULT_THROTTLE_S),
        ({}, DEFAULT_THROTTLE_S),
        ({"retry_after": "Wed, 01 May 2024 04:00:30 GMT"}, 30.0),
        ({"retry_after": "Wed, 01 May 2024 03:00:00 GMT"}, FLOOR_S),
        ({"retry_after": "Thu, 02 May 2024 04:00:00 GMT"}, MAX_WAIT_S),
        ({"retry_after": "Wed, 01 May 2024 05:00:10 GMT", "date": "Wed, 01 May 2024 05:00:00 GMT"}, 10.0),
    ],
    ids=str,
)
def test_a_throttling_platform_decides_how_long_to_wait_within_bounds(headers, after_s):
    """Coming back too early prolongs the throttling; a wait without bounds is an outage that nobody ordered."""
    assert Throttled(after_s=after_s) == judge(status=429, **headers)


def test_a_broken_server_may_say_when_to_come_back():
    """503 with Retry-After is how a maintenance window is announced."""
    assert Retry(cause=RetryCause.SERVER_ERROR, http_status=503, after_s=12.0) == judge(status=503, retry_after="12")


def test_the_platforms_words_are_kept_without_numbers_of_persons():
    """Clerks need the reason; the reason may quote the patient."""
    found = judge({"code": 40003, "message": "CERTNO 51010219381005541X 与 13800138000 不符 510102193810055411"})
    assert isinstance(found, Refused)
    assert "51010219381005541X" not in found.message
    assert "13800138000" not in found.message
    assert "不符" in found.message


def test_a_refusal_without_words_carries_the_interfaces_meaning():
    """A dead letter without any reason helps nobody."""
    assert Refused(code="40003", http_status=200, message="数据格式校验失败") == judge({"code": "40003"})


@pytest.mark.parametrize(
    ("body", "status", "shape"),
    [
        (b"", 200, "an empty body"),
        (b"\r\n", 200, "an empty body"),
        (b"", 204, "HTTP 204, which has no body"),
        (b'{"code":200', 200, "JSON that is cut off or invalid"),
        (b"{'code': 200}", 200, "JSON that is cut off or invalid"),
        (b"ok", 200, "text that is no JSON"),
        (b"<xml><code>200</code></xml>", 200, "markup such as XML, and no JSON"),
        (b"null", 200, "a JSON null, and no object"),
        (b'[{"code":200}]', 200, "a JSON list, and no object"),
        (b"200", 200, "a JSON number, and no object"),
        (b"true", 200, "a JSON true or false, and no object"),
        (b'"200"', 200, "a JSON string, and no object"),
        ({}, 200, "a JSON object without a code"),
        ({"message": "系统升级"}, 200, "a JSON object without a code. It says: 系统升级"),
        (b'{"code":200}' + b" " * MAX_BODY_BYTES, 200, "a body of more than 64 KiB, which is read no further"),
    ],
    ids=lambda value: f"{value}"[:24],
)
def test_an_answer_without_a_code_tells_its_shape_and_nothing_of_its_content(body, status, shape):
    """An empty body is a proxy's, a list another interface's, a cut one the network's: "no code" sends nobody to any of them."""
    found = judge(body, status=status)
    assert (RetryCause.NO_CODE, shape) == (found.cause, found.words)


def test_a_limit_in_front_is_not_to_be_met_by_other_batch_limits():
    """A plan that is open keeps its cut: whoever lowers max_chars then stops every lane, and the lag never reaches 0."""
    found = judge(status=413)
    assert "max_chars" not in found.message
    assert "raised" in REMEDIES[found.cause].partition(":")[0]


@pytest.mark.parametrize("code", [40002, 40004, 40006])
def test_what_the_platform_says_is_its_own_and_the_interfaces_hint_is_a_remedy(code):
    """Its people are asked about these words; what they never said makes them look for another system."""
    known = ANSWERS[f"{code}"]
    found = judge({"code": code, "message": "机构未备案"})
    assert "机构未备案" == found.message
    assert known.remedy in found.remedy
    assert f"code {code} and no words; in the interface it means {known.meaning}" == judge({"code": code}).message


@given(st.integers(100, 599), st.one_of(st.binary(max_size=200), st.text(max_size=99).map(str.encode)), st.booleans())
def test_every_answer_has_a_verdict_and_only_an_object_settles_a_record(status, body, refused_before):
    """A crash on a strange answer stops the lane for ever; a guess loses the record."""
    found = verdict(HttpAnswer(status=status, headers={}, body=body), refused_before=refused_before, profile=REPORTING, now=NOW)
    assert not isinstance(found, Accepted | Refused) or body.lstrip().startswith(b"{")


@given(
    st.dictionaries(
        st.sampled_from([*REPORTING.code_names, *REPORTING.text_names, "errcode", "data"]),
        st.one_of(
            st.sampled_from([200, "200", " 40000", 40003.0, "40003"]),
            st.one_of(
                st.none(), st.booleans(), st.integers(-1, 60_000), st.floats(allow_nan=False), st.text(max_size=8), st.just({})
            ),
        ),
    )
)
def test_a_verdict_that_settles_a_record_rests_on_a_code(members):
    """Accepted and refused end a record's way; they need the platform's own word."""
    found = judge(members)
    if isinstance(found, Accepted | Refused):
        assert found.code in {str(members.get(name)).strip() for name in REPORTING.code_names}
