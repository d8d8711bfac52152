"""What leaves the hospital's database: the columns that the mapping reads, and nothing else."""

from pathlib import Path

import pytest

from connector.contract import Reading, TableRole
from streams.mapping import capture_sources, compile_site, load_site

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"


@pytest.fixture(scope="module")
def site():
    return load_site(FOLDER / "site.yaml")


@pytest.fixture(scope="module")
def tables(site):
    return {table.name: table for source in capture_sources(site) for table in source.tables}


def test_keys_come_first_and_only_what_is_read_follows(tables):
    """The law allows what is needed and no more (PIPL): a column that no field reads is never captured."""
    line = tables["his.charge"]
    assert ("charge_id", "visit_id", "settle_no") == line.columns[:3]
    assert "org" in line.columns, "the institution is read"
    assert len(line.columns) == len(set(line.columns)) == 16
    assert "visit_type" in tables["his.visit"].columns, "the kind of care is read"


def test_lookups_are_captured_with_what_others_read_of_them(tables):
    """A lookup's columns are named by the sources that use it, its key is its own."""
    patient = tables["his.patient"]
    assert (TableRole.LOOKUP, "patient", ()) == (patient.role, patient.lookup, patient.visit_key)
    assert ("patient_id", "born_at", "cert_no", "cert_type", "name", "sex") == patient.columns


def test_times_are_told_apart_for_the_check_of_the_catalogue(tables):
    """A timestamptz read as wall clock is eight hours off; only the database knows the column's type."""
    assert {"begin_at", "end_at", "updated_at", "died_on"} == tables["his.visit"].wall_clock
    assert {"settled_at"} == tables["his.settle"].instants
    assert {"born_at"} == tables["his.patient"].instants
    assert frozenset() == tables["his.patient"].wall_clock


def test_what_a_field_wants_of_its_column_is_told_for_the_check_of_the_catalogue(tables):
    """A day has no time of day, and a binary fraction too many digits; and what asks a lookup must be able to stand in it."""
    visit, line = tables["his.visit"], tables["his.charge"]
    assert {Reading("begin_at", "BEGNTIME", "datetime"), Reading("died_on", "DIE_DATE", "date")} <= {*visit.readings}
    assert Reading("price", "PRIC", "decimal", exact=True) in line.readings
    assert ("patient_id", "his.patient", "patient_id") in {(one.column, one.table, one.named_by) for one in visit.lookups}


def test_a_password_is_only_referred_to(site):
    """A connector's configuration can be read by everybody who reaches Connect."""
    (source,) = capture_sources(site)
    assert str(FOLDER / "secrets" / "his.password") == source.password_file
    assert f"${{directory:{FOLDER / 'secrets'}:his.password}}" == source.password_reference


def test_the_join_expects_what_capture_takes(site, tables):
    """A change that lacks one of these columns is schema drift."""
    rules = compile_site(site)["his"].tables
    assert {name: set(table.columns) for name, table in tables.items()} == {name: set(rule.columns) for name, rule in rules.items()}
    assert "settle_no" == rules["his.charge"].settlement_link
