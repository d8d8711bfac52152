"""`yibao mapping preview` on a real PostgreSQL: what it says would be reported is what the sample hospital's oracle expects."""

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from sandbox.hospital import Oracle, Workload, create_schema, run
from streams.mapping import load_site
from streams.rehearsal.stages import values_of
from yibao.captures.from_site import chosen_sources
from yibao.main import build
from yibao.previewing import preview

pytestmark = pytest.mark.stack
SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample"
DATABASE, PASSWORD = "his_of_previews", "of-a-test"
WORKLOAD = Workload(visits=24, seed=7)
LOOKED_UP = {"TEL", "ADDR"}
"""What changes of a patient after the visit's own rows: a record that was reported has it as it was then, a preview as it is."""


def connect(postgres, database):
    at = {"host": postgres.postgres_host, "port": postgres.postgres_port, "dbname": database, "user": "postgres"}
    return psycopg.connect(**at, autocommit=True)


@pytest.fixture(scope="module")
def expected(postgres):
    """What must have been reported of a hospital whose days are over; its database stands."""
    with connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        conn.execute(f"CREATE DATABASE {DATABASE}")
    found = []
    oracle = Oracle(found.append)
    with connect(postgres, DATABASE) as conn:
        create_schema(conn, password=PASSWORD)
        run(conn, WORKLOAD, on_commit=oracle.follow)
    oracle.start_capture()
    oracle.finish()
    yield found
    with connect(postgres, "postgres") as conn:
        conn.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture(scope="module")
def site_file(postgres, expected, tmp_path_factory):
    """The sample site with that database."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "his.password").write_text(PASSWORD)
    text = (folder / "site.yaml").read_text("utf-8")
    for before, now in (("port: 25432", f"port: {postgres.postgres_port}"), ("database: his\n", f"database: {DATABASE}\n")):
        assert before in text
        text = text.replace(before, now)
    (folder / "site.yaml").write_text(text, "utf-8")
    return folder / "site.yaml"


def test_what_would_be_reported_is_what_the_oracle_expects(expected, site_file):
    """Of each visit, read from the database by its key, with its lookups: all fields of the records, and no other records."""
    site = load_site(site_file)
    by_visit = defaultdict(list)
    for one in expected:
        by_visit[one.visit_key].append(one)
    assert len(by_visit) > 20
    for visit, must in by_visit.items():
        outcome = preview(site, chosen_sources(site, None), visit).outcome
        found = {(one.record.service.value, one.record.key): dict(values_of(one)) for one in outcome.ready}
        wanted = {(one.service, one.key): one.fields for one in must if one.outcome == "accepted"}
        assert wanted.keys() == found.keys()
        differing = {field for name, fields in wanted.items() for field, _ in fields.items() ^ found[name].items()}
        assert differing <= LOOKED_UP, visit
        assert bool(outcome.letters) == any(one.outcome == "refused" for one in must), visit


def test_lookups_of_another_database_are_read_there(expected, site_file):
    """The hospital's catalogue in a database of its own: nothing that is reported differs."""
    folder, site = site_file.parent, site_file.read_text("utf-8")
    mapping = yaml.load((folder / "mapping.yaml").read_text("utf-8"), yaml.BaseLoader)
    lookups = [table for table in mapping["tables"] if table["role"] == "lookup"]
    of_base = {"mapping": "base", "tables": lookups, "institution": {}, "records": {}}
    mapping["tables"] = [table for table in mapping["tables"] if table["role"] != "lookup"]
    mapping["borrowed"] = {table["lookup"]: "base" for table in lookups}
    (folder / "borrowing.yaml").write_text(yaml.safe_dump(mapping, allow_unicode=True), "utf-8")
    (folder / "base.yaml").write_text(yaml.safe_dump(of_base, allow_unicode=True), "utf-8")
    his = site[site.index("  his:\n") : site.index("institutions:")]
    base = his.replace("  his:\n", "  base:\n").replace("yibao_his", "yibao_base").replace("mapping.yaml", "base.yaml")
    (folder / "both.yaml").write_text(site.replace(his, his.replace("mapping.yaml", "borrowing.yaml") + base), "utf-8")
    visit = next(one.visit_key for one in expected if one.outcome == "accepted")
    shown = [told(folder / name, "--visit", visit, "--source", "his", "-o", "json") for name in ("site.yaml", "both.yaml")]
    alone, both = (json.loads(one.stdout) for one in shown)
    assert (alone["records"], alone["waits"]) == (both["records"], both["waits"])
    assert any(name.startswith("base ") for name in both["rows"])


def told(site_file, *words):
    arguments = ["mapping", "preview", "-c", f"{site_file}", *words]
    return CliRunner().invoke(build(arguments), arguments)


