"""`yibao dlq export` and `import` on a real broker: a list goes to the insurance office and comes back."""

import csv
import io
import json
import stat
from dataclasses import replace
from pathlib import Path

import openpyxl
import orjson
import pytest

from streams.broker_wiring import client_options
from streams.deadletter.record import letter_id
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.replay.plan import load
from streams.topics.audit_log import read_audit
from tests.bench.topics import apply_topics
from tests.integration.test_dlq_close import gone
from tests.integration.test_dlq_command import CERTNO, MISSING, NAME, NOW_MS, PHONE, REJECTED, as_json, dlq, sample_site
from tests.integration.test_letters_index import Place, of_row

pytestmark = pytest.mark.stack
FORMULA = "=cmd|' /C calc'!A0"
PERSON = {"xm": NAME, "zjhm": CERTNO}


@pytest.fixture(scope="module")
def applied(kafka, tmp_path_factory):
    """The file of a site whose topics are there."""
    file = sample_site(tmp_path_factory.mktemp("lists"), kafka.bootstrap_servers, "lists-")
    apply_topics(file)
    return file


@pytest.fixture
def place(kafka, applied, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Place(kafka.bootstrap_servers, "lists-visit.dead", "lists-visit.audit")
    made.site = applied
    return made


def of_person(number, **more):
    """A letter whose rows name a person as the sample mapping reads them."""
    told = MISSING | {"rule": "DATE", "field": "FEE_OCUR_TIME", "masked": FORMULA, "message": "费用发生时间不是日期"}
    value = orjson.dumps({"service": "fee_list_d", "rows": {"visit": PERSON, "fee": {"fyfssj": FORMULA}}, "violations": [told]})
    return replace(of_row(number), rule="DATE", message=f"姓名：{NAME} 不是日期", value=value, **more)


def export(place, name, *words):
    told = dlq("export", "-c", place.site, "--out", name, *words)
    assert 0 == told.exit_code
    return told


def rows_of(name):
    """Of a list: its rows by id, each by title, and the cells."""
    if name.endswith(".csv"):
        found = list(csv.DictReader(io.StringIO(Path(name).read_bytes().decode("utf-8-sig"), newline="")))
        return {row["编号"]: row for row in found}
    book = openpyxl.load_workbook(name)
    found = {}
    for sheet in book.worksheets[1:]:
        titles, *rows = [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)]
        found |= {row[0]: dict(zip(titles, row, strict=True)) | {"工作表": sheet.title} for row in rows if row[0]}
    return found


def decide(name, decisions):
    """What a clerk does: decisions and notes, by id."""
    if name.endswith(".csv"):
        rows = rows_of(name)
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(next(iter(rows.values()))), delimiter=";")
        writer.writeheader()
        writer.writerows([row | decisions.get(letter, {}) for letter, row in rows.items()])
        Path(name).write_bytes(out.getvalue().encode("gbk", "replace"))
        return
    book = openpyxl.load_workbook(name)
    for sheet in book.worksheets[1:]:
        places = {cell.value: cell.column for cell in sheet[1]}
        for row in sheet.iter_rows(min_row=2):
            for title, text in decisions.get(row[0].value, {}).items():
                sheet.cell(row[0].row, places[title], text)
    book.save(name)


def audit_of(place, action):
    site = load_site(place.site)
    entries = [one.entry for one in read_audit(client_options(site), site.topics.audit)]
    return [entry for entry in entries if entry is not None and entry.action == action]


