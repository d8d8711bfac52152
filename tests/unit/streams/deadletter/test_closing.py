"""What closes a letter, as a message and as a file that a clerk writes."""

import pytest

from streams.deadletter.closing import ClosedBy, Closing, confirmation, encode_closing, needs_evidence, read_confirmations
from streams.deadletter.record import letter_id, read_dead_letter
from streams.domain.changes import Incoming
from streams.errors import Misconfigured
from tests.unit.streams.deadletter.index.in_memory import indexed, message
from tests.unit.streams.deadletter.test_record import CANARY_ID, CANARY_NAME, LETTER

CLOSING = Closing(id=letter_id(LETTER), at=1_700_000_000_009, by=ClosedBy.HAND, who="me@here", why="checked", evidence="")


def closing(offset=1, **more):
    said = {name: getattr(CLOSING, name) for name in ("id", "at", "by", "who", "why", "evidence")} | more
    key, value, headers = encode_closing(Closing(**said))
    return Incoming("visit.dead", 0, offset, key, value, tuple(headers), 0)


def test_a_closed_letter_says_who_closed_it_by_what_and_why():
    """A year later somebody asks why a visit was never reported."""
    index = indexed([message(LETTER), closing(by=ClosedBy.EVIDENCE, evidence="WX-17")])
    [letter] = index.listed("closed")
    assert (LETTER.dead_class, 0, CLOSING.at) == (letter.dead_class, letter.offset, letter.closed)
    [event] = index.history(CLOSING.id)
    assert (CLOSING.at, "evidence", "me@here", "checked", "WX-17") == event


def test_an_earlier_version_takes_it_for_closed_too():
    """Two versions run beside each other during an upgrade; both count the same letters."""
    view = read_dead_letter(closing())
    assert (CLOSING.id, CLOSING.at, CLOSING.at) == (view.id, view.closed_at, view.last_failed_at)


def test_a_reason_holds_nothing_personal():
    """It stands in a header, which any tool shows."""
    headers = closing(why=f"姓名：{CANARY_NAME} {CANARY_ID} 已核对").headers
    told = b" ".join(value for _, value in headers).decode()
    assert "已核对" in told
    assert not [canary for canary in (CANARY_NAME, CANARY_ID) if canary in told]


@pytest.mark.parametrize(
    ("dead_class", "rule", "needs"),
    [
        ("WITHDRAWN", "DELETED_AFTER_REPORT", True),
        ("WITHDRAWN", "KEY_CHANGED_AFTER_REPORT", True),
        ("WITHDRAWN", "WITHDRAWALS_HELD", False),
        ("VALIDATION", "R7", False),
    ],
)
def test_only_what_the_platform_still_has_needs_its_word(dead_class, rule, needs):
    """A notice about a table is no record."""
    assert needs is needs_evidence(dead_class, rule)


@pytest.mark.parametrize("text", ["", "a b", "x" * 65, CANARY_ID, "WX,17", "确认"])
def test_what_is_no_number_of_the_platform_is_refused(text):
    """It would stand in the history as if somebody had confirmed it; a patient's number would stand there for ever."""
    with pytest.raises(Misconfigured, match="a confirmation is the number"):
        confirmation(text)


def test_a_file_of_confirmations_is_read_and_told_what_was_not_understood():
    """Saved by Excel, with a first line of names, and mistakes of those who write by hand."""
    lines = [
        "\ufeff编号,确认号",
        "S1,WX-1",
        "",
        "# by telephone",
        '"3fa4c1"\tWX-2',
        "S2",
        ",WX-3",
        "S3,no number",
        "S1,WX-9",
        "S1,WX-1",
    ]
    found = read_confirmations(lines)
    assert {"S1": "WX-1", "3fa4c1": "WX-2"} == found.numbers
    assert ["line 6", "line 7", "line 8", "line 9"] == [one.partition(":")[0] for one in found.not_understood]
