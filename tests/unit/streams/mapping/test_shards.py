"""A table that a hospital begins anew each year or month: one entry of the mapping for all of them."""

from pathlib import Path

import pytest

from streams.mapping import BadFiles, capture_sources, compile_site, load_site
from streams.mapping.taking import taken_rows

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"
FIRST = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
CHARGE = "{table: his.charge, role: fee,"


def site(folder, mapping):
    (folder / "site.yaml").write_text((FOLDER / "site.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    return load_site(folder / "site.yaml")


def with_shards(shards, *, table="his.charge_*", more=""):
    return FIRST.replace(CHARGE, f'{{table: "{table}", shards: [{shards}], role: fee,{more}')


def problems(folder, mapping):
    with pytest.raises(BadFiles) as bad:
        site(folder, mapping)
    return [str(problem).partition("mapping.yaml:")[2] for problem in bad.value.problems]


def test_each_is_captured_and_compiled_like_the_others(tmp_path):
    (source,) = capture_sources(found := site(tmp_path, with_shards("2024, 2025")))
    of_year = {table.name: table for table in source.tables if table.name.startswith("his.charge")}
    assert ["his.charge_2024", "his.charge_2025"] == [*of_year]
    assert of_year["his.charge_2024"].columns == of_year["his.charge_2025"].columns
    rules = compile_site(found)["his"].tables
    assert ("his.charge_2025",) == rules["his.charge_2024"].beside
    assert {"his.charge_2024", "his.charge_2025"} <= taken_rows(found)["his"].keys()


def test_a_new_one_asks_for_none_of_the_others_to_be_read_again(tmp_path):
    """A year more in the list is a table more, and nothing else."""
    before = taken_rows(site(tmp_path, with_shards("2024, 2025")))["his"]
    after = taken_rows(site(tmp_path, with_shards("2024, 2025, 2026")))["his"]
    assert before == {name: words for name, words in after.items() if name != "his.charge_2026"}


def test_rows_hang_under_the_header_of_their_own(tmp_path):
    headers = '- {table: "his.bill_*", shards: [2024, 2025], role: header, key: [no], visit_key: visit_id}\n  - '
    lines = with_shards("2024, 2025", more=' under: "his.bill_*", header: bill,').replace(
        "key: [charge_id], visit_key: visit_id", "key: [charge_id]"
    )
    (source,) = capture_sources(site(tmp_path, lines.replace('- {table: "his.charge', f'{headers}{{table: "his.charge')))
    assert [("his.bill_2024",), ("his.bill_2025",)] == [one.under for one in source.tables if one.name.startswith("his.charge")]


def test_they_are_known_by_a_pattern_that_the_database_is_asked_by(tmp_path):
    """A year that begins without its entry would be silence."""
    (source,) = capture_sources(site(tmp_path, with_shards("2024, 2025")))
    assert ("his.charge_*",) == source.sharded


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (FIRST.replace(CHARGE, '{table: "his.charge_*", role: fee,'), "`*` in `table` needs `shards`"),
        (with_shards("2024", table="his.charge"), "`shards` needs a `*` in `table`"),
        (with_shards("2024, 2024"), "2024 is listed twice"),
        (with_shards("2024", table="his.*_charge_*"), "`*` once"),
        (with_shards('"20 24"'), "shards"),
    ],
)
def test_what_names_no_tables_is_told(tmp_path, mapping, said):
    assert any(said in problem for problem in problems(tmp_path, mapping))


def test_a_problem_is_told_at_the_entry_that_is_written(tmp_path):
    """Behind it, places are those of the file, not of the tables that were made of it."""
    twice = "lookup: patient}\n  - {table: his.patient, role: lookup, key: [id]}"
    wrong = with_shards("2024, 2025, 2026").replace("lookup: patient}", twice)
    line = next(number for number, text in enumerate(wrong.splitlines(), 1) if "key: [id]" in text)
    assert any(problem.startswith(f"{line}: tables[4]") for problem in problems(tmp_path, wrong))
