"""The judge of a run: it must find every way in which reporting can go wrong, or a green run proves nothing."""

from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from sandbox.judge import Acceptance, Ending, judge, read_endings
from streams.deadletter.record import DeadLetterView, record_key_hash

SETTLED = Ending(
    id=("setl_d", "H1", "S1"),
    row_key="s-1",
    outcome="accepted",
    dead_class="",
    rule="",
    versions=("v1", "v2"),
    amount=Decimal("12.30"),
)
LINE = replace(SETTLED, id=("fee_list_d", "H1", "C1"), row_key="c-1", versions=("w1",), amount=Decimal(0))
REFUSED = replace(
    LINE, id=("fee_list_d", "H1", "C2"), row_key="c-2", outcome="refused", versions=(), dead_class="VALIDATION", rule="R1"
)
WITHDRAWN = replace(
    LINE, id=("fee_list_d", "H1", "C3"), row_key="c-3", outcome="withdrawn", dead_class="WITHDRAWN", rule="DELETED_AFTER_REPORT"
)
DENIED = replace(REFUSED, id=("fee_list_d", "H1", "C4"), row_key="c-4", dead_class="REJECTED", rule="40003", versions=("x1",))
ENDINGS = [SETTLED, LINE, REFUSED, WITHDRAWN, DENIED]


def accepted(ending, content_hash, msgid, amount=None):
    return Acceptance(id=ending.id, content_hash=content_hash, msgid=msgid, amount=ending.amount if amount is None else amount)


ACCEPTANCES = [
    accepted(SETTLED, "v1", "m1"),
    accepted(LINE, "w1", "m2"),
    accepted(SETTLED, "v2", "m3"),
    accepted(WITHDRAWN, "w1", "m4"),
]


def letter(ending, *, key=None, number=0, **changes):
    view = DeadLetterView(
        id=f"{ending.row_key}-{number}",
        dead_class=ending.dead_class,
        rule=ending.rule,
        stage="join",
        owner="clerk",
        service=ending.id[0],
        institution=ending.id[1],
        record_key_hash=record_key_hash(ending.id[0], ending.id[2] if key is None else key),
        content_hash="",
        mapping_version="",
        http_status="",
        platform_code="",
        message="",
        msgid="",
        attempts=1,
        first_failed_at=0,
        last_failed_at=0,
        replay_count=0,
        replay_id="",
        source="",
        partition=0,
        offset=0,
        key=None,
        value=None,
        original_headers=(),
    )
    return replace(view, **changes)


LETTERS = [letter(REFUSED), letter(WITHDRAWN), letter(DENIED, rule="40001")]


def test_a_run_that_went_right_is_right():
    """Otherwise nothing that follows means anything."""
    found = judge(ENDINGS, ACCEPTANCES, LETTERS)
    assert found.ok, found
    assert found.expected == {"setl_d": 1, "fee_list_d": 2}
    assert found.accepted == {"setl_d": 1, "fee_list_d": 2}
    assert found.dead_letters == {"VALIDATION": 1, "WITHDRAWN": 1, "REJECTED": 1}
    assert found.amounts == {"H1": (Decimal("12.30"), Decimal("12.30"))}


