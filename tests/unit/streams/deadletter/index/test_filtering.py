"""What a filter chooses, however the index finds it: held against a reading of every letter by itself."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadletter.causes import searchable
from streams.deadletter.filter.grammar import Filter, written
from streams.deadletter.filter.terms import term
from streams.deadletter.index import pages
from streams.deadletter.record import letter_id
from streams.domain.records import RowOrigin
from streams.domain.violations import DeadClass
from tests.unit.streams.deadletter.index.in_memory import NOW_MS, indexed, message
from tests.unit.streams.deadletter.test_record import LETTER

HOUR_MS = 3_600_000
CLASSES = (DeadClass.VALIDATION, DeadClass.REJECTED, DeadClass.DICTIONARY)
NAMES = st.sampled_from(["", "A", "B", "it's", "他"])

LETTERS = st.builds(
    lambda number, **parts: replace(LETTER, identity=f"{number}", **parts),
    number=st.integers(0, 1_000_000),
    dead_class=st.sampled_from(CLASSES),
    rule=NAMES,
    institution=NAMES,
    service=st.sampled_from(["setl_d", "fee_list_d"]),
    stage=st.sampled_from(["join", "deliver"]),
    message=st.sampled_from(
        ["金额不平", "姓名：欧阳锋 金额不平", "ABC 5%", "a_c", "单据 F77/3 不平（R24）", "单据 F78/b 不平#（R24）", "缺少 C78"]
    ),
    attempts=st.integers(0, 3),
    failed_at=st.integers(NOW_MS - 5 * HOUR_MS, NOW_MS),
    platform_code=st.sampled_from([None, "40003"]),
    row=st.builds(RowOrigin, source=NAMES, table=NAMES, visit_key=NAMES, record_key=NAMES, key=NAMES.map(lambda key: (key,))),
    closed=st.booleans(),
)
TERMS = st.one_of(
    *[
        st.builds(term, st.just(name), st.lists(values, min_size=1, max_size=2), negated=st.booleans())
        for name, values in {
            "class": st.sampled_from(CLASSES),
            "rule": NAMES,
            "institution": NAMES,
            "service": st.sampled_from(["setl_d", "fee_list_d"]),
            "stage": st.sampled_from(["join", "deliver"]),
            "owner": st.sampled_from(["clerk", "it"]),
            "source": NAMES,
            "table": NAMES,
            "key": NAMES,
            "code": st.sampled_from(["", "40003"]),
            "attempts": st.sampled_from(["1", ">1", "<=2", ">=0", "<1"]),
            "text": st.sampled_from(
                [
                    "不平",
                    "abc",
                    "A_C",
                    "5%",
                    "阳",
                    "锋",
                    "单据 ",
                    "单据 f",
                    "7",
                    "F77/3",
                    "不平#",
                    "#",
                    "（R24",
                    "）",
                    'F7"7',
                    "单据 f77/3 不平",
                    "78",
                    "8",
                    "c7",
                    "f7",
                    "4）",
                ]
            ),
            "id": st.sampled_from(["0", "a", "3f"]),
        }.items()
    ],
    st.builds(
        lambda name, hours, negated: term(name, [f"{hours}h"], negated=negated),
        st.sampled_from(["since", "until"]),
        st.integers(0, 5),
        st.booleans(),
    ),
    st.builds(lambda name, negated: term(name, negated=negated), st.sampled_from(["open", "closed"]), st.booleans()),
    st.just(term("any")),
)


def fits(one, letter):
    """Whether a letter of the test fits a term, read from the letter itself."""
    asked = {
        "class": letter.dead_class,
        "rule": letter.rule,
        "institution": letter.institution,
        "service": letter.service,
        "stage": letter.stage,
        "source": letter.row.source,
        "table": letter.row.table,
        "code": letter.platform_code or "",
    }
    keys = {letter.row.record_key, *letter.row.key, letter.row.visit_key} - {""}
    signs = {"": "==", ">": ">", "<": "<", ">=": ">=", "<=": "<="}
    tests = {
        "owner": lambda value: value == {"VALIDATION": "clerk", "DICTIONARY": "it"}.get(letter.dead_class, owner(letter)),
        "key": lambda value: value in keys,
        "attempts": lambda value: eval(f"{letter.attempts} {signs[value.rstrip('0123456789')]} {value.lstrip('<>=')}"),
        "text": lambda value: value.lower() in searchable(message_of(letter)),
        "id": lambda value: letter_id(letter).startswith(value),
        "since": lambda value: letter.failed_at >= NOW_MS - int(value[:-1]) * HOUR_MS,
        "until": lambda value: letter.failed_at < NOW_MS - int(value[:-1]) * HOUR_MS,
    }
    if not one.values:
        found = {"open": not letter.closed, "closed": letter.closed, "any": True}[one.name]
    else:
        test = tests.get(one.name) or (lambda value: value == asked[one.name])
        found = any(test(value) for value in one.values)
    return found is not one.negated


def owner(letter):
    return "clerk" if letter.platform_code == "40003" else "platform"


def message_of(letter):
    return "" if letter.closed else letter.message.replace("欧阳锋", "欧**")


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTERS, max_size=12, unique_by=letter_id), st.lists(TERMS, max_size=3))
def test_the_index_chooses_what_each_letter_by_itself_would_be_chosen_by(letters, terms):
    """A filter that takes one letter too many closes it, or sends it; one too few leaves it lying."""
    wanted = Filter(tuple(terms)).with_default()
    index = indexed([message(letter, offset=number) for number, letter in enumerate(letters)])
    expected = {letter_id(letter) for letter in letters if all(fits(one, letter) for one in wanted.terms)}
    text = written(wanted)
    found = index.paged(text, 100)
    assert (expected, len(expected), "") == ({letter.id for letter in found.letters}, found.total, found.after)
    assert expected == {letter.id for letter in index.every(text)}
    summed = index.summed(text, "class")
    assert len(expected) == sum(line.open + line.closed for line in summed)
    opened = [letter.failed_at for letter in letters if letter_id(letter) in expected and not letter.closed]
    assert min(opened, default=0) == min((line.oldest for line in summed if line.oldest), default=0)


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTERS, max_size=12, unique_by=letter_id), st.lists(TERMS, max_size=3), st.integers(1, 4), st.integers(1, 4))
def test_a_page_of_many_letters_is_the_latest_of_them_and_says_how_many_it_counted(letters, terms, most, counted):
    """In a million letters nobody counts all that a short text stands in; what is shown must be what is the latest all the same."""
    wanted = Filter(tuple(terms)).with_default()
    index = indexed([message(letter, offset=number) for number, letter in enumerate(letters)])
    fitting = [letter for letter in letters if all(fits(one, letter) for one in wanted.terms)]
    latest = sorted(((letter.failed_at, letter_id(letter)) for letter in fitting), reverse=True)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(pages, "_FEW", 0)
        small.setattr(pages, "_LATEST", 3)
        small.setattr(pages, "_LATEST_OF_REASONS", 2)
        small.setattr(pages, "MOST_COUNTED", counted)
        found = index.paged(written(wanted), most)
    assert latest[:most] == [(letter.last, letter.id) for letter in found.letters]
    assert bool(found.after) == (len(latest) > most)
    assert len(latest) == found.total if found.exact else len(latest) > found.total == counted


@settings(max_examples=50, deadline=None)
@given(st.lists(LETTERS, max_size=12, unique_by=letter_id), st.integers(1, 5))
def test_pages_behind_each_other_are_the_whole_list(letters, most):
    """Each letter once, the latest first, also where many failed in the same millisecond."""
    few_times = [replace(letter, failed_at=letter.failed_at // HOUR_MS) for letter in letters]
    index = indexed([message(letter, offset=at) for at, letter in enumerate(few_times)])
    found, after = [], ""
    while True:
        page = index.paged("any", most, after)
        found += page.letters
        assert len(letters) == page.total
        if not (after := page.after):
            break
    assert [letter.id for letter in index.listed("any")] == [letter.id for letter in found]
    assert len(letters) == len({letter.id for letter in found})
    assert sorted((letter.last for letter in found), reverse=True) == [letter.last for letter in found]


def test_a_moment_counts_on_the_clock_of_the_site():
    """A clerk in Shanghai writes 08:00 and means 08:00 there, wherever the command runs."""
    at = int(datetime(2024, 5, 1, 8, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    index = indexed([message(replace(LETTER, identity=f"{late}", failed_at=at + late), offset=late + 1) for late in (-1, 0)])
    assert [at] == [letter.last for letter in index.listed("since:2024-05-01T08:00")]
    assert [at - 1] == [letter.last for letter in index.listed("until:2024-05-01T08:00+08:00")]


@pytest.mark.parametrize("text", ["C78", "78", "8", "c7", "单", "据 ", "不", "不平；"])
def test_a_short_text_is_found_wherever_it_stands(text):
    """Full text knows trigrams only: at the end of a reason none begins with the last characters."""
    letters = [replace(LETTER, identity=one, message=one) for one in ("缺少 C78", "单据 F77/3 不平；缺少 C78", "单据 F1 不平；")]
    index = indexed([message(letter, offset=number) for number, letter in enumerate(letters)])
    expected = {letter_id(one) for one in letters if text.lower() in searchable(one.message)}
    page, rest = index.paged(f"text:{text!r}".replace("'", '"'), 9), index.paged(f"not text:{text!r}".replace("'", '"'), 9)
    assert (expected, len(expected)) == ({one.id for one in page.letters}, page.total)
    assert (set(map(letter_id, letters)) - expected, len(letters) - len(expected)) == ({one.id for one in rest.letters}, rest.total)
    assert expected == {one.id for one in index.every(f'text:"{text}"')}