@pytest.mark.parametrize("form", ["xlsx", "csv"])
async def test_a_list_says_what_a_clerk_needs_and_nothing_personal(place, form):
    """Who, what, where, by which clause; the person is known by surname and the ends of a number."""
    await place.write(2, *(of_person(number, dead_class=DeadClass.VALIDATION, identity=f"{form} {number}") for number in range(3)))
    await place.write(1, replace(REJECTED, identity=f"refused {form}"))
    name = f"list.{form}"
    export(place, name, "rule:DATE,40003", "--due", "3")
    found = rows_of(name)
    told = found[letter_id(of_person(1, dead_class=DeadClass.VALIDATION, identity=f"{form} 1"))]
    assert ("医保办", "费用发生时间不是日期", "费用明细 fee_list_d") == (told["由谁处理"], told["原因"], told["业务"])
    assert ("费用发生时间 FEE_OCUR_TIME", "§3.3.1 #12") == (told["接口字段"], told["接口条款"])
    assert told["患者"] == "欧** 510***********541X"
    assert FORMULA == told["现在的值"].removeprefix("'")
    assert (form == "csv") == told["现在的值"].startswith("'")
    assert told["在HIS哪里改"].startswith("his.sf_fymx.")
    assert told["期限"] > told["首次失败"]
    refused = found[letter_id(replace(REJECTED, identity=f"refused {form}"))]
    assert ("§3.2.4", "欧** 510***********541X") == (refused["接口条款"], refused["患者"])
    content = json.dumps(found, ensure_ascii=False)
    assert [] == [one for one in (NAME, CERTNO, PHONE, "阳锋") if one in content]


async def test_a_list_is_for_this_account_alone_and_replaces_nothing(place):
    """It tells of patients; and what lies there may be what a clerk filled in all day."""
    await place.write(0, of_row(1, rule="R7"))
    export(place, "list.csv", "rule:R7")
    file = Path.cwd() / "list.csv"
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert ["list.csv"] == [one.name for one in file.parent.iterdir()]
    with pytest.raises(Misconfigured, match="--force"):
        dlq("export", "-c", place.site, "--out", "list.csv")
    with pytest.raises(Misconfigured, match="a list is a workbook"):
        dlq("export", "-c", place.site, "--out", "list.ods")
    export(place, "list.csv", "rule:R7", "--force")


async def test_what_is_personal_is_shown_for_a_reason_and_that_is_noted(place):
    """A clerk who has to find the patient needs the name; who saw it must be known."""
    await place.write(0, of_person(9, identity="unmasked"))
    with pytest.raises(Misconfigured, match="--reason"):
        dlq("export", "-c", place.site, "--out", "list.csv", "--unmask")
    export(place, "list.csv", "id:" + letter_id(of_person(9, identity="unmasked")), "--unmask", "--reason", "查找患者")
    [row] = rows_of("list.csv").values()
    assert f"{NAME} {CERTNO}" == row["患者"]
    [entry] = audit_of(place, "dlq export --unmask")
    assert ("查找患者", 1, "csv") == (entry.why, entry.facts["letters"], entry.facts["form"])


