"""The chaos suite's own judgement: a suite that cannot find a fault proves nothing."""

import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.judge import Ending
from sandbox.platform.rows import is_refused_key
from tests.chaos.scenarios import NAMES, USUAL, named
from tests.chaos.seams import ShiftedClock, set_shift
from tests.chaos.verdict import Refusing, before_owner, compare_receipts, expectations, missing, overtaken_refunds, repeated_letters

HOSPITAL, PHARMACY = "H1", "P1"


def ending(service, key, *, outcome="accepted", dead_class="", rule="", versions=("v1",)):
    return Ending(
        id=(service, HOSPITAL, key),
        row_key=key,
        outcome=outcome,
        dead_class=dead_class,
        rule=rule,
        versions=versions,
        amount=Decimal(0),
    )


def entry(n, service, key, *, institution=HOSPITAL, visit="V", settlement="S", shown="v1"):
    value = json.dumps({"MDTRT_ID": visit, "SETL_ID": settlement})
    return {"n": n, "service": service, "institution": institution, "key": key, "hash": shown, "msgid": f"m{n}", "value": value}


ENDINGS = [ending("mdtrt_d", "V"), ending("setl_d", "S"), ending("fee_list_d", "F")]
IN_ORDER = [entry(1, "mdtrt_d", "V"), entry(2, "setl_d", "S"), entry(3, "fee_list_d", "F")]


def test_a_visit_its_settlement_and_its_lines_in_this_order_are_in_order():
    """What is right must not be reported, or nobody reads the reports."""
    assert [] == before_owner(IN_ORDER)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 0, 1)])
def test_a_record_before_what_it_belongs_to_is_out_of_order(order):
    """Whatever crashed meanwhile: the platform must know the visit and the settlement of a line."""
    journal = [{**IN_ORDER[place], "n": n} for n, place in enumerate(order, start=1)]
    assert before_owner(journal)


def test_a_record_whose_owner_was_refused_is_never_excused():
    """Whoever refused it, we or the platform: what belongs to it waits (R24)."""
    assert before_owner(IN_ORDER[1:])


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [("accepted", ("pending", "", "PARENT_REFUSED")), ("withdrawn", ("refused", "WITHDRAWN", "DELETED_AFTER_REPORT"))],
)
def test_what_belongs_to_what_the_platform_refuses_is_expected_to_wait(tmp_path: Path, outcome, becomes):
    """It is neither accepted nor a dead letter; where it was deleted meanwhile, the join told that all the same."""
    refusing = Refusing(percent=30.0, seed=7)
    visit = next(key for key in map(str, range(100)) if refusing.refuses(key))
    line = next(key for key in map(str, range(100)) if not refusing.refuses(key))
    end = {"class": "WITHDRAWN", "rule": "DELETED_AFTER_REPORT"} if outcome == "withdrawn" else {"class": "", "rule": ""}
    said = {"institution": HOSPITAL, "row_key": "1", "outcome": "accepted", "class": "", "rule": "", "versions": ["v1"]}
    fields = {"MDTRT_ID": visit, "MEDFEE_SUMAMT": "3.00"}
    lines = [
        said | {"service": "mdtrt_d", "key": visit, "fields": {"MDTRT_ID": visit}},
        said | {"service": "setl_d", "key": line, "fields": fields, "outcome": outcome} | end,
    ]
    file = tmp_path / "expected.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    endings = [ending for ending in expectations(file, refusing) if ending.id[0] == "setl_d"]
    assert [becomes] == [(ending.outcome, ending.dead_class, ending.rule) for ending in endings]
    assert 0 == missing(endings, [])


def test_a_refund_before_its_line_is_out_of_order():
    """Rule R9, as the platform's own books count it."""
    assert [] == overtaken_refunds({"order_violations": {"total": 3, "fee_list_d before setl_d": 3}})
    assert overtaken_refunds({"order_violations": {"total": 1, "refund before its line": 1}})


def test_pharmacies_report_no_visits():
    """A sale has no visit to wait for (§3.3.3)."""
    journal = [entry(1, "setl_d", "S", institution=PHARMACY), entry(2, "fee_list_d", "F", institution=PHARMACY)]
    assert [] == before_owner(journal)


