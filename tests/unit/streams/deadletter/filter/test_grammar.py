"""The one language that every verb selects letters by: what is printed is read back the same, and a typing error is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deadletter.filter.grammar import Filter, parse, written
from streams.deadletter.filter.terms import CONDITIONS, SINGLE, NotAFilter, Status, grammar, term

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = {
    "class": st.sampled_from(["VALIDATION", "rejected", "Mapping"]),
    "service": st.sampled_from(["mdtrt_d", "SETL_D"]),
    "owner": st.sampled_from(["clerk", "it", "vendor", "platform"]),
    "stage": st.sampled_from(["join", "deliver"]),
    "attempts": st.from_regex(r"(>=|<=|>|<|=|)[0-9]{1,9}", fullmatch=True),
    "replayed": st.from_regex(r"(>=|<=|>|<|=|)[0-9]{1,9}", fullmatch=True),
    "since": st.from_regex(r"[0-9]{1,6}[mhd]", fullmatch=True) | st.datetimes().map(lambda moment: moment.isoformat()),
    "until": st.from_regex(r"[0-9]{1,6}[mhd]", fullmatch=True) | st.dates().map(lambda day: day.isoformat()),
    "id": st.from_regex(r"[0-9A-Fa-f]{1,32}", fullmatch=True),
    "text": TEXTS.filter(lambda text: text and "*" not in text),
}


def terms_of(name):
    if name in Status.__members__.values():
        return st.booleans().map(lambda negated: term(name, negated=negated and name != Status.ANY))
    values = VALUES.get(name, TEXTS)
    several = st.lists(values, min_size=1, max_size=1 if name in SINGLE else 3)
    return st.builds(lambda values, negated: term(name, values, negated=negated), several, st.booleans())


FILTERS = st.lists(st.sampled_from([*CONDITIONS, *Status]).flatmap(terms_of), max_size=5).map(lambda terms: Filter(tuple(terms)))


@given(FILTERS)
def test_what_is_printed_is_read_back_the_same(wanted):
    """A plan keeps its filter as text; a page has it in its address. Neither may mean something else the next day."""
    assert wanted == parse(written(wanted))


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_filter_or_an_error_of_ours(text):
    """A person sees a sentence and never a traceback, and what was understood can be printed."""
    try:
        wanted = parse(text)
    except NotAFilter:
        return
    assert wanted == parse(written(wanted))


def test_conditions_are_read_as_they_are_written():
    """Names and closed values in whatever case; several values; one turned round; a text with blanks."""
    wanted = parse('Class:validation,DICTIONARY rule:R7 not owner:Clerk  text:"金额 不平, \\"x\\"" attempts:=03 not closed')
    assert 'class:VALIDATION,DICTIONARY rule:R7 not owner:clerk text:"金额 不平, \\"x\\"" attempts:3 not closed' == written(wanted)
    assert ('金额 不平, "x"',) == wanted.terms[3].values


def test_a_filter_that_does_not_say_is_of_open_letters():
    """Whoever counts what is left to do must not count what is done."""
    assert "class:MAPPING open" == written(parse("class:MAPPING").with_default())
    assert "class:MAPPING any" == written(parse("class:MAPPING any").with_default())
    assert "not open" == written(parse("not open").with_default())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clas:MAPPING", "did you mean `class`"),
        ("class:VALIDATON", "did you mean `VALIDATION`"),
        ("service:setl", "did you mean `setl_d`"),
        ("owner:clark", "did you mean `clerk`"),
        ("close", "did you mean `closed`"),
        ("klass", "did you mean `class:`"),
        ("class:", "the value is missing"),
        ("class:MAPPING,", "the value is missing"),
        ("not", "a condition must stand behind it"),
        ("not not closed", "too many"),
        ("not any", "neither open nor closed"),
        ("open:yes", "takes no value"),
        ("since:yesterday", "write a span such as 30m"),
        ("since:2h,3h", "takes one value"),
        ("attempts:many", "write a number"),
        ("id:xyz", "digits 0-9 and a-f"),
        ("text:欧**", "masked words cannot be looked for"),
        ("key:***", "hidden keys cannot be looked for"),
        ('text:""', "masked words cannot be looked for"),
        ('rule:"R7', "is no value"),
        ('rule:R"7', "is too much behind the value"),
        (":x", "begins with its name"),
    ],
)
def test_what_is_no_filter_is_named_with_what_was_probably_meant(text, told):
    """Taken for something else it would show, close or send what nobody asked for."""
    with pytest.raises(NotAFilter, match=told):
        parse(text)


def test_the_grammar_tells_of_every_condition():
    """Help and documentation are made from the table that is read."""
    assert [*CONDITIONS] == [line.split(":")[0].strip() for line in grammar().splitlines()]
