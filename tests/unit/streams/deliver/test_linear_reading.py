"""An answer is read in the process's only event loop: the work grows with its length, and with nothing that stands in it."""

import re
import time

import pytest

from streams.deliver import answer, names, signs, verdict, words
from streams.deliver.shapes import MAX_BODY_BYTES
from streams.spec import masking
from tests.unit.streams.deliver.judging import judge

SHORT, LONG = 1_000, 8_000
MOST_RATIO = 24
"""CPU of a text eight times as long; what is quadratic takes 64 times as much."""
LEAST_S = 0.004
"""Below this a clock tells nothing."""
PATTERNS = {
    f"{module.__name__}.{name}": found
    for module in (answer, names, signs, verdict, words, masking)
    for name, found in vars(module).items()
    if isinstance(found, re.Pattern) and isinstance(found.pattern, str)
}
BEGINNINGS = [
    "",
    "错误",
    "error",
    "errors",
    "失败",
    "no",
    "0",
    "成功",
    "<title",
    "姓名",
    "地址:",
    "type",
    "重复",
    "rate",
    "n't",
    "未",
]
REPEATED = [
    " ",
    "0",
    "a",
    "A",
    "成功",
    "错误",
    "失败 ",
    "error ",
    "no ",
    "<title",
    "<title>",
    "&#",
    "&#1",
    "%",
    "%e5",
    "姓名",
    "地址:",
]
REPEATED += ['"', ": ", "0条", "0.", "type ", "1", "138 ", "重复", "请勿", "Aa", "部分", "0 rows ", "not ", "."]


def cpu_of(work, text):
    began = time.process_time()
    work(text)
    return time.process_time() - began


def texts(length):
    for beginning in BEGINNINGS:
        for part in REPEATED:
            yield beginning + part * (length // len(part)) + "x"


def grows(work, text_of):
    """Whether CPU grows faster than the text does: of three looks, because others use the machine, too."""
    short, long = text_of(SHORT), text_of(LONG)
    for _ in range(3):
        took = cpu_of(work, long)
        if took < LEAST_S or took < MOST_RATIO * max(cpu_of(work, short), LEAST_S / 8):
            return False
    return True


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_over_an_answer_takes_more_than_its_share(name):
    """One of them took a minute for one answer of 64 KiB, and all lanes of the worker stood."""
    slow = [
        (short[:12], len(short))
        for short, long in zip(texts(SHORT), texts(LONG), strict=True)
        if grows(PATTERNS[name].search, lambda length, pair=(short, long): pair[length == LONG])
    ]
    assert not slow


def test_all_patterns_are_looked_at():
    """A module that is renamed leaves the test above without cases."""
    assert 15 <= len(PATTERNS)


@pytest.mark.parametrize(
    "made",
    [
        lambda length: {"message": "错误" + " " * length + "x"},
        lambda length: {"message": "0" + " " * length + "x"},
        lambda length: {"message": "errors" + " " * (length // 2) + ":" + " " * (length // 2)},
        lambda length: {"message": "̖́" * (length // 2)},
        lambda length: {"message": "ﷺ" * (length // 3)},
        lambda length: {"message": "&#" + "9" * length + ";"},
        lambda length: {"data": '{"a":' * (length // 5)},
        lambda length: {"data": ["{" for _ in range(length // 4)]},
        lambda length: {"data": [{"e": 0} for _ in range(length // 8)]},
        lambda length: {"errors": [{"errors": 0} for _ in range(length // 14)]},
        lambda length: {"A" * length: 1},
        lambda length: {"data": [{"total": 1, "success": 1} for _ in range(length // 24)]},
        lambda length: {f"s{'_' * (one % 30)}ucces{'-' * (one // 30)}s": 1 for one in range(length // 40)} | {"total": 0},
    ],
)
def test_no_answer_takes_more_than_its_share(made):
    """The whole way of an answer: characters, JSON, walk, words, mask."""
    assert not grows(lambda body: judge({"code": 200, **body}), made)


def test_a_page_is_searched_once():
    """Titles that never end are looked for at each beginning of one."""
    assert not grows(judge, lambda length: "<html>" + "<title" * (length * 7 // 6))
    assert LONG < MAX_BODY_BYTES