def test_persons_are_masked_and_exit_codes_say_whether_all_is_well(expected, site_file):
    """A preview ends up in tickets and mails."""
    bad = {one.visit_key for one in expected if one.outcome != "accepted"}
    good = next(one for one in expected if one.visit_key not in bad and one.service == "mdtrt_d")
    name, number = good.fields["PSN_NAME"], good.fields["CERTNO"]
    for words in (("-o", "json"), ("--fields",), ()):
        result = told(site_file, "--visit", good.visit_key, *words)
        assert 0 == result.exit_code, result.output
        assert name not in result.output
        assert number not in result.output
    document = json.loads(told(site_file, "--visit", good.visit_key, "-o", "json").output)
    (record,) = (one for one in document["records"] if one["service"] == "mdtrt_d")
    assert (name[0], good.fields["BEGNTIME"]) == (record["fields"]["PSN_NAME"][0], record["fields"]["BEGNTIME"])
    refused = next(one.visit_key for one in expected if one.outcome == "refused")
    assert 1 == told(site_file, "--visit", refused).exit_code
    nothing = told(site_file, "--visit", "MZ-none")
    assert (1, "no table of the mapping has a row with this visit key\n") == (nothing.exit_code, nothing.output)


def profiled(site_file, *words):
    arguments = ["mapping", "profile", "-c", f"{site_file}", *words]
    return CliRunner().invoke(build(arguments), arguments)


def test_a_profile_finds_each_planted_fault_once_and_nothing_else(expected, site_file):
    """What the oracle refuses is what the profile counts, before anything was captured."""
    refused = [one for one in expected if one.outcome == "refused"]
    by_links = {"NO_VISIT_KEY": "visit key", "MISSING_SETTLEMENT": "settlement", "MISSING_LOOKUP": "lookup item"}
    result = profiled(site_file, "-o", "json")
    assert 1 == result.exit_code, result.output
    found = json.loads(result.stdout)["sources"]["his"]
    values = {(one["service"], one["rule"]): one["rows"] for one in found["values"] if one["level"] == "refuse"}
    assert Counter((one.service, one.rule) for one in refused if one.rule not in by_links) == values
    links = Counter({one["names"]: one["rows"] for one in found["links"]})
    assert len(links) == len(found["links"])
    assert Counter(by_links[one.rule] for one in refused if one.rule in by_links) == links
    assert [] == found["not_judged"]
    assert {"his.sf_fymx": True} == {one["table"]: one["rows"] > 200 for one in found["rows"] if one["table"] == "his.sf_fymx"}
    names = {one.fields["PSN_NAME"] for one in expected if one.service == "mdtrt_d" and "PSN_NAME" in one.fields}
    assert not [name for name in names if name in result.output]


def test_amounts_that_are_not_what_they_are_made_of_are_counted(expected, site_file, postgres):
    """Of lines by quantity and price (R1), of settlements by their lines (R2), as the database itself adds them up."""
    other = "SELECT count(*) FROM his.sf_fymx WHERE abs(sl * dj - je) > 0.01"
    sums = "SELECT jsdh, sum(je) AS made FROM his.sf_fymx GROUP BY 1"
    totals = f"SELECT count(*) FROM his.sf_jsjl s JOIN ({sums}) f USING (jsdh) WHERE round(s.zje, 2) <> round(f.made, 2)"

    def counted():
        found = json.loads(profiled(site_file, "-o", "json").stdout)["sources"]["his"]
        return {one["rule"]: one["rows"] for one in found["amounts"]}

    with connect(postgres, DATABASE) as conn:
        (before,) = conn.execute(f"SELECT ({other}), ({totals})").fetchall()
        assert {rule: rows for rule, rows in zip(("R1", "R2"), before, strict=True) if rows} == counted()
        (line,) = conn.execute("SELECT min(mxid) FROM his.sf_fymx WHERE jsdh <> '' AND abs(sl * dj - je) < 0.001").fetchone()
        conn.execute("UPDATE his.sf_fymx SET je = je + 5 WHERE mxid = %s", [line])
        (after,) = conn.execute(f"SELECT ({other}), ({totals})").fetchall()
        assert after == (before[0] + 1, before[1] + 1)
        assert {"R1": after[0], "R2": after[1]} == counted()
        conn.execute("UPDATE his.sf_fymx SET je = je - 5 WHERE mxid = %s", [line])