def test_a_record_is_missing_until_its_last_version_is_accepted():
    """An old version at the platform is a wrong amount at the platform."""
    endings = [ending("setl_d", "S", versions=("v1", "v2"))]
    assert 1 == missing(endings, [entry(1, "setl_d", "S")])
    assert 0 == missing(endings, [entry(1, "setl_d", "S"), entry(2, "setl_d", "S", shown="v2")])


def test_receipts_must_be_one_for_each_accepted_record():
    """The ledger is what an auditor sees."""
    lost, doubled, alien = compare_receipts(IN_ORDER, [("m1", "V", "v1"), ("m2", "S", "v1"), ("m2", "S", "v1"), ("m9", "X", "v1")])
    assert (1, 1, 1) == (len(lost), len(doubled), len(alien))


def test_what_the_platforms_rule_refuses_is_expected_as_a_dead_letter(tmp_path: Path):
    """The judge knows the rule, so that a record refused by it is not lost and one that is not refused is."""
    keys = [f"K{number}" for number in range(300)]
    file = tmp_path / "expected.jsonl"
    line = {
        "service": "setl_d",
        "institution": HOSPITAL,
        "class": "",
        "rule": "",
        "versions": ["v1"],
        "fields": {"MEDFEE_SUMAMT": "1.00"},
    }
    file.write_text("".join(json.dumps({**line, "key": key, "row_key": key, "outcome": "accepted"}) + "\n" for key in keys))
    found = expectations(file, Refusing(percent=10.0, seed=3))
    refused = {each.id[2] for each in found if each.dead_class == "REJECTED"}
    assert {key for key in keys if is_refused_key(key, percent=10.0, seed=3)} == refused
    assert 0 < len(refused) < 100
    assert len(keys) == len(found)


def test_a_withdrawn_record_that_the_platform_refused_has_both_letters(tmp_path: Path):
    """The join reported it and lets it be withdrawn; that the platform refused it is another fact."""
    file = tmp_path / "expected.jsonl"
    line = {"service": "setl_d", "institution": HOSPITAL, "key": "K", "row_key": "K", "versions": ["v1"], "fields": {}}
    file.write_text(json.dumps({**line, "outcome": "withdrawn", "class": "WITHDRAWN", "rule": "DELETED_AFTER_REPORT"}) + "\n")
    found = expectations(file, Refusing(percent=100.0, seed=3))
    assert [("refused", "REJECTED"), ("refused", "WITHDRAWN")] == [(each.outcome, each.dead_class) for each in found]


def test_a_dead_letter_written_twice_is_found():
    """Only the letter of a row without a place may come again: nothing remembers such a row when capture repeats it."""

    def letter(number, record):
        headers = [("x-dlq-id", number.encode()), ("x-dlq-record-key-hash", record.encode())]
        return SimpleNamespace(key=None, value=None, headers=headers, partition=0, offset=0)

    once, twice, unplaced = letter("1", "a"), letter("2", "b"), letter("3", "")
    said, repeated = repeated_letters([once, twice, unplaced, twice, unplaced, unplaced])
    assert (1, 2) == (len(said), repeated)
    assert "letter 2" in said[0]


def test_a_shifted_clock_jumps_and_comes_back(tmp_path: Path):
    """The clock scenario must move clocks, or it shows nothing."""
    clock = ShiftedClock(tmp_path / "clock", lambda: 1_000_000)
    before = clock()
    set_shift(tmp_path / "clock", -600.0)
    moved = clock()
    set_shift(tmp_path / "clock", 0.0)
    assert (1_000_000, 400_000, 1_000_000) == (before, moved, clock())


def test_several_scenarios_in_one_run_have_the_needs_of_all():
    """Two faults together are run with the platform's rule of one and the small disk of the other."""
    both = named("rule-2-percent+disk-full").options
    assert (2.0, True) == (both.refuse_percent, both.small_disk)
    assert set(USUAL) | {"selection"} == set(NAMES)
