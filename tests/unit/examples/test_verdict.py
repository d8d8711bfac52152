"""The verdict on an example: each way in which the platform may differ from the hospital's tables is told."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from streams.deadletter.record import DeadLetterView, record_key_hash
from tests.examples.files import lines
from tests.examples.hospital import Expected, is_same
from tests.examples.verdict import Found, faults

EMPTY = DeadLetterView(**{one.name: "" for one in fields(DeadLetterView)})
SETTLEMENT, LINE = ("setl_d", "S1"), ("fee_list_d", "L1")
ROWS = {SETTLEMENT: {"SETL_ID": "S1", "MEDFEE_SUMAMT": Decimal(5)}, LINE: {"SETL_ID": "S1", "DET_ITEM_FEE_SUMAMT": Decimal(5)}}
SENT = {
    SETTLEMENT: {"SETL_ID": "S1", "MEDFEE_SUMAMT": "5.00"},
    LINE: {"BKKP_SN": "L1", "SETL_ID": "S1", "DET_ITEM_FEE_SUMAMT": "5.00"},
}


def told(*, gone=(), letters=(), waiting=None, **sent):
    """The faults where this was sent besides or in place of the right records; gone: no more expected."""
    standing = {name: row for name, row in ROWS.items() if name not in gone}
    expected = Expected(
        records=standing, sums={"S1": Decimal(5 if LINE in standing else 0)}, waiting={}, letters={}, rows=len(standing)
    )
    records = {**SENT, **{(key.partition("__")[0], key.partition("__")[2]): row for key, row in sent.items()}}
    found = Found(records={name: row for name, row in records.items() if row}, letters=tuple(letters), waiting=waiting or {})
    return list(faults(expected, found, gone={name: ROWS[name] for name in gone}))


def test_what_is_right_has_no_fault():
    """Zeros at the end of an amount say nothing."""
    assert [] == told()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"fee_list_d__L1": None}, "('fee_list_d', 'L1'): not accepted"),
        ({"fee_list_d__L1": {**SENT[LINE], "SETL_ID": "S2"}}, "SETL_ID 'S2', not 'S1'"),
        ({"fee_list_d__L1": {**SENT[LINE], "DET_ITEM_FEE_SUMAMT": "5.01"}}, "lines of settlement S1: 5.01, not 5"),
        ({"fee_list_d__L2": SENT[LINE]}, "('fee_list_d', 'L2'): accepted, and must not be"),
        ({"fee_list_d__L2": SENT[LINE]}, "lines of settlement S1: 10.00, not 5"),
        ({"waiting": {"unsettled": 1}}, "waiting: {'unsettled': 1}, not {}"),
        ({"waiting": {"unsettled": 1}}, "accepted, dead and waiting are 3, rows that count are 2"),
        ({"gone": [LINE]}, "('fee_list_d', 'L1'): gone, and no letter says so"),
    ],
)
def test_each_difference_is_told(sent, says):
    """A record under a wrong settlement, money twice, a row that is lost: what an example is to prove absent."""
    assert says in "\n".join(told(**sent))


def test_a_letter_says_of_a_record_that_is_gone_that_it_is_and_of_no_other():
    """The platform still has it, and only a person can take it back there."""
    withdrawn = replace(EMPTY, dead_class="WITHDRAWN", record_key_hash=record_key_hash(*LINE))
    assert [] == told(gone=[LINE], letters=[withdrawn])
    assert "WITHDRAWN, and its record stands" in "\n".join(told(letters=[withdrawn]))
    refused = replace(EMPTY, dead_class="MAPPING", rule="R20")
    assert "letters: {('MAPPING', 'R20'): 1}, not {}" in told(letters=[refused])


def test_an_amount_that_is_not_there_is_not_nought():
    """And a text is compared as it stands."""
    assert (False, True, False) == (is_same(Decimal(0), ""), is_same(None, ""), is_same("1", "1.0"))


def test_comments_behind_commands_are_not_typed(tmp_path):
    """What a page prints is what is typed."""
    (tmp_path / "page.md").write_text("# Head\n```\nyibao check   # all errors\nyibao dlq list\n```\n")
    assert ["yibao check", "yibao dlq list"] == lines(tmp_path / "page.md")