@pytest.mark.parametrize("form", ["xlsx", "csv"])
async def test_a_list_comes_back_closes_and_plans_and_the_second_time_does_nothing(place, form):
    """As Excel on Chinese Windows saves it: GBK and, where the region says so, semicolons."""
    rows = [of_row(f"{form} {number}") for number in range(4)]
    letters = [letter_id(row) for row in rows]
    await place.write(2, *rows, gone(f"G{form}"))
    name, withdrawn = f"list.{form}", letter_id(gone(f"G{form}"))
    export(place, name, f"id:{','.join([*letters, withdrawn])}")
    decide(
        name,
        {
            letters[0]: {"处理决定": "关闭", "备注": "测试数据"},
            letters[1]: {"处理决定": "重报"},
            letters[2]: {"处理决定": "已在HIS修改"},
            withdrawn: {"处理决定": "close", "平台确认号": "WX-7"},
        },
    )
    ordered = ("import", name, "-c", place.site, "--yes", "--reason", "五月清单")
    dry = dlq(*ordered, "--dry-run")
    assert (0, "没有做任何改动") == (dry.exit_code, dry.stdout.splitlines()[-1])
    assert "共 5 条：关闭 2，重报 1，已在HIS修改 1，待处理 1" in dry.stdout
    done = dlq(*ordered)
    assert (0, "已关闭 2 条") == (done.exit_code, done.stdout.splitlines()[-1])
    [event] = as_json("show", letters[0], "-c", place.site)["history"]
    assert ("hand", "测试数据", True) == (event["closed"], event["why"], "@" in event["who"])
    [event] = as_json("show", withdrawn, "-c", place.site)["history"]
    assert ("evidence", "WX-7", "五月清单") == (event["closed"], event["evidence"], event["why"])
    [plan] = Path.cwd().glob("replay-*.plan")
    assert [letters[1]] == [item.letter for item in load(plan.read_bytes()).items]
    again = dlq(*ordered)
    assert (0, "没有再做") == (again.exit_code, again.stdout[again.stdout.index("没有再做") :][:4])
    assert "已经关闭、不再处理的 2 条" in again.stdout
    await place.write(2, replace(rows[0], failed_at=NOW_MS + 10 * 3_600_000))
    after = dlq(*ordered)
    assert "上次导入之后又失败" in after.stdout
    assert 1 == as_json("list", "-c", place.site, f"id:{letters[0]}")["total"]
    assert 1 == len(as_json("show", letters[0], "-c", place.site)["history"][1:])
    entry, *_ = audit_of(place, "dlq import")[-3:]
    assert ("五月清单", 2, {"renormalise": 1, "resend": 0, "recapture": 0}) == (
        entry.why,
        entry.facts["closes"],
        entry.facts["plans"],
    )


async def test_what_is_not_understood_stops_the_whole_unless_a_part_is_asked_for(place):
    """To do half of a list without being told to would leave nobody knowing which half."""
    rows = [of_row(f"part {number}", rule="R3") for number in range(3)]
    await place.write(1, *rows, gone("GX"))
    ids = [letter_id(row) for row in rows]
    export(place, "list.csv", f"id:{','.join([*ids, letter_id(gone('GX'))])}")
    decide(
        "list.csv",
        {
            ids[0]: {"处理决定": "关闭", "备注": "测试数据"},
            ids[1]: {"处理决定": "关了"},
            ids[2]: {"处理决定": "关闭", "编号": "f" * 32, "备注": "x"},
            letter_id(gone("GX")): {"处理决定": "关闭", "备注": "已处理"},
        },
    )
    told = dlq("import", "list.csv", "-c", place.site, "--yes", "-o", "json")
    document = json.loads(told.stdout)
    assert (1, False, 0) == (told.exit_code, document["done"], document["closed"])
    assert {"处理决定", "编号", "平台确认号"} == {one["column"] for one in document["not_understood"]}
    assert "看不懂的 3 处" in dlq("import", "list.csv", "-c", place.site, "--yes").stdout
    assert 3 == as_json("list", "-c", place.site, "rule:R3")["total"]
    partly = dlq("import", "list.csv", "-c", place.site, "--yes", "--partial")
    assert (1, "已关闭 1 条") == (partly.exit_code, partly.stdout.splitlines()[-1])
    assert 2 == as_json("list", "-c", place.site, "rule:R3")["total"]


def test_a_list_of_another_site_or_that_is_none_does_nothing(place):
    """The ids of another site mean nothing here, or another letter."""
    Path("other.csv").write_text(f"编号,处理决定,备注,站点\n{'a' * 32},关闭,x,another\n", "utf-8")
    told = dlq("import", "other.csv", "-c", place.site, "--yes")
    assert (1, True) == (told.exit_code, "属于另一个站点" in told.stdout)
    Path("old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 100)
    with pytest.raises(Misconfigured, match="xlsx"):
        dlq("import", "old.xls", "-c", place.site)
    with pytest.raises(Misconfigured, match="cannot be read"):
        dlq("import", "missing.csv", "-c", place.site)


def test_a_filter_that_means_no_letter_gives_an_empty_list(place):
    """With its titles, so that nobody thinks it is broken."""
    for name in ("none.xlsx", "none.csv"):
        export(place, name, "cause:nothing-of-this")
        assert {} == rows_of(name)
