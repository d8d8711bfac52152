"""`yibao mapping test`: an integrator's proof that a mapping says what was meant."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from streams.mapping.reading import parse, read
from streams.rehearsal.case import Case
from yibao.main import build

CHECKOUT = Path(__file__).parents[3]
SAMPLE = CHECKOUT / "deploy" / "sites" / "sample"
NAME = "line-deleted-after-report.yaml"


@pytest.fixture
def site(tmp_path):
    """The sample site with its cases."""
    shutil.copytree(SAMPLE, tmp_path / "site")
    return tmp_path / "site" / "site.yaml"


def run(site, *words):
    arguments = ["mapping", "test", "-c", f"{site}", *words]
    return CliRunner().invoke(build(arguments), arguments)


def test_the_cases_of_the_sample_are_as_written(site):
    """What ships as an example holds, and is found beside the mapping."""
    result = run(site)
    assert 0 == result.exit_code, result.output
    assert f"ok: {NAME}" in result.output
    assert "1 of 1 as written" in result.output
    assert "DSCG_WAY" in result.output


def test_what_differs_is_named_and_is_exit_code_1(site):
    """For people and for a pipeline."""
    case = site.parent / "cases" / NAME
    case.write_text(case.read_text("utf-8").replace('PSN_PAY: "18.46"', 'PSN_PAY: "18.47"'), "utf-8")
    result = run(site)
    assert 1 == result.exit_code
    assert "0 of 1 as written, 1 not" in result.output
    told = json.loads(run(site, "-o", "json").output)
    (found,) = told["cases"]
    assert not told["ok"]
    assert {"what": "setl_d 361102S0000001001", "field": "PSN_PAY", "expected": "18.47", "found": "18.46"} in found["differences"]


def test_what_is_shown_is_a_case_that_holds(site):
    """It is to be put into the file."""
    case = site.parent / "cases" / NAME
    shown = run(site, "--show", f"{case}")
    assert 0 == shown.exit_code, shown.output
    assert "笙七寅" not in shown.output
    words = yaml.safe_load(case.read_text("utf-8"))
    case.write_text(yaml.safe_dump({**words, **yaml.safe_load(shown.output)}, allow_unicode=True), "utf-8")
    assert 0 == run(site).exit_code


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("case: x\nhapens: []\n", "hapens"),
        ("case: x\nat: 9999-12-31 23:59:59\nhappens: [{later: 1h}]\n", "of 1990 to 2100"),
        ("case: x\nat: 2026-05-04 09:00\nhappens: [{later: 99999d}]\n", "ends before the year 2200"),
        ("case: x\nat: soon\nhappens: [{later: 1h}]\n", "must be a date and a time"),
        (
            "case: x\nat: 2026-05-04 09:00\nhappens: [{later: 1h}]\nreported: [{service: setl_d, key: S, fields: {PSN_PYA: 1}}]\n",
            "is no field of setl_d",
        ),
        ("case: x\nat: 2026-05-04 09:00:00\nhappens: [{delete: {table: his.sf_fymx, row: {mxid: '1'}}}]\n", "is not there"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_place(site, text, says):
    """Exit code 2: nothing was proved."""
    (site.parent / "cases" / "new.yaml").write_text(text, "utf-8")
    result = run(site)
    assert result.exception is not None
    assert "new.yaml" in f"{result.exception}"
    assert says in f"{result.exception}"


@pytest.mark.parametrize("name", ["b.yml", "B.YAML", "deep/c.yaml"])
def test_no_file_of_a_folder_is_passed_over(site, name):
    """A green run that left out the case that fails proves nothing."""
    case = site.parent / "cases" / name
    case.parent.mkdir(exist_ok=True)
    case.write_text((site.parent / "cases" / NAME).read_text("utf-8").replace('PSN_PAY: "18.46"', 'PSN_PAY: "1"'), "utf-8")
    assert 1 == run(site).exit_code
    for aside in (".hidden.yaml", "~backup.yaml"):
        case.rename(site.parent / "cases" / aside)
        assert 0 == run(site).exit_code
        case = site.parent / "cases" / aside


def test_no_case_is_not_taken_for_all_is_well(site):
    """A pipeline that looks in the wrong folder would be green for ever."""
    shutil.rmtree(site.parent / "cases")
    assert "there is no case in" in f"{run(site).exception}"


@pytest.mark.parametrize("page", ["cases.md", "cases.zh.md"])
def test_the_case_in_the_documentation_can_be_read(page, tmp_path):
    """Its words are those of the model."""
    block = (CHECKOUT / "docs" / page).read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "case.yaml").write_text(block, "utf-8")
    document = read(tmp_path / "case.yaml")
    assert parse(document, Case) is not None, document.problems
