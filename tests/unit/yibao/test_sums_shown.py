"""`yibao join sums`: what a person and a program see of settlements whose lines do not add up."""

from pathlib import Path

import pytest

from streams.errors import Misconfigured
from streams.explain.sums import Differing
from streams.mapping import load_site
from yibao import sums_shown
from yibao.verbs import join

SAMPLE = Path(__file__).parents[3] / "deploy" / "sites" / "sample" / "site.yaml"
ONE = Differing("his", "H36110200001", "MZ1", "his.sf_jsjl/JS1", 2, 1_005, 2_000, 1_764_000_000_000)


def test_both_sums_and_what_lies_between_them_are_shown(capsys):
    """The office calls the ward with these three numbers."""
    sums_shown.show([ONE], {"his": 3}, load_site(SAMPLE))
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("his.sf_jsjl/JS1", "MZ1", "10.05", "20.00", "-9.95", "2025-11-25 00:00"))
    assert "3 settlements" in shown
    assert "3 of his; 1 of them above" in shown
    about = {"source": "his", "institution": "H36110200001", "visit": "MZ1", "settlement": "his.sf_jsjl/JS1", "lines": 2}
    sums = {"lines_sum": "10.05", "stated": "20.00", "difference": "-9.95", "since": 1_764_000_000_000}
    assert {"total": {"his": 3}, "settlements": [about | sums]} == sums_shown.document([ONE], {"his": 3})


def test_where_none_differs_that_is_said(capsys):
    """An empty screen says nothing."""
    sums_shown.show([], {}, load_site(SAMPLE))
    assert "no settlement differs (R2)\n" == capsys.readouterr().out


def test_a_rule_that_is_off_lists_nothing(tmp_path, monkeypatch):
    """What was counted before it was switched off would be read as what is so today."""
    site = load_site(SAMPLE)
    monkeypatch.setattr(join, "load_site", lambda _file: site.model_copy(update={"rules": {"R2": "off"}}))
    with pytest.raises(Misconfigured, match="R2 is switched off"):
        join.show_sums(config=tmp_path / "site.yaml")


def test_a_source_without_sums_is_told(capsys):
    """That none differs there would be a lie: nobody looked."""
    site = load_site(Path(__file__).parents[1] / "streams" / "domain" / "join" / "join_site" / "site.yaml")
    join._tell_unjudged(site, "many")
    told = capsys.readouterr().err
    join._tell_unjudged(site, "his")
    assert (["many: nothing is added up"], "") == ([line.partition(";")[0] for line in told.splitlines()], capsys.readouterr().err)


def test_nobody_sees_what_is_personal_without_a_reason():
    """It is noted who did, and why."""
    with pytest.raises(Misconfigured, match="--unmask needs --reason"):
        join.show_sums(unmask=True)
