"""Connect's plugin is of a version that loses nothing, or no source is captured by it."""

import json

import pytest

from connector.connect import Plugin
from connector.plugins import plugin_finding, release_of
from connector.profiles import profile_of
from tests.unit.connector.odd_answers import http, own, serving
from tests.unit.connector.test_reconcile import CONNECTOR, SOURCE
from tests.unit.yibao.connector_verbs import connector_verbs

POSTGRESQL = profile_of(SOURCE.kind)


def found(*versions):
    """The finding about PostgreSQL's plugin in these versions, beside other connectors."""
    there = [Plugin(class_name=POSTGRESQL.connector_class, version=version) for version in versions]
    return plugin_finding([Plugin(class_name="io.debezium.connector.mysql.MySqlConnector", version="1.0"), *there], POSTGRESQL)


@pytest.mark.parametrize("version", ["3.7.0.Final", "3.7.1.Final", "3.10.0.Final", "4.0.0.Alpha1", "3.7.0.Final-x-1", "3.7"])
def test_what_is_new_enough_has_no_finding(version):
    """Compared as numbers: 3.10 is newer than 3.7, whatever their letters say."""
    assert found(version) is None


@pytest.mark.parametrize("version", ["3.6.1.Final", "2.7.4.Final", "3.7.0.CR1", "3.7.0.Beta2", "3.7.0-SNAPSHOT", "0.3.7"])
def test_what_loses_rows_is_told_with_its_version_and_what_to_do(version):
    """COPY and statements of many rows are what a hospital's interfaces and night jobs write by."""
    finding = found(version)
    assert (f"is of version {version}, and 3.7.0 or newer" in finding.what, "COPY" in finding.what) == (True, True)
    assert "plugin.path of every Connect worker" in finding.mend


@pytest.mark.parametrize("version", [None, "undefined", "", "latest", "3", "3.7.0.Final\n", "²3.7.0"])
def test_a_version_that_cannot_be_read_is_no_proof_of_a_new_one(version):
    """Debezium tells its version in every release; whoever cannot is something else, and lost rows are noticed by nobody."""
    assert "3.7.0 or newer is needed" in found(version).what


def test_of_several_versions_the_newest_counts():
    """Connect takes it where an old folder was left beside the new one."""
    assert found("3.6.1.Final", "3.7.0.Final") is None
    assert "3.5.0.Final, 3.6.1.Final" in found("3.6.1.Final", "3.5.0.Final").what


def test_a_candidate_comes_before_what_it_is_a_candidate_for():
    """A correction may have come into the release only after it."""
    versions = ["3.6.9.Final", "3.7.0.CR1", "3.7.0.Final", "3.7.1.Alpha1", "3.7.1.Final"]
    assert versions == sorted(versions, key=release_of)


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_running_capture_on_an_old_plugin_is_refused(tmp_path, monkeypatch, capsys, verb):
    """It runs well until its next restart; exit code 1 stops the pipeline that would have gone on."""
    config = http(200, {"name": CONNECTOR})
    plugins = http(200, [{"class": POSTGRESQL.connector_class, "type": "source", "version": "3.6.1.Final"}])
    answers = {f"/connectors/{CONNECTOR}/config": config, "/connector-plugins": plugins, "/connectors": http(200, [CONNECTOR])}
    with serving(lambda request: answers.get(request.path, own(404, "not asked for"))) as server:
        yibao = connector_verbs(tmp_path, monkeypatch, capsys)
        code, out, _ = yibao(verb, "--no-preflight", "-o", "json", url=server.url)
    (connector,) = json.loads(out)["connectors"]
    assert (1, ["blocks"]) == (code, [finding["severity"] for finding in connector["findings"]])
    assert {"GET"} == {request.method for request in server.requests}
