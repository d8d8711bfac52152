"""Which columns `yibao check --live` compares: those in which one number would be two records, or two visits."""

from connector.contract import DatabaseKind
from streams.mapping import load_site
from streams.mapping.sources import Source
from tests.oracle.flow import site as site_of
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
        ("BKKP_SN", "h.charge", "m.numbered_item"),
        ("BKKP_SN", "m.item", "m.named_item"),
        ("BKKP_SN", "m.item", "m.numbered_item"),
        ("BKKP_SN", "m.named_item", "m.numbered_item"),
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


def test_a_table_whose_rows_have_their_institution_from_their_header_is_compared_with_none():
    """The column is one of another table: asked for here, the check would end in an error of the database."""
    site = load_site(SITE)
    many = site.mappings["many"]
    assert many.institution.fee is not None
    belongs = many.institution.fee.model_copy(update={"column": "org", "constant": None, "of": "header"})
    of_header = many.institution.model_copy(update={"fee": belongs})
    site.mappings["many"] = many.model_copy(update={"institution": of_header})
    assert [] == [one for pair in pairs_of(site) for one in pair if one.table in ("m.item", "m.named_item")]


def test_tables_between_which_rows_move_are_not_compared_with_each_other():
    """While a job goes on, its rows stand in both, and are one record. With those of other systems they are compared as ever."""
    pairs = {(one.table, other.table) for one, other in pairs_of(site_of(moves=True))}
    assert set() == {pair for pair in pairs if all(table.startswith("m.") for table in pair)}
    assert {("h.settle", "m.other_bill"), ("h.charge", "m.named_item"), ("h.visit", "m.year_register")} <= pairs


def test_databases_of_two_kinds_are_compared_too():
    """A pharmacy's system beside the hospital's, on another kind of database: their numbers meet at the platform all the same."""
    site = load_site(SITE)
    site.sources["many"] = site.sources["many"].model_copy(update={"kind": DatabaseKind.MARIADB})
    pairs = {(one.table, other.table) for one, other in pairs_of(site) if one.source.kind is not other.source.kind}
    assert {("h.visit", "m.register"), ("h.settle", "m.bill"), ("h.charge", "m.item")} <= pairs


def test_numbers_that_prefixes_tell_apart_are_not_compared():
    """They cannot meet. Those with one prefix, and those of which one table has none, still can."""
    site = load_site(SITE)
    assert ("h.settle", "m.bill") in {(one.table, other.table) for one, other in pairs_of(site)}
    for prefixes, compared in (({"h": "H-", "m": "M-"}, False), ({"h": "H-", "m": "H-"}, True), ({"m": "M-"}, True)):
        for source, mapping in site.mappings.items():
            tables = [one.model_copy(update={"record_prefix": prefixes.get(one.table[0])}) for one in mapping.tables]
            site.mappings[source] = mapping.model_copy(update={"tables": tuple(tables)})
        found = {(one.table, other.table): (one.prefix, other.prefix) for one, other in pairs_of(site)}
        assert compared == (("h.settle", "m.bill") in found)
        assert not compared or found["h.settle", "m.bill"] == (prefixes.get("h", ""), prefixes["m"])


def test_a_table_whose_number_stands_in_a_column_of_its_own_is_compared_by_that():
    """`records` names another one, which it need not have."""
    site = load_site(SITE)
    many = site.mappings["many"]
    own = Source.model_validate("paper_no")
    tables = [one.model_copy(update={"fields": {"SETL_ID": own}} if one.table == "m.bill" else {}) for one in many.tables]
    site.mappings["many"] = many.model_copy(update={"tables": tuple(tables)})
    assert {"paper_no"} == {one.column for pair in pairs_of(site) for one in pair if one.table == "m.bill"}
