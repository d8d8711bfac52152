"""A line of a list, from what a letter tells: every reason has a way out, and every class a sheet."""

from zoneinfo import ZoneInfo

import pytest

from streams.deadletter.document import MaskedDocument, MaskedViolation
from streams.deadletter.owners import OF_RULES, Owner
from streams.deadletter.sheet.lines import Content, Lines
from streams.deadletter.sheet.words import OTHERS, OWNERS, age_words, mending_words, place_words
from streams.domain.violations import DeadClass
from tests.unit.streams.domain.join.join_rig import mappings
from tests.unit.yibao.test_letters_taken_in import ONE

LINES = Lines(site="h", zone=ZoneInfo("Asia/Shanghai"), now_ms=90_000_000, mappings={"h": mappings()})
LETTER = ONE._replace(
    service="fee_list_d", field="CNT", cause="1.234", message="CNT/DECIMAL 数量不是数字", first=3_600_000, owner="clerk"
)


def violation(field, message, *, level="refuse", masked="", clause="§3.3.1 #12"):
    return MaskedViolation(field=field, rule="R", level=level, clause=clause, masked=masked, message=message)


def document(*violations):
    masked = MaskedDocument(rows={}, record={}, violations=violations, unread=None)
    return Content(masked=masked, clear=masked)


@pytest.mark.parametrize("dead_class", list(DeadClass))
@pytest.mark.parametrize("rule", ["", "R1", "REQUIRED", *OF_RULES])
def test_every_class_says_in_chinese_what_to_do(dead_class, rule):
    """A clerk who does not know what to do does nothing."""
    assert any("一" <= one <= "鿿" for one in mending_words(dead_class, rule))


def test_a_class_and_an_owner_of_a_later_version_are_listed_all_the_same():
    """What is not listed is mended by nobody."""
    told = LINES.line(LETTER._replace(dead_class="NEWER", owner="somebody"), Content(), ())
    assert (OTHERS, True) == (told.owner, "更新的版本" in told.mending)
    assert {*OWNERS} == {*Owner}


def test_all_that_is_wrong_is_told_at_once_and_what_only_warns_is_not():
    """A row that is mended twice costs two days."""
    several = document(
        violation("CNT", "数量不是数字", masked="x"),
        violation("PRIC", "单价必填", clause="§3.3.1 #13"),
        violation("SPEC", "只是提醒", level="warn"),
    )
    told = LINES.line(LETTER, several, ("h.charge.amount of C1",))
    assert ("数量不是数字；单价必填", "§3.3.1 #12；§3.3.1 #13", "x") == (told.reason, told.clause, told.value)
    assert "数量,医药机构上传 CNT、单价,医药机构上传 PRIC" == told.field
    assert ("h.charge.amount（主键 C1）", "1970-01-01 09:00:00", "1天0小时") == (told.place, told.first, told.age)


def test_a_letter_whose_content_is_gone_is_told_by_what_the_index_knows():
    """Its message went with the retention; the letter is open still."""
    told = LINES.line(LETTER, Content(), ())
    assert ("CNT/DECIMAL 数量不是数字", "1.234", "", "§3.3.1 #13") == (told.reason, told.value, told.patient, told.clause)


def test_ages_and_places_are_in_the_offices_words():
    """Not `3d 4h`, and not `of`."""
    assert ("3天4小时", "0小时7分", "0小时0分") == (age_words(273_600_000), age_words(420_000), age_words(-5))
    assert ("his.a.b", "his.a.b（主键 7/8）") == (place_words("his.a.b"), place_words("his.a.b of 7/8"))
