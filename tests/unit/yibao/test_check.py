"""`yibao check`: an integrator's first command, and a pipeline's gate."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.seal import generate_key_pair
from yibao.main import build

FOLDER = Path(__file__).parents[2] / "contract" / "mapping"


@pytest.fixture
def site(tmp_path):
    """A site whose files are all there."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "keys").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "his.password").write_text("secret")
    for name in ("h1.pem", "p2.pem"):
        (tmp_path / "keys" / name).write_text(generate_key_pair().public.pem)
    return tmp_path / "site.yaml"


def check(site, *options):
    arguments = ["check", "-c", str(site), *options]
    return CliRunner().invoke(build(arguments), arguments)


def test_a_right_site_shows_what_it_reports(site):
    """How much of each service is filled is the first question of a reviewer."""
    result = check(site)
    assert 0 == result.exit_code, result.output
    assert "1 hospital, 1 pharmacy, 1 database" in result.output
    assert "35/106" in result.output


def test_a_line_break_that_connect_takes_for_a_part_of_the_password_is_told(site):
    """Editors and `echo` write one. Our own logins do not mind it; the connector's fails, and says "wrong password"."""
    assert "line break" not in check(site).output
    (site.parent / "secrets" / "his.password").write_text("secret\n")
    assert "his.password ends with a line break" in check(site).output


def test_what_is_less_than_secure_is_told(site):
    """An auditor must see in one place what somebody allowed once."""
    (site.parent / "secrets" / "his.password").chmod(0o644)
    text = site.read_text(encoding="utf-8")
    site.write_text(text.replace("http://127.0.0.1:8800", "http://10.1.2.3, encrypt: false, insecure: true"), encoding="utf-8")
    result = check(site)
    assert 0 == result.exit_code, result.output
    assert "note: platform.insecure is on" in result.output
    assert "note: platform.url is http" in result.output
    assert "note: sources.his.password_file: everybody on this machine can read his.password" in result.output
    assert 3 == len(json.loads(check(site, "-o", "json").output)["notes"])


def test_a_secure_site_has_no_notes(site):
    """A note that always stands there is not read."""
    (site.parent / "secrets" / "his.password").chmod(0o600)
    assert "note:" not in check(site).output


def test_a_key_that_two_institutions_have_is_told(site):
    """It was pasted twice, and the platform will open nothing of the one whose key it is not."""
    one, other = sorted((site.parent / "keys").glob("*.p*"))[:2]
    other.write_bytes(one.read_bytes())
    (note,) = [line for line in check(site).output.splitlines() if "have one public key" in line]
    assert all(code in note for code in ("H36110200001", "P36110200002"))


def test_brokers_that_want_a_login_are_not_forgotten_where_a_capture_reads_its_orders(site):
    """The Connect workers' own login is not used for that, and the capture would start without a word."""
    (site.parent / "secrets" / "his.password").chmod(0o600)
    text = site.read_text(encoding="utf-8")
    site.write_text(text.replace("kafka: {", "kafka: {security: {protocol: SSL}, "), encoding="utf-8")
    assert "note: connect.consumer is empty" in check(site).output
    site.write_text(site.read_text().replace(":8083", ":8083, consumer: {security.protocol: SSL}"), encoding="utf-8")
    assert "note:" not in check(site).output


def test_programs_get_the_same_as_json(site):
    """A pipeline reads this; its form only grows."""
    result = json.loads(check(site, "--output", "json").output)
    assert result["ok"] is True
    assert {"mdtrt_d": 35, "setl_d": 25, "fee_list_d": 24} == {one["service"]: one["mapped"] for one in result["coverage"]}


def test_fields_that_nothing_fills_are_named(site):
    """An integrator goes through them one by one; a count alone would let him look for them."""
    (line,) = [one for one in check(site).output.replace("\n", " ").split("nothing fills, of ") if one.startswith("mdtrt_d")]
    coverage = {one["service"]: one for one in json.loads(check(site, "-o", "json").output)["coverage"]}
    unfilled = coverage["mdtrt_d"]["unfilled"]
    assert 106 - 35 == len(unfilled)
    assert all(name in line for name in unfilled)
    assert [] == coverage["fee_list_d"]["unfilled"]


def test_a_required_fact_that_is_the_same_for_everybody_is_told(site):
    """An age of 0 for all is accepted by the platform, and wrong."""
    mapping = site.parent / "mapping.yaml"
    text = mapping.read_text(encoding="utf-8")
    assert "is always" not in check(site).output
    (before,) = [line for line in text.splitlines() if line.strip().startswith("PRIC:")]
    mapping.write_text(text.replace(before, "      PRIC: {constant: 0}"), encoding="utf-8")
    assert "is always `0`: the interface requires the fact" in check(site).output


def test_a_database_that_does_not_answer_is_said_and_is_no_error(site):
    """An integrator without a route to it gets all that the files say; who demands it asks with --live."""
    text = check(site)
    assert (0, True) == (text.exit_code, "not held against its database: sources.his: nothing answers at" in text.output)
    assert 1 == len(json.loads(check(site, "-o", "json").output)["unseen"])
    assert "not held" not in check(site, "--offline").output


def test_all_and_nothing_is_a_contradiction(site):
    """Which of the two was meant is not guessed."""
    result = check(site, "--live", "--offline")
    assert (2, True) == (result.exit_code, "give one of them" in result.output)


def test_all_errors_come_at_once_and_the_exit_code_is_2(site):
    """Files, keys and passwords in one go."""
    (site.parent / "keys" / "p2.pem").write_text(generate_key_pair().public.pem[:60])
    (site.parent / "secrets" / "his.password").unlink()
    mapping = site.parent / "mapping.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("PRIC: price", "PRICE: price"), encoding="utf-8")
    result = check(site, "--output", "json")
    assert 2 == result.exit_code
    problems = json.loads(result.stdout)["problems"]
    places = {one["place"] for one in problems}
    assert {"sources.his.password_file", "institutions[1].public_key_file", "records.fee_list_d.fields.PRICE"} <= places
    assert all(one["line"] for one in problems)
    text = check(site)
    assert 2 == text.exit_code
    assert f"{len(problems)} problems" in text.output
    assert "secret" not in text.output.replace("secrets/", "").replace("password_file", "")