FAULTS = {
    "a record was not accepted": (ACCEPTANCES[:1] + ACCEPTANCES[2:], LETTERS, "missing"),
    "its last version was not accepted": ([one for one in ACCEPTANCES if one.msgid != "m3"], LETTERS, "missing"),
    "a record was accepted that must be refused": ([*ACCEPTANCES, accepted(REFUSED, "z", "m9")], LETTERS, "unexpected"),
    "a content was accepted that the database never showed": ([*ACCEPTANCES, accepted(LINE, "z", "m9")], LETTERS, "unexpected"),
    "a record was accepted that nobody foresaw": (
        [*ACCEPTANCES, Acceptance(id=("setl_d", "H1", "S9"), content_hash="z", msgid="m9", amount=Decimal(0))],
        LETTERS,
        "unexpected",
    ),
    "one content was accepted twice": ([*ACCEPTANCES, accepted(LINE, "w1", "m9")], LETTERS, "doubled"),
    "an older version came after a newer one": (
        [accepted(SETTLED, "v2", "m0"), *ACCEPTANCES[:2], accepted(SETTLED, "v2", "m0"), *ACCEPTANCES[3:]],
        LETTERS,
        "out_of_order",
    ),
    "a refusal has no dead letter": (ACCEPTANCES, LETTERS[1:], "missing"),
    "a refusal has a dead letter of another rule": (ACCEPTANCES, [letter(REFUSED, rule="R2"), *LETTERS[1:]], "missing"),
    "a withdrawal has no dead letter": (ACCEPTANCES, [LETTERS[0], LETTERS[2]], "missing"),
    "a dead letter explains nothing": (ACCEPTANCES, [*LETTERS, letter(LINE, dead_class="VALIDATION", rule="R1")], "unexpected"),
    "a dead letter without a key explains nothing": (ACCEPTANCES, [*LETTERS, letter(REFUSED, record_key_hash="")], "unexpected"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_each_fault_is_found(fault):
    """A judge that misses one lets it pass in every run."""
    acceptances, letters, kind = FAULTS[fault]
    found = judge(ENDINGS, acceptances, letters)
    assert not found.ok
    assert getattr(found, kind), found


def test_amounts_that_differ_by_a_cent_are_found():
    """Money is what the supervision counts."""
    wrong = [replace(one, amount=Decimal("12.31")) if one.msgid == "m3" else one for one in ACCEPTANCES]
    found = judge(ENDINGS, wrong, LETTERS)
    assert (found.ok, found.amounts) == (False, {"H1": (Decimal("12.30"), Decimal("12.31"))})


def test_the_same_batch_answered_twice_is_one_acceptance():
    """A journal may hold the answer and the repeated answer to one msgid."""
    assert judge(ENDINGS, [*ACCEPTANCES, ACCEPTANCES[-1]], LETTERS).ok


def test_a_content_that_the_database_showed_twice_may_be_accepted_twice():
    """Changed and changed back are two corrections."""
    back = replace(LINE, versions=("w1", "w2", "w1"))
    acceptances = [*ACCEPTANCES, accepted(LINE, "w2", "m8"), accepted(LINE, "w1", "m9")]
    assert judge([SETTLED, back, REFUSED, WITHDRAWN, DENIED], acceptances, LETTERS).ok
    again = judge([SETTLED, back, REFUSED, WITHDRAWN, DENIED], [*acceptances, accepted(LINE, "w1", "m10")], LETTERS)
    assert again.doubled


def test_a_content_that_the_database_showed_again_may_come_behind_another_one_for_the_first_time():
    """Whoever captures a line that was away sees it there first, and then as it was. What is older than that is still found."""
    others = [one for one in ACCEPTANCES if one.id != LINE.id]
    back = replace(LINE, versions=("w0", "w1", "w2", "w1"))
    came = [*others, accepted(LINE, "w2", "m8"), accepted(LINE, "w1", "m9")]
    assert judge([SETTLED, back, REFUSED, WITHDRAWN, DENIED], came, LETTERS).ok
    assert judge([SETTLED, back, REFUSED, WITHDRAWN, DENIED], [*came, accepted(LINE, "w0", "m10")], LETTERS).out_of_order


def test_a_dead_letter_may_name_the_row_or_the_record_or_neither():
    """The join knows the row's key where no record came about, and neither where the row has no place."""
    for one in (letter(REFUSED, key="c-2"), letter(REFUSED, record_key_hash="")):
        assert judge(ENDINGS, ACCEPTANCES, [one, *LETTERS[1:]]).ok


def test_a_platform_that_is_not_known_may_refuse_with_words_of_its_own():
    """Its rules were not foreseen; what it refused must then have its letter, and nothing else is forgiven."""
    acceptances = [accepted(DENIED, "x1", "m0"), *(one for one in ACCEPTANCES if one.id != LINE.id)]
    letters = [*LETTERS[:2], letter(LINE, dead_class="REJECTED", rule="40000")]
    assert judge(ENDINGS, acceptances, letters, platform_is_known=False).ok
    assert not judge(ENDINGS, acceptances, LETTERS[:2], platform_is_known=False).ok
    assert not judge(ENDINGS, acceptances, letters).ok


def test_expectations_are_read_from_the_hospitals_file(tmp_path):
    """One line of JSON each; money as text, counted of settlements only."""
    line = {
        "service": "setl_d",
        "institution": "H1",
        "key": "S1",
        "row_key": "s-1",
        "outcome": "accepted",
        "class": "",
        "rule": "",
        "versions": ["v1", "v2"],
        "fields": {"MEDFEE_SUMAMT": "12.30"},
    }
    fee = {**line, "service": "fee_list_d", "key": "C1", "row_key": "c-1", "versions": ["w1"], "fields": {}}
    file = tmp_path / "expected.jsonl"
    file.write_bytes(orjson.dumps(line) + b"\n\n" + orjson.dumps(fee) + b"\n")
    assert read_endings(file) == [SETTLED, LINE]


@pytest.mark.parametrize("withdrawn", [3, 20])
def test_a_record_that_was_deleted_before_it_was_reported_is_not_missing(withdrawn):
    """Its lookup row came a moment after its deletion: database and platform agree, and there is nothing to take back."""
    many = [replace(WITHDRAWN, id=("fee_list_d", "H1", f"D{n}"), row_key=f"d-{n}") for n in range(withdrawn)]
    acceptances = [accepted(ending, "w1", f"m{ending.row_key}") for ending in many]
    letters = [letter(ending) for ending in many]
    judgement = judge(many, acceptances[1:], letters[1:], is_over=True)
    assert (True, ["fee_list_d/H1/D0"]) == (judgement.ok, judgement.unseen)
    assert judge(many, acceptances[1:], letters[1:]).missing, "it may still be under way"


def test_more_may_have_gone_unseen_where_it_is_known_that_nobody_could_see_them():
    """Capture stood with the topic of their patients: each of them is known by the brokers' own clock, and excuses no other one."""
    many = [replace(WITHDRAWN, id=("fee_list_d", "H1", f"D{n}"), row_key=f"d-{n}") for n in range(20)]
    acceptances = [accepted(ending, "w1", f"m{ending.row_key}") for ending in many]
    letters = [letter(ending) for ending in many]
    known = {("fee_list_d", f"d-{n}") for n in range(5)}
    assert judge(many, acceptances[6:], letters[6:], is_over=True, unseeable=known).ok
    faulty = judge(many, acceptances[8:], letters[8:], is_over=True, unseeable=known)
    assert {f"fee_list_d/H1/D{n}" for n in (5, 6, 7)} == {told.partition(":")[0] for told in faulty.missing}


def test_the_letter_of_a_row_that_may_have_been_mended_before_it_was_read_may_be_there_or_not():
    """A hospital works while capture begins; a row that was wrong until a moment before it is read is never told."""
    unread = {(REFUSED.id[0], REFUSED.row_key)}
    assert judge([REFUSED], [], [letter(REFUSED)], unread=unread).ok
    assert judge([REFUSED], [], [], unread=unread).ok
    assert judge([REFUSED], [], []).missing


def test_what_may_have_become_wrong_before_it_was_read_may_be_accepted_or_not():
    """Nobody saw it as it was right; but what was reported of it is its last right version."""
    spoilt = {(LINE.id[0], LINE.row_key)}
    assert judge([LINE], [], [], spoilt=spoilt).ok
    assert judge([LINE], [accepted(LINE, LINE.versions[-1], "m1")], [], spoilt=spoilt).ok
    assert judge([LINE], [accepted(LINE, "another", "m1")], [], spoilt=spoilt).missing
    assert judge([LINE], [], []).missing


@pytest.mark.parametrize(("acceptances", "letters"), [(1, 0), (0, 1), (2, 2)])
def test_half_a_withdrawal_or_too_many_that_nobody_saw_are_missing(acceptances, letters):
    """The exception for a rare race must not hide a loss."""
    many = [replace(WITHDRAWN, id=("fee_list_d", "H1", f"D{n}"), row_key=f"d-{n}") for n in range(20)]
    kept = [accepted(ending, "w1", f"m{ending.row_key}") for ending in many[acceptances:]]
    judgement = judge(many, kept, [letter(ending) for ending in many[letters:]], is_over=True)
    assert not judgement.ok
    assert judgement.missing
