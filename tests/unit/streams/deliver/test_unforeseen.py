"""Whatever a platform sends has a meaning, also what nobody thought of: a worker that ends meets it again when it is back."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.answer import HttpAnswer
from streams.deliver.causes import OUTCOME_UNKNOWN, HoldCause
from streams.deliver.throttle import DEFAULT_THROTTLE_S
from streams.deliver.understood import told, understood
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, verdict
from streams.mapping.answering import Answers
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from tests.unit.streams.deliver.judging import NOW, judge

PROFILES = [
    REPORTING,
    Answers(code="data.code", accepted=("0",)).profile(),
    Answers(code="success", accepted=("true",), text="data.msg").profile(),
    Answers(in_string=True, encoding="gb18030", accepted=("0",), harmless=("错误",)).profile(),
]
ABSURD = [
    "Mon, 01 Jan 99999999999 00:00:00 GMT",
    "Mon, 01 Jan 2147483648 00:00:00 GMT",
    "Mon, 01 Jan 10000 00:00:00 GMT",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999",
    "Mon, 01 Jan 2026 00:00:00 -9999",
    "Mon, 01 Jan 2026 999999999999:00:00 GMT",
    "Mon, 99999999999999999999 Jan 2026 00:00:00 GMT",
    "1" * 5000,
    "Mon, " + "1" * 5000 + " Jan 2026 00:00:00 GMT",
]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("date", ABSURD, ids=lambda text: text[:44])
def test_a_date_beyond_all_calendars_asks_for_nothing(status, date):
    """Such a year or offset overflows deep inside of the reader; the lane would end at each of these answers."""
    for headers in ({"retry_after": date}, {"retry_after": "Wed, 01 May 2024 04:00:30 GMT", "date": date}):
        found = judge(status=status, **headers)
        assert isinstance(found, Throttled | Retry)
        assert found.after_s is None or found.after_s >= 0
    if not date.isdigit():
        assert judge(status=429, retry_after=date) in (Throttled(after_s=DEFAULT_THROTTLE_S), judge(status=429, retry_after="0"))


DATES = st.one_of(
    st.sampled_from([*ABSURD, "", "0", "abc", "Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]),
    st.builds(
        "{}, {} {} {} {}:{}:{} {}".format,
        st.sampled_from(["Mon", "", "Xyz"]),
        st.integers(-1, 10**12),
        st.sampled_from(["Jan", "Dec", "Foo", "1"]),
        st.integers(-1, 10**12),
        *[st.integers(-1, 10**10)] * 3,
        st.sampled_from(["GMT", "+9999", "-999999", "+99999999999999999999", "EST", ""]),
    ),
    st.text(max_size=40),
)
NAMES = st.sampled_from(
    [
        "code",
        "infcode",
        "status",
        "resultCode",
        "message",
        "msg",
        "error",
        "errors",
        "success",
        "data",
        "errcode",
        "total",
        "succNum",
    ]
)
LEAVES = st.one_of(
    st.sampled_from([200, "200", 0, "0000", "成功", "失败", "\ud800", "&#" + "9" * 5000 + ";", "%ff%e5", 1e308, 2**64, None, True]),
    st.text(st.characters(codec=None), max_size=12),
    st.floats(),
    st.integers(),
)
VALUES = st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMES | st.text(max_size=6), one, max_size=4))


def json_of(value):
    import json  # noqa: PLC0415 - orjson refuses what is to be sent here

    return json.dumps(value).encode()


BODIES = st.one_of(
    st.binary(max_size=300),
    VALUES.map(json_of),
    st.dictionaries(NAMES, VALUES | VALUES.map(lambda value: json_of(value).decode()), max_size=5).map(json_of),
    st.builds(lambda body, at: body[:at], VALUES.map(json_of), st.integers(0, 200)),
)


@given(
    status=st.one_of(st.sampled_from([200, 202, 302, 401, 404, 429, 503]), st.integers(100, 999)),
    headers=st.fixed_dictionaries({"retry-after": DATES, "date": DATES, "location": st.text(max_size=30)}),
    body=BODIES,
    refused_before=st.booleans(),
    profile=st.sampled_from(PROFILES),
)
def test_nothing_that_can_be_sent_is_beyond_the_reader(status, headers, body, refused_before, profile):
    """`understood` would turn a slip of the reader into a hold; the reader itself shall have none."""
    found = verdict(HttpAnswer(status=status, headers=headers, body=body), refused_before=refused_before, profile=profile, now=NOW)
    assert isinstance(found, Accepted | Refused | Held | Retry | Throttled)
    for words in (getattr(found, "message", ""), getattr(found, "words", "")):
        assert words.encode().decode() == words


@dataclass(frozen=True)
class Poisoned:
    """An answer whose body breaks whoever reads it."""

    status: int = 200
    headers: tuple = ()

    @property
    def body(self):
        raise OverflowError("51010219381005541X")


def test_what_nobody_foresaw_leaves_the_outcome_open_and_says_where_it_happened():
    """Neither a receipt nor a dead letter, nor a worker that ends; and nothing of what stands in the answer is told."""
    found = understood(Poisoned(), refused_before=False, profile=REPORTING, now=NOW)
    assert (HoldCause.UNREAD_ANSWER, 200) == (found.cause, found.http_status)
    assert found.cause in OUTCOME_UNKNOWN
    assert found.leaves_open
    assert "OverflowError in test_unforeseen.py:" in found.message
    assert "5101" not in found.message


@pytest.mark.parametrize(
    "found",
    [
        Refused(code="40003", http_status=200, message="x"),
        Held(cause=HoldCause.ADDRESS, http_status=200, message="x"),
        Retry(cause="page", http_status=200, words="x"),
    ],
    ids=lambda found: type(found).__name__,
)
def test_words_that_cannot_be_told_hold_the_batch(found):
    """What is told goes through the records, and is read again there."""
    answer = told(found, records=(None,), service=REPORTING.services[ServiceCode("setl_d")], key=str)
    assert (HoldCause.UNREAD_ANSWER, 200) == (answer.cause, answer.http_status)
