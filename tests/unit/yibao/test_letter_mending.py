"""Who mends a letter, where and what then: a clerk gets a table, a column and a key, and not the name of an interface field."""

import pytest

from streams.deadletter.index.pages import Letter
from streams.domain.violations import DeadClass
from streams.mapping import capture_sources, compile_site, load_site
from tests.integration.test_dlq_command import SAMPLE
from yibao.letters.mending import mending_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for name in ("site.yaml", "mapping.yaml"):
        (folder / name).write_text((SAMPLE / name).read_text("utf-8"), "utf-8")
    return load_site(folder / "site.yaml")


def mending(site, **said):
    empty = {name: 0 if name in ("attempts", "replays", "first", "last") else "" for name in Letter._fields}
    return mending_of(Letter(**(empty | said)), compile_site(site), capture_sources(site))


def test_a_letter_names_the_column_that_the_mapping_reads_and_the_row(site):
    """Of the row itself by its key; of its visit by the visit's; of a lookup by the lookup's table."""
    letter = {"dead_class": "VALIDATION", "service": "fee_list_d", "source": "his", "row_table": "his.sf_fymx", "row_key": "F1"}
    own = mending(site, **letter, field="CNT", visit_key="V1", owner="clerk")
    assert ("clerk", 1) == (own.owner, len(own.where))
    table, _, of = own.where[0].partition(" of ")
    assert ("his.sf_fymx", "F1") == (table.rpartition(".")[0], of)


def test_a_letter_about_no_field_names_its_row(site):
    """Whatever is wrong with it, that is where to look."""
    found = mending(site, dead_class="MAPPING", rule="NO_KEY", source="his", row_table="his.charge", row_key="F1")
    assert ("his.charge of F1",) == found.where


def test_a_missing_row_of_a_lookup_names_the_lookups_table(site):
    """It is the table that lacks a row, not the one whose row looks for it."""
    lookups = {table.lookup: table.name for source in capture_sources(site) for table in source.tables if table.lookup}
    name, table = next(iter(lookups.items()))
    letter = {"dead_class": "JOIN_INCOMPLETE", "rule": "MISSING_LOOKUP", "cause": name, "source": "his"}
    assert (table,) == mending(site, **letter, row_table="his.charge").where
    found = mending(site, **letter | {"cause": f"{table}.code=W/12"}, row_table="his.charge")
    assert ((f"{table}.code of W/12",), True) == (found.where, "by itself" in found.then)


@pytest.mark.parametrize("dead_class", list(DeadClass))
def test_every_class_says_what_happens_then(site, dead_class):
    """Whoever mended something wants to know whether to wait."""
    assert mending(site, dead_class=dead_class.value).then


def test_a_letter_of_a_row_without_a_place_says_that_only_a_reading_of_it_closes_the_letter(site):
    """Nobody remembers the row: the letter stays open although the row comes and is reported."""
    row = {"rule": "NO_VISIT_KEY", "source": "his", "row_table": "his.sf_fymx", "id": "5f" * 16, "stage": "join"}
    unplaced = mending(site, dead_class="MAPPING", **row)
    assert f"yibao replay plan id:{'5f' * 16} --depth recapture" in unplaced.then
    assert "recapture" not in mending(site, dead_class="MAPPING", service="fee_list_d", **row).then
    assert "recapture" not in mending(site, dead_class="DECODE", **row).then


def test_a_class_of_a_later_version_is_shown_all_the_same(site):
    """A letter that cannot be shown cannot be mended."""
    assert "" == mending(site, dead_class="NEWER").then
