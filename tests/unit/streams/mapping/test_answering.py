"""What a site says of its platform's answers is one table, or it is refused before anything is sent."""

import pytest
from pydantic import ValidationError

from streams.mapping.answering import Answers
from streams.spec.answers import ANSWERS, AnswerClass
from streams.spec.profiles import REPORTING


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"accepted": ["0"], "refused": ["0000"]}, "code 0 is both `accepted` and `refused`"),
        ({"retry": [7], "hold": ["7"]}, "code 7 is both `retry` and `hold`"),
        ({"accepted": [40005]}, "`accepted` names 40005, whose meaning is fixed: repeated"),
        ({"hold": ["40005"]}, "see `platform.repeats_refused`"),
        ({"refused": [200]}, "`refused` names 200, the interface's success, and `accepted` names no other code"),
        ({"hold": [200], "accepted": ["0200"]}, "code 200 is both `accepted` and `hold`"),
        ({"accepted": ["two words"]}, "must be a code of at most 16 characters"),
        ({"code": "data..code"}, "must be a member's name"),
        ({"code": "a.b.c.d.e"}, "must be a member's name"),
        ({"accepts": [0]}, "Extra inputs"),
        ({"code": "flag", "harmless_members": ["flag"]}, "`harmless_members` names flag, where the code stands"),
        ({"harmless_members": ["data..status"]}, "must be a member's name"),
        ({"harmless_statuses": [302]}, "less than or equal to 299"),
    ],
    ids=str,
)
def test_what_contradicts_itself_is_refused(written, told):
    """A code that is both accepted and refused would be decided by the order of a dictionary."""
    with pytest.raises(ValidationError, match=r".") as found:
        Answers.model_validate(written)
    assert told in f"{found.value}"


def test_a_sites_codes_stand_in_the_interfaces_table():
    """One table, whoever wrote the row; what the site does not name stays as the interface says it."""
    profile = Answers.model_validate({"accepted": [0, True, 200], "refused": ["E1"], "retry": [1], "hold": [40001]}).profile()
    kinds = {code: answer.answer_class for code, answer in profile.answers.items()}
    expected = {code: answer.answer_class for code, answer in ANSWERS.items()} | {
        "0": AnswerClass.ACCEPTED,
        "true": AnswerClass.ACCEPTED,
        "E1": AnswerClass.REFUSED,
        "1": AnswerClass.RETRY,
        "40001": AnswerClass.HELD,
    }
    assert expected == kinds
    assert AnswerClass.UNKNOWN is profile.classify("2")
    assert ANSWERS["200"] == profile.answers["200"]


def test_a_platform_whose_200_is_only_the_gateways_may_say_so():
    """There the real success has another code, and 200 alone must not get a receipt."""
    profile = Answers.model_validate({"accepted": [0], "hold": [200]}).profile()
    assert (AnswerClass.ACCEPTED, AnswerClass.HELD) == (profile.classify("0"), profile.classify("200"))


def test_a_site_that_says_nothing_has_the_interfaces_table():
    """The default is the interface, and no copy of it."""
    assert REPORTING == Answers().profile()
