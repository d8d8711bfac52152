"""What a hospital writes for NULL, said once for a table or for all: in fields, in links and visit keys, and in lookups."""

import pytest

from streams.mapping import load_site
from streams.mapping.linking import counting_tables
from streams.wiring import lookup_tables
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, PATIENT, SETTLE, SITE, VISIT
from tests.unit.streams.mapping.test_which import CHARGES, Both

ALL = 'nulls: ["0", "-", "1900-01-01"]\n'


@pytest.fixture
def load(tmp_path):
    """The site of the tests of the join; more: said of its lines. whole: said of all tables."""

    def loaded(*, more="", whole=""):
        for file in SITE.parent.iterdir():
            text = file.read_text(encoding="utf-8").replace(CHARGES, f"{CHARGES}{more}")
            text = text.replace("mapping: join-his\n", f"mapping: join-his\n{whole}")
            (tmp_path / file.name).write_text(text, encoding="utf-8")
        return load_site(tmp_path / "site.yaml")

    return loaded


def test_a_table_s_own_list_takes_the_place_of_the_file_s(load):
    """Where `0` is a value here and none everywhere else; what is not said costs nothing."""
    site = load(more=", nulls: [x]", whole=ALL)
    said = {table: taking.nulls.values.nulls for (_, table), taking in counting_tables(site).items()}
    assert {"h.visit": {"0", "-", "1900-01-01"}, "h.settle": {"0", "-", "1900-01-01"}, "h.charge": {"x"}} == said
    assert {} == counting_tables(load())
    assert "h.charge" not in {table for _, table in counting_tables(load(more=", nulls: []", whole=ALL))}


def test_a_link_that_is_zero_names_no_settlement(load):
    """Such a line is not settled yet; taken for a number, it would be told as one that misses a settlement 0."""
    both = Both().of(load(whole=ALL))
    both.happens("h.charge", CHARGE | {"settle_no": "0"})
    assert ["unsettled"] == [row.waits_for for row in both.rows()]
    other = Both().of(load())
    other.happens("h.charge", CHARGE | {"settle_no": "0"})
    assert ["settlement"] == [row.waits_for for row in other.rows()]


def test_a_visit_key_that_is_zero_is_none(load):
    """Rows of all patients would meet in one visit 0."""
    both = Both().of(load(whole=ALL))
    both.happens("h.charge", CHARGE | {"visit_id": "0"})
    assert ["MAPPING NO_VISIT_KEY"] == both.letters()


def test_a_field_and_a_day_are_empty(load):
    """1900-01-01 at midnight is the same day; a key is what it is."""
    both = Both().of(load(whole=ALL))
    both.happens("h.visit", VISIT | {"addr": "-", "tel": "1900-01-01 00:00:00"})
    assert ["mdtrt_d V1"] == both.reported()
    (record,) = (one.record.value for one in both.ready)
    assert (False, False) == (b"ADDR" in record, b'"TEL"' in record)
    both.happens("h.settle", SETTLE | {"settle_no": "0"})
    assert ("0",) in [row.key for row in both.rows()]


def test_what_stands_in_a_lookup_is_read_in_the_same_way(load):
    """Rows of lookups come on another way than those of visits."""
    (table,) = (one for one in lookup_tables(load(whole=ALL)).values() if one.name == "patient")
    assert PATIENT | {"name": None} == table.nulls.read(PATIENT | {"name": "-"})
    assert PATIENT | {"patient_id": "0"} == table.nulls.read(PATIENT | {"patient_id": "0"})


def test_a_row_that_counts_by_what_is_not_null_is_asked_after_that(load):
    """`where` sees NULL, as everything else does."""
    both = Both().of(load(more=', where: {cancelled: [""]}', whole=ALL))
    assert "not_counted" == both.happens("h.charge", CHARGE | {"cancelled": "2024-05-01"}).outcome
    assert "direct" == both.happens("h.charge", CHARGE | {"cancelled": "1900-01-01", "charge_id": "C2"}).outcome
    both.tick(after_ms=DAY_MS)
    assert [("C2",)] == [row.key for row in both.rows()]
