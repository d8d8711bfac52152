"""What a mapping makes of the rows of a table: which change of its words says that they must be read again, and which does not."""

import pytest

from streams.mapping import load_site
from streams.mapping.taking import taken_rows
from streams.topics.control import Control, Controls, otherwise
from tests.unit.streams.domain.join.join_rig import SITE
from tests.unit.streams.mapping.test_which import CHARGES

HEAD = "mapping: join-his\n"
ALL = (HEAD, f"{HEAD}nulls: [x]\n")
BY_BOTH = ("settlement: settle_no", "settlement: {match: {settle_no: settle_no}}")


@pytest.fixture
def taken(tmp_path):
    """As what the site of the join's tests takes its rows, where some of its mapping's text is another."""

    def of(*changes):
        for file in SITE.parent.iterdir():
            text = file.read_text(encoding="utf-8")
            for old, new in changes:
                text = text.replace(old, new) if HEAD in text else text
            (tmp_path / file.name).write_text(text, encoding="utf-8")
        return next(tables for tables in taken_rows(load_site(tmp_path / "site.yaml")).values() if "h.charge" in tables)

    return of


def lines(more):
    return (CHARGES, f"{CHARGES}{more}")


@pytest.mark.parametrize(
    ("before", "now", "owed"),
    [
        ([], [lines(", where: {status: [5]}")], {"h.charge": ("where",)}),
        ([lines(", where: {status: [5, 6]}")], [lines(", where: {status: [5]}")], {"h.charge": ("where",)}),
        ([lines(", where: {status: [5]}")], [], {"h.charge": ("where",)}),
        ([], [lines(", nulls: [x]")], {"h.charge": ("nulls",)}),
        ([], [ALL], {"h.visit": ("lookups", "nulls"), "h.settle": ("lookups", "nulls"), "h.charge": ("nulls",)}),
        ([lines(", nulls: [x]")], [ALL], {"h.visit": ("lookups", "nulls"), "h.settle": ("lookups", "nulls")}),
        ([], [BY_BOTH], {"h.charge": ("settlement",)}),
        ([], [("BKKP_SN: charge_id", "BKKP_SN: settle_no")], {"h.charge": ("record key",)}),
        ([], [("fee: org}", "fee: {constant: H36110200001}}")], {"h.charge": ("institution",)}),
        ([lines(", where: {status: [5, 6]}")], [lines(', where: {status: ["6", "5"]}')], {}),
        ([], [(HEAD, "mapping: another-name\n"), ("TEL: tel", "TEL: addr")], {}),
    ],
)
def test_a_word_that_decides_about_rows_that_are_known_names_their_tables(taken, before, now, owed):
    """Without a word, half of the rows would be what the mapping of then made of them, and half what it makes of them now."""
    was = taken(*before)
    assert owed == otherwise(was, taken(*now))


def test_a_table_that_is_new_is_not_told_twice(taken):
    """That its rows are not captured yet is said by what capture has more."""
    now = taken()
    assert {} == otherwise({table: words for table, words in now.items() if table != "h.charge"}, now)


def test_what_is_remembered_is_read_back_and_an_earlier_entry_says_nothing(taken):
    """Entries of an earlier version have no word of it: what was taken then is not known, and not guessed."""
    control, controls = Control(source="his", facts={"log": 1}, at="now", by="me", taken=taken()), Controls()
    controls.take([control.dump()])
    assert control == controls.by_source["his"]
    controls.take([control.dump().replace(b'"taken"', b'"other"')])
    assert {} == controls.by_source["his"].taken
