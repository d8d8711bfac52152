"""How a line finds its settlement in its visit: by what stands in both, by the settlement's list of lines, or as the only one."""

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.normalise.settled_by import as_matched
from streams.mapping import compile_site
from streams.mapping.columns import columns_by_table
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, LIMITS, SETTLE, TABLES, VISIT, Join, envelope
from tests.unit.streams.mapping.changed_site import load_changed

CHARGES = "key: [charge_id], visit_key: visit_id, settlement: settle_no}"
PAID = "{match: {charged_at: paid_at}}"
LISTED = '{lines: {list: line_ids, by: ","}}'


@pytest.fixture
def load(tmp_path):
    """The site of the tests of the join, with another `settlement` of its lines."""

    def loaded(settlement, key="[charge_id]"):
        def change(text):
            text = text.replace(CHARGES, f"key: {key}, visit_key: visit_id, settlement: {settlement}}}")
            return text.replace(
                "      SETL_ID: settle_no\n      FIXMEDINS", "      SETL_ID: {column: settle_no, of: settlement}\n      FIXMEDINS"
            )

        return load_changed(tmp_path, change)

    return loaded


@pytest.fixture
def join(load):
    """A visit that is reported, and a join of the site with this `settlement`."""

    def of(settlement):
        mappings = compile_site(load(settlement))
        return Settling(joiner=Joiner(mappings, LIMITS, zone=mappings["his"].dialect.zone)).happens("h.visit")

    return of


class Settling(Join):
    def happens(self, table, op="c", **columns):
        self.place += 1
        self.send(envelope(table, op, TABLES[table] | columns, at=self.place, txId=self.place))
        return self


def test_the_sample_rows_are_what_the_tests_think():
    """Lines of one visit, and two settlements of it."""
    assert VISIT["visit_id"] == SETTLE["visit_id"] == CHARGE["visit_id"]


def test_lines_go_to_the_settlement_that_was_paid_when_they_were_charged(join):
    """In one system this placed every line, where the column that looks like the link placed two thirds."""
    join = join(PAID)
    join.happens("h.charge", charge_id="C1", charged_at="2024-05-01T12:00:00Z").happens(
        "h.charge", charge_id="C2", charged_at="2024-05-01T12:30:00Z"
    )
    assert ["unsettled"] * 2 == [row.waits_for for row in join.rows() if row.table == "h.charge"]
    join.happens("h.settle", settle_no="S1", paid_at="2024-05-01T12:00:00.000000Z")
    join.happens("h.settle", settle_no="S2", paid_at="2024-05-01 12:30:00")
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d C1", "setl_d S2", "fee_list_d C2"] == join.reported()
    assert [b'"SETL_ID":"S1"' in join.last()["fee_list_d", "H36110200001", "C1"], []] == [True, join.letters()]


def test_a_line_that_two_settlements_fit_waits_and_names_them(join):
    """The one captured last is not the right one by that alone; and when it goes, the other one is."""
    join = join(PAID)
    for number in ("S1", "S2"):
        join.happens("h.settle", settle_no=number, paid_at="2024-05-01T12:00:00Z")
    join.happens("h.charge", charged_at="2024-05-01T12:00:00Z").tick(after_ms=DAY_MS)
    assert ["AMBIGUOUS AMBIGUOUS_SETTLEMENT"] == join.letters()
    join.happens("h.settle", "u", settle_no="S2", paid_at="2024-05-01T13:00:00Z")
    assert "fee_list_d C1" == join.reported()[-1]


def test_a_settlement_that_gets_another_time_gives_its_lines_up(join):
    """What was reported of them is told, as of lines whose settlement went."""
    join = join(PAID)
    join.happens("h.settle", paid_at="2024-05-01T12:00:00Z").happens("h.charge", charged_at="2024-05-01T12:00:00Z")
    assert "fee_list_d C1" == join.reported()[-1]
    join.happens("h.settle", "u", paid_at="2024-05-02T12:00:00Z")
    assert ["unsettled"] == [row.waits_for for row in join.rows() if row.table == "h.charge"]


def test_a_settlement_lists_its_lines(join):
    """As a comma list of their ids; a number is not found inside of another one."""
    join = join(LISTED)
    for number in ("1", "11", "12"):
        join.happens("h.charge", charge_id=number)
    join.happens("h.settle", settle_no="S1", line_ids="12, 1")
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d 1", "fee_list_d 12"] == join.reported()
    join.happens("h.settle", "u", settle_no="S1", line_ids="12,1,11")
    assert "fee_list_d 11" == join.reported()[-1]


def test_the_only_settlement_of_a_visit_is_meant_until_there_are_two(join):
    """The same as to say nothing, and said."""
    join = join("{only: true}")
    join.happens("h.settle").happens("h.charge", settle_no=None)
    assert "fee_list_d C1" == join.reported()[-1]
    join.happens("h.settle", settle_no="S2").happens("h.charge", charge_id="C2", settle_no=None).tick(after_ms=DAY_MS)
    assert "AMBIGUOUS AMBIGUOUS_SETTLEMENT" in join.letters()


@pytest.mark.parametrize(("settlement", "own", "other"), [(PAID, "charged_at", "paid_at"), (LISTED, "charge_id", "line_ids")])
def test_what_decides_is_captured(load, settlement, own, other):
    """Of both tables, and of no other one."""
    columns = columns_by_table(load(settlement).mappings["his"])
    assert (True, True, False) == (own in columns["h.charge"], other in columns["h.settle"], other in columns["h.charge"])


@pytest.mark.parametrize(
    ("settlement", "key", "message"),
    [
        ("{match: {}}", "[charge_id]", "tables[2].settlement: needs exactly one of `column`, `match`, `lines`, `through`, `only`"),
        ("{only: true, match: {a: b}}", "[charge_id]", "tables[2].settlement: needs exactly one of"),
        ("{mach: {a: b}}", "[charge_id]", "tables[2].settlement.mach: is not known here (did you mean `match`?)"),
        ("{lines: {list: ids}}", "[org, charge_id]", "tables[2].settlement.lines: needs `line`"),
    ],
)
def test_what_cannot_be_found_is_told_before_it_runs(load, settlement, key, message):
    """With its place."""
    told = load(settlement, key)
    assert [one for one in told if one.startswith(message)], told


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2024-05-01T12:00:00Z", "2024-05-01 12:00:00.000", True),
        ("2024-05-01T12:00:00.100000Z", "2024-05-01T12:00:00.1Z", True),
        ("2024-05-01T12:00:00Z", "2024-05-01T12:00:01Z", False),
        ("7 ", "7", True),
        ("7.00", "7", True),
        ("07", "7", False),
    ],
)
def test_values_of_two_columns_are_compared_as_what_they_say(one, other, same):
    """A timestamp(0) here is a timestamp(6) there, a char(4) a varchar."""
    assert same == (as_matched(one) == as_matched(other))
