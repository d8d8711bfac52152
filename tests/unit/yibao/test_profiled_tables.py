"""What a profile asks of which table: what a line reads of its visit stands in the tables of visits that it may belong to."""

from streams.spec.fields import ServiceCode
from tests.unit.streams.mapping.test_differing import STAY, WARD
from tests.unit.streams.mapping.test_links import FEE, load
from yibao.profiling.profile import masked
from yibao.profiling.uses import links_of, uses_by_table

__all__ = ["load"]

CHARGE = FEE.replace("}", ", settlement: settle_no, fields: {RX_DRORD_NO: {column: desk, of: visit}}}")
WARDS = "prefix: W-, record_prefix: W-"
BILL = f"  - {{table: his.bill, role: settlement, key: [bill_no], visit_key: visit_id, {WARDS}, fields: {{SETL_ID: bill_no}}}}\n"
NUMBERS = "BKKP_SN: id, SETL_ID: {column: bill_no, of: settlement}"
BED = f"fields: {{{NUMBERS}, RX_DRORD_NO: {{lookup: patient, by: [{{column: bed, of: visit}}], column: sex}}}}"
OTHER = WARD.replace("}", f", settlement: settle_no, {WARDS}, {BED}}}")


def test_a_column_is_asked_for_where_rows_with_the_prefix_may_have_it(load):
    """Asked for in the other system's table it does not exist, and nothing of that table was judged."""
    site = load(CHARGE + OTHER + STAY + BILL)
    uses = uses_by_table(site, "his")
    assert "desk" in uses["his.visit"]
    assert "desk" not in uses["his.ward"]
    assert {"bill_no"} == {"bill_no"} & uses["his.bill"].keys() - uses["his.settle"].keys()
    assert ServiceCode.FEE in {use.service for use in uses["his.bill"]["bill_no"]}


def test_a_number_is_looked_for_among_those_of_its_own_system(load):
    """A line whose settlement is missing counted as whole where the other system had that number."""
    site = load(CHARGE + OTHER + STAY + BILL)
    found = {(what, of.table): [name for name, _ in of.others] for what, of in links_of(site, "his")}
    assert ["his.settle"] == found["settlement", "his.charge"]
    assert ["his.bill"] == found["settlement", "his.ward_charge"]
    asked = {of.table for what, of in links_of(site, "his") if what == "lookup patient" and of.columns == ("bed",)}
    assert {"his.ward"} == asked


def test_an_example_is_masked_as_the_personal_field_demands_that_its_column_also_feeds(load):
    """A name that is mapped to a date of birth by a slip was printed whole."""
    site = load(CHARGE)
    uses = next(found for of in uses_by_table(site, "his").values() for found in of.values() if found[0].step.name == "PSN_NAME")
    others = next(found for of in uses_by_table(site, "his").values() for found in of.values() if found[0].step.name == "CNT")
    assert ("禾**", "禾甲乙") == (masked("禾甲乙", [*others, *uses]), masked("禾甲乙", others))
