"""Which columns `yibao check --live` compares: those in which one number would be two records, or two visits."""

from streams.mapping import load_site
from tests.unit.streams.domain.join.join_rig import SITE
from yibao.shared_numbers import pairs_of


def test_tables_of_one_service_are_compared_where_an_institution_has_rows_in_both():
    """Within one database and across two; a pharmacy's numbers may be those of the hospital next door."""
    pairs = {(one.names, one.table, other.table) for one, other in pairs_of(load_site(SITE))}
    assert {
        ("MDTRT_ID", "h.visit", "m.register"),
        ("SETL_ID", "h.settle", "c.settle"),
        ("SETL_ID", "h.settle", "m.bill"),
        ("SETL_ID", "h.settle", "m.other_bill"),
        ("SETL_ID", "m.bill", "m.other_bill"),
        ("BKKP_SN", "h.charge", "c.charge"),
        ("BKKP_SN", "h.charge", "m.item"),
        ("BKKP_SN", "h.charge", "m.named_item"),
        ("BKKP_SN", "m.item", "m.named_item"),
    } == pairs


def test_two_visit_tables_of_a_system_are_compared_by_their_visit_keys_too():
    """In- and outpatients with one number would get each other's name; what they report as MDTRT_ID may be another column."""
    site = load_site(SITE)
    many = site.mappings["many"]
    register = next(table for table in many.tables if table.role.value == "visit")
    beside = register.model_copy(update={"table": "m.ward"})
    twice = many.model_copy(update={"tables": (*many.tables, beside)})
    site.mappings["many"] = twice
    pairs = {(one.names, one.column) for one, other in pairs_of(site) if other.table == "m.ward" and one.table == "m.register"}
    assert {("MDTRT_ID", "register_no"), ("visit key", "visit_id")} == pairs
