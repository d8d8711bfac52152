"""An answer is read in one walk, and what stands there a hundred times is judged once: it must say what a slow reading says."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.members import MOST_DEPTH, Members, parsed
from streams.deliver.places import places_of
from streams.deliver.signs import signs_of
from streams.spec.profiles import REPORTING, AnswerForm
from tests.unit.streams.deliver import plain_reading, test_contradictions, test_verdict, test_whole_answer

_NAMES = """
code infcode Code resultCode status state msg message err_msg errMsg error errors errorCode errno success isSuccess successCount ok
result flag valid accepted total totalCount data output body detail rows list row n remark traceId 状态 失败 成功数 failCount
"""
NAMES = _NAMES.split()
TEXTS = [
    "",
    "0",
    "1",
    "2",
    "200",
    "0200",
    "40003",
    "40005",
    "50000",
    "ok",
    "OK",
    "成功",
    "失败",
    "数据入库失败",
    "请勿重复提交",
    "true",
]
TEXTS += [
    "false",
    "null",
    "无",
    "N",
    "第1行有误",
    "部分成功",
    " 200 ",
    "ｆａｉｌ",
    "[]",
    "{}",
    "处理成功",
    "解密失败",
    "FAILED",
    "-1",
]
NUMBERS = st.sampled_from([0, 1, 2, -1, 200, 40003, 40005, 10, 7, 1.0, 0.0, 1.5])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(TEXTS))
NAME = st.sampled_from(NAMES)


def inside(values):
    """Objects, lists of alike objects, and either as text."""
    objects = st.dictionaries(NAME, values, max_size=5)
    lists = st.lists(values, max_size=4)
    rows = st.builds(lambda row, times: [row] * times, objects, st.integers(1, 4))
    texts = st.builds(lambda one: orjson.dumps(one).decode(), st.one_of(objects, lists))
    return st.one_of(objects, lists, rows, texts)


VALUES = st.recursive(SCALARS, inside, max_leaves=24)
ANSWERS = st.dictionaries(NAME, VALUES, max_size=7)
FORMS = (
    AnswerForm(),
    AnswerForm(code_at=("data", "code")),
    AnswerForm(code_at=("status",), text_at=("data", "remark")),
    AnswerForm(harmless=frozenset({"失败", "N"}), harmless_members=(("data", "*"), ("errors",))),
)
CODES = [None, "200", "40003", "40005", "40006", "50000", "E1"]


def same(text, form, code):
    """Whether both readings of an object say the same."""
    found, profile = parsed(text), replace(REPORTING, form=form)
    assert isinstance(found, Members)
    assert plain_reading.signs_of(code, found, profile) == signs_of(code, found, profile)


@given(body=ANSWERS, form=st.sampled_from(FORMS), code=st.sampled_from(CODES))
def test_any_answer_says_in_one_walk_what_it_says_in_many(body, form, code):
    """A sign that is lost is a receipt for what was not taken."""
    same(orjson.dumps(body).decode(), form, code)


@given(pairs=st.lists(st.tuples(NAME, VALUES), max_size=6), code=st.sampled_from(CODES))
def test_so_it_is_where_members_stand_twice(pairs, code):
    """The plain writer of JSON never does that; platforms do."""
    written = ",".join(f"{orjson.dumps(name).decode()}:{orjson.dumps(value).decode()}" for name, value in pairs)
    same('{"data":{' + written + "}," + (written or '"n":1') + "}", AnswerForm(), code)


def bodies():
    """Those of the tables of answers in the tests."""
    for module in (test_contradictions, test_verdict, test_whole_answer):
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", ()):
                for case in mark.args[1] if mark.name == "parametrize" else ():
                    yield from (
                        one for one in (case if isinstance(case, tuple) else (case,)) if isinstance(one, dict | str | bytes)
                    )


def objects_of_the_tables():
    """Those of them that are objects, each once."""
    texts = [one.decode(errors="replace") if isinstance(one, bytes) else one for one in bodies()]
    texts = [one if isinstance(one, str) else orjson.dumps(one, default=str).decode() for one in texts]
    return [one for one in dict.fromkeys(texts) if isinstance(parsed(one), Members)]


def test_the_answers_of_the_tables_say_the_same():
    """They are the ways to contradict oneself that were seen, or thought of."""
    texts = objects_of_the_tables()
    assert len(texts) > 150
    for text in texts:
        for code in ("200", "40003", "40005", "50000"):
            same(text, FORMS[0], code)
        same(text, FORMS[1], "200")


@pytest.mark.parametrize("depth", [MOST_DEPTH - 1, MOST_DEPTH, MOST_DEPTH + 1])
@pytest.mark.parametrize("opens", ['{"data":', "["])
def test_so_it_is_at_the_depth_that_is_not_read(opens, depth):
    """What is not looked at must be known not to be."""
    text = opens * depth + '{"code": 40003}' + ("}" if opens[0] == "{" else "]") * depth
    same(f'{{"data": {text}}}', AnswerForm(), "200")


def test_names_without_end_are_not_kept():
    """A platform may name its members by the numbers of the records."""
    profile = replace(REPORTING, name="names without end")
    for first in range(0, 20_000, 1000):
        body = {"data": {f"F{number}": {"code": 200} for number in range(first, first + 1000)}, "row": {"code": 40003}}
        found = parsed(orjson.dumps(body).decode())
        assert ["`row.code`"] == [one.at for one in signs_of("200", found, profile).others]
    assert sum(1 for _ in below(places_of(profile).root())) < 5000


def below(place):
    """All places that are kept."""
    for one in place.children.values():
        yield one
        yield from below(one)