def test_a_profile_is_for_people_and_takes_no_more_time_than_it_may(expected, site_file, postgres):
    """A table that somebody locks is told, and not waited for."""
    file = site_file.parent / "profile.html"
    shown = profiled(site_file, "--html", f"{file}")
    assert 1 == shown.exit_code
    tables = ET.fromstring(file.read_text("utf-8").partition("<body>")[2].partition("</body>")[0].join(("<b>", "</b>")))
    cells = {cell.text for cell in tables.iter("td")}
    assert {"his.mz_zy_jz", "DSCG_MAINDIAG_NAME", "lookup item"} <= cells
    assert "what refuses its record: " in shown.output
    with connect(postgres, DATABASE) as conn, conn.transaction():
        conn.execute("LOCK TABLE his.jc_ks IN ACCESS EXCLUSIVE MODE")
        waited = profiled(site_file, "--longest", "1", "-o", "json")
    found = json.loads(waited.stdout)["sources"]["his"]["not_judged"]
    assert {"his.jc_ks", "his.mz_zy_jz"} == {one["table"] for one in found}
    assert {"no answer within 1 s"} == {one["why"] for one in found}
    assert not json.loads(waited.stdout)["ok"]


def told_of(site_file):
    """By kind, of the one source."""
    return json.loads(profiled(site_file, "-o", "json").stdout)["sources"]["his"]


def test_keys_are_compared_as_the_join_compares_them(expected, site_file, postgres):
    """The database finds a `char(20)` equal to a text; the product sees its blanks, and every line would wait for ever."""
    before = {one["names"]: one["rows"] for one in told_of(site_file)["links"]}
    with connect(postgres, DATABASE) as conn:
        conn.execute("ALTER TABLE his.jc_xmml ALTER xmbm TYPE char(20)")
        ((lines,),) = conn.execute("SELECT count(*) FROM his.sf_fymx WHERE btrim(xmbm) <> ''").fetchall()
        after = {one["names"]: one["rows"] for one in told_of(site_file)["links"]}
        conn.execute("ALTER TABLE his.jc_xmml ALTER xmbm TYPE varchar(30)")
    assert before | {"lookup item": lines} == after


def test_rows_of_an_institution_that_nobody_reports_are_counted(expected, site_file, postgres):
    """All of them would be refused."""
    with connect(postgres, DATABASE) as conn:
        (key,) = conn.execute("SELECT min(jsdh) FROM his.sf_jsjl").fetchone()
        conn.execute("CREATE TEMP TABLE was AS SELECT jgdm FROM his.sf_jsjl WHERE jsdh = %s", [key])
        conn.execute("UPDATE his.sf_jsjl SET jgdm = 'ZZ' WHERE jsdh = %s", [key])
        found = told_of(site_file)["values"]
        conn.execute("UPDATE his.sf_jsjl SET jgdm = (SELECT jgdm FROM was) WHERE jsdh = %s", [key])
    (one,) = (one for one in found if one["rule"] == "INSTITUTION")
    assert ("his.sf_jsjl", "jgdm", 1, ["ZZ"]) == (one["table"], one["column"], one["rows"], one["examples"])


def test_a_column_that_is_not_there_does_not_hide_the_rest(expected, site_file, postgres):
    """A slip in the mapping is told with its table; what else was found stands."""
    whole = told_of(site_file)
    with connect(postgres, DATABASE) as conn:
        conn.execute("ALTER TABLE his.jc_ks RENAME bzks TO bzks2")
        found = told_of(site_file)
        conn.execute("ALTER TABLE his.jc_ks RENAME bzks2 TO bzks")
    (missing,) = found["not_judged"]
    assert ("his.jc_ks", True) == (missing["table"], "bzks" in missing["why"])
    assert whole["links"] == found["links"]
    assert whole["values"] == found["values"]


def test_rows_count_by_where_and_what_stands_for_null_is_none(expected, site_file, postgres):
    """As the join takes them."""
    mapping = site_file.parent / "mapping.yaml"
    before = mapping.read_text("utf-8")
    try:
        mapping.write_text(
            before.replace(
                "    role: settlement\n    key: [jsdh]\n",
                "    role: settlement\n    key: [jsdh]\n    where: {jgdm: ['10']}\n    nulls: ['M']\n",
            ),
            "utf-8",
        )
        found = json.loads(profiled(site_file, "-o", "json").stdout)["sources"]["his"]
    finally:
        mapping.write_text(before, "utf-8")
    with connect(postgres, DATABASE) as conn:
        ((rows, counting, men),) = conn.execute(
            "SELECT count(*), count(*) FILTER (WHERE jgdm = '10'),"
            " count(*) FILTER (WHERE jgdm = '10' AND xb = 'M') FROM his.sf_jsjl"
        ).fetchall()
    assert {"table": "his.sf_jsjl", "rows": rows, "counting": counting} in found["rows"]
    assert 0 < counting < rows
    (sex,) = (one for one in found["values"] if one["column"] == "xb" and one["table"] == "his.sf_jsjl")
    assert ("REQUIRED", men) == (sex["rule"], sex["rows"])
