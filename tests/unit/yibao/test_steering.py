"""What a person orders of the workers is checked before it is written: a slip of the pen must not pause nothing, or everything."""

import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import typer

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.steering import Paused
from yibao.moments import until_of
from yibao.steering import SERVICES, STAGES, target_of
from yibao.verbs import limits, maintenance, pause, resume

SAMPLE = Path(__file__).parents[3] / "deploy" / "sites" / "sample" / "site.yaml"
NOTHING = {"source": None, "institution": None, "service": None, "stage": None}


@pytest.fixture(scope="module")
def site():
    return load_site(SAMPLE)


@pytest.mark.parametrize("named", [{}, {"source": "his", "stage": "join"}])
def test_exactly_one_thing_is_named(site, named):
    """Of two, one would go on by a guess."""
    with pytest.raises(Misconfigured, match="name one of"):
        target_of(site, **{**NOTHING, **named})


@pytest.mark.parametrize(("what", "name"), [("source", "hiss"), ("institution", "H1"), ("service", "fees"), ("stage", "all")])
def test_what_the_site_has_not_is_an_error_that_names_what_it_has(site, what, name):
    """It would be paused for ever, and nothing would wait."""
    with pytest.raises(Misconfigured, match=f"there is no such {what}.*; known are "):
        target_of(site, **{**NOTHING, what: name})


def test_a_service_is_named_in_words_and_written_as_the_interface_has_it(site):
    """The workers compare it with what stands at a record."""
    target = target_of(site, **{**NOTHING, "service": "fee"})
    assert (Paused.SERVICE, "fee_list_d", "fee") == (target.of, target.name, target.said)
    assert (SERVICES, STAGES) == (tuple(pause.Service), tuple(pause.Stage))


def test_nothing_is_ordered_without_a_reason():
    """Whoever asks later must find it; the site's file is not even read."""
    for order in (
        lambda: pause.pause(stage="join"),
        lambda: resume.resume(stage="join"),
        lambda: resume.resume("his"),
        lambda: limits.set_(in_flight=1),
        limits.clear,
    ):
        with pytest.raises(Misconfigured, match="--why is needed"):
            order()


def test_a_source_that_was_stopped_and_a_pause_are_resumed_one_after_the_other(monkeypatch, site):
    """One of the two would be forgotten."""
    monkeypatch.setattr(resume, "load_site", lambda _file: site)
    with pytest.raises(Misconfigured, match="one after the other"):
        resume.resume("his", paused_source="his", why="both")


def test_a_limit_must_be_named(monkeypatch, site):
    """An order that says nothing would stand in the audit log as one that did."""
    monkeypatch.setattr(limits, "load_site", lambda _file: site)
    with pytest.raises(Misconfigured, match="name a limit"):
        limits.set_(why="meant")


@pytest.mark.parametrize(("what", "until"), [({"stage": "deliver"}, "15d"), ({"source": "his"}, "365d")])
def test_a_pause_that_outlasts_what_the_topics_keep_is_refused(monkeypatch, site, what, until):
    """What waits would be dropped, and its end would find a hole."""
    monkeypatch.setattr(pause, "load_site", lambda _file: site)
    with pytest.raises(Misconfigured, match=r"kept for 14 days \(retention\.(ready|changes)_days\)"):
        pause.pause(**what, until=until, why="a slip of the pen")


def test_a_window_of_more_than_a_day_is_asked_about_and_one_that_loses_records_refused(monkeypatch, site, capsys):
    """Nobody is woken in a window: one of a year, for a day that was mistyped, is a year without an alarm."""
    monkeypatch.setattr(maintenance, "load_site", lambda _file: site)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(typer.Abort):
        maintenance.set_(ends="3d", why="announced")
    assert "raise no alarm of the platform for 3d" in capsys.readouterr().err
    with pytest.raises(Misconfigured, match=r"retention\.ready_days"):
        maintenance.set_(ends="365d", why="announced", yes=True)


@pytest.mark.parametrize("text", ["2h", "90m", "1d"])
def test_a_pause_ends_after_a_span(site, text):
    """As other verbs take them, in the other direction."""
    span = {"2h": timedelta(hours=2), "90m": timedelta(minutes=90), "1d": timedelta(days=1)}[text]
    until = datetime.fromisoformat(until_of(text, site))
    assert abs(until - datetime.now(until.tzinfo) - span) < timedelta(minutes=10)


def test_a_pause_ends_at_a_time_of_the_site(site):
    """A person writes what the clock on the wall shows; the entry has its zone."""
    assert "2999-12-01T06:00:00+08:00" == until_of("2999-12-01T06:00", site) == until_of("2999-11-30T22:00Z", site)


@pytest.mark.parametrize("text", ["2020-01-01", "0m", "tomorrow", "h", "99999999d"])
def test_an_end_that_is_over_or_none_is_an_error(site, text):
    """It would be written, and nothing would wait."""
    with pytest.raises(Misconfigured, match="--until"):
        until_of(text, site)
