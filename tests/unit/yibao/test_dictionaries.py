"""`yibao dictionaries`: whose value lists hold, and what the platform's own download changes in them."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.spec.dictionaries import load_dictionaries
from streams.spec.dictionary_download import parse_download
from yibao.main import build

FOLDER = Path(__file__).parents[1] / "streams" / "domain" / "join" / "join_site"
ANSWER = {
    "infcode": 0,
    "output": {
        "list": [
            {"type": "gend", "value": "1", "label": "男性", "parent_type": "", "sort": 1, "vali_flag": "1"},
            {"type": "gend", "value": "2", "label": "女性", "parent_type": None, "sort": 2, "vali_flag": "1"},
            {"type": "gend", "value": "7", "label": "旧码", "sort": 3, "vali_flag": "0"},
            {"type": "gend", "value": "5", "label": "新码", "sort": 4, "vali_flag": "1"},
            {"type": "NOT_OURS", "value": "1", "label": "别的", "sort": 1, "vali_flag": "1"},
        ]
    },
}
TABLE = "字典类型\t字典键值\t字典标签\nGEND\t1\t男性\nGEND\t2\t女性\nGEND\t5\t新码\n"


@pytest.fixture
def site(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "site.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "\ndictionaries: lists.json\n", encoding="utf-8")
    (tmp_path / "lists.json").write_text('{"dictionaries": {"OF_OURS": {"closed": true, "codes": {"1": "甲"}}}}', encoding="utf-8")
    return file


def run(site, *words):
    arguments = ["dictionaries", *words, "-c", str(site)]
    return CliRunner().invoke(build(arguments), arguments)


def imported(site, content, *words):
    file = site.with_name("download")
    file.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    result = run(site, "import", str(file), *words)
    assert 0 == result.exit_code, result.output + repr(result.exception)
    return result.output


def test_all_lists_are_told_with_whose_they_are(site):
    """A reviewer asks which of them are the site's own, and which refuse."""
    found = {one["list"]: one for one in json.loads(run(site, "list", "-o", "json").output)}
    assert found.keys() == {*load_dictionaries(), "OF_OURS"}
    assert ("site", "product") == (found["OF_OURS"]["from"], found["GEND"]["from"])
    assert ("GEND", True) == (found["GEND"]["fields"][0], found["GEND"]["closed"])
    assert "refused" in run(site, "list").output
    assert "男" in run(site, "show", "gend").output


@pytest.mark.parametrize("content", [ANSWER, ANSWER["output"]["list"], TABLE])
def test_a_download_is_told_code_by_code_before_anything_is_written(site, content):
    """As the transaction answers, as its list alone, and as a spreadsheet saves it."""
    before = site.with_name("lists.json").read_text(encoding="utf-8")
    (change,) = json.loads(imported(site, content, "-o", "json"))["changes"]
    own = load_dictionaries()["GEND"].codes
    assert ("GEND", {"5": "新码"}) == (change["list"], change["added"])
    assert own.keys() - {"1", "2"} == change["gone"].keys()
    assert {"was": own["1"], "is": "男性"} == change["renamed"]["1"]
    assert before == site.with_name("lists.json").read_text(encoding="utf-8")
    assert "records with it are refused" in imported(site, content)


def test_what_is_written_is_what_holds_from_then_on_and_the_sites_other_lists_stay(site):
    """And a second look finds nothing to change."""
    imported(site, ANSWER, "--write")
    lists = load_site(site).value_lists
    assert {"1": "男性", "2": "女性", "5": "新码"} == lists["GEND"].codes
    assert (True, {"1": "甲"}) == (lists["GEND"].closed, lists["OF_OURS"].codes)
    assert [] == json.loads(imported(site, ANSWER, "-o", "json"))["changes"]
    assert "nothing changes" in imported(site, ANSWER)


def test_a_list_is_closed_only_by_who_says_that_the_download_is_complete(site):
    """A page of a download would else refuse what stands on the next one."""
    table = "type\tvalue\tlabel\nNATY\t01\t汉族\n"
    imported(site, table, "--write")
    assert not load_site(site).value_lists["NATY"].closed
    assert "closed" in imported(site, table, "--close", "naty", "--write")
    assert load_site(site).value_lists["NATY"].closed
    assert 0 != run(site, "import", str(site.with_name("download")), "--close", "GEND").exit_code


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("type\tvalue\nGEND\t1\n", "names no column for label"),
        ("type\tvalue\tlabel\n", "holds no code"),
        ("type\tvalue\tlabel\nGEND\t1\t男\nGEND\t1\t女\n", "line 3 says of GEND 1 `女`, and `男` stands before it"),
        ("type\tvalue\tlabel\nGEND\t\t男\n", "line 2 has no code"),
        ('{"output": 7}', "needs a list of objects"),
        ("[1]", "needs a list of objects"),
        ('[{"type": "GEND", "value": 11.0, "label": "x"}]', "entry 1: value is 11.0: a code is a text or a whole number"),
        ('[{"type": "GEND", "value": true, "label": "x"}]', "a code is a text or a whole number"),
        ("{", "is no JSON"),
    ],
)
def test_what_is_no_download_is_refused_with_its_place(content, told):
    """Half a list would refuse the codes of the other half."""
    with pytest.raises(Misconfigured, match=told):
        parse_download(content, where="download")


def test_one_stray_quote_swallows_no_lines_of_a_table():
    """What a spreadsheet puts around a cell is taken off; nothing else means anything."""
    table = 'type\tvalue\tlabel\nGEND\t1\t"男\nGEND\t2\t"女 ""a"""\nGEND\t3\t"b"\n'
    assert {"1": '"男', "2": '女 "a"', "3": "b"} == parse_download(table, where="download").lists["GEND"]


def test_the_file_that_a_link_leads_to_is_written_and_stays_as_open_as_it_was(site):
    """Workers of another account read it; and one that may not be written is not replaced."""
    link, real = site.with_name("lists.json"), site.with_name("real.json")
    link.rename(real)
    link.symlink_to(real)
    real.chmod(0o644)
    imported(site, ANSWER, "--write")
    assert (True, 0o644) == (link.is_symlink(), real.stat().st_mode & 0o777)
    assert "男性" in real.read_text(encoding="utf-8")
    real.chmod(0o444)
    assert 0 != run(site, "import", str(site.with_name("download")), "--write").exit_code


def test_without_a_file_of_its_own_the_site_is_told_to_name_one(site):
    """The product's lists are never written."""
    site.write_text(site.read_text(encoding="utf-8").replace("\ndictionaries: lists.json\n", "\n"), encoding="utf-8")
    file = site.with_name("download")
    file.write_text(TABLE, encoding="utf-8")
    refused = run(site, "import", str(file), "--write")
    assert (True, True) == (refused.exit_code != 0, "names no file" in f"{refused.output}{refused.exception}")
