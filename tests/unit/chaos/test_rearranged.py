"""What must be reported where a hospital sorts its lines anew: expectations that are wrong there hide a loss, or tell of one."""

from functools import cache

from sandbox.hospital import Oracle, Workload
from tests.chaos.rearranged import Exchange, rearranged

DAYS = Workload(visits=120, seed=5)


@cache
def played():
    """The transactions, and by line the contents that the database showed, in order."""
    transactions, found = [*rearranged(DAYS)], []
    oracle = Oracle(found.append, captured=True)
    for transaction in transactions:
        oracle.follow(transaction)
    oracle.finish()
    lines = [each for each in found if each.service == "fee_list_d"]
    return transactions, {each.row_key: each for each in lines if each.outcome == "accepted"}


def test_two_lines_that_exchange_their_keys_are_a_correction_of_each():
    """Each record says in the end what the other one said, but for its number."""
    transactions, lines = played()
    exchanged = [one for one in transactions if isinstance(one, Exchange)]
    assert len(exchanged) > 5
    for one, other in [each.changes for each in exchanged]:
        for change in (one, other):
            shown = lines[f"{change.key}"]
            assert (f"{change.key}", change.row["xmmc"]) == (shown.fields["BKKP_SN"], shown.fields["MEDINS_LIST_NAME"])
        assert len(lines[f"{one.key}"].versions) >= len({one.row["xmmc"], other.row["xmmc"]})


def test_a_line_that_goes_to_another_visit_and_comes_back_is_expected_as_it_was():
    """By transactions of their own, so that the other visit may have reported it: what comes last is what was there first."""
    transactions, lines = played()
    moves = [change for each in transactions for change in each.changes if change.left is not None]
    assert len(moves) > 10
    for key in {change.key for change in moves}:
        there, back = [change for change in moves if change.key == key]
        assert (there.row["jzlsh"], back.row["jzlsh"]) == (back.left, there.left)
        versions = lines[f"{key}"].versions
        assert versions[-1] == versions[-3] != versions[-2]


def test_nothing_else_changes_in_the_hospital():
    """Every visit is over once, and all that the hospital writes otherwise is written in its order."""
    transactions, _ = played()
    added = [each for each in transactions if isinstance(each, Exchange) or any(one.left is not None for one in each.changes)]
    usual = [each.changes for each in transactions if each not in added]
    assert [each.changes for each in DAYS] == usual
    assert sorted(key for each in DAYS for key in each.closes) == sorted(key for each in transactions for key in each.closes)
