"""What holds the delivery is read from the workers' log, and said in the reader's language."""

import json
import string
from dataclasses import fields

import pytest

from streams.deliver.causes import HoldCause, RetryCause
from yibao.demonstration.holds import SILENT, STANDS, Hold, Holds
from yibao.demonstration.view import held
from yibao.demonstration.words import ENGLISH, WORDS, Language, language_of

NOT_FOUND = "the platform answers HTTP 404"


@pytest.fixture
def log(tmp_path):
    """A worker's log; called with events, it writes them."""
    file = tmp_path / "worker.log"

    def write(*events):
        with file.open("a", encoding="utf-8") as out:
            out.writelines(f"{json.dumps(event) if isinstance(event, dict) else event}\n" for event in events)

    write.file = file
    return write


def lane(partition, event="lane_held", **others):
    return {"topic": "visit.ready", "partition": partition, "event": event, **others}


def not_found(partition):
    return lane(partition, cause="address", platform_says=NOT_FOUND, http_status=404)


def test_a_reason_is_named_once_with_the_lanes_that_stand_for_it(log):
    """Twelve lanes behind one wrong address are one thing to mend."""
    holds = Holds(log.file)
    assert () == holds.now()
    log({"event": "worker_started"}, "a line of a library", "[1]", *map(not_found, range(3)), lane(7, "lane_opened"))
    assert (Hold(cause="address", says=NOT_FOUND, lanes=3, http_status=404),) == holds.now()
    log(not_found(2), not_found(3))
    assert [4] == [hold.lanes for hold in holds.now()]


def test_a_hold_that_is_over_is_forgotten(log):
    """A lane that goes on says so; a new worker says anew what holds it."""
    holds = Holds(log.file)
    log(not_found(0), not_found(1), lane(0, "lane_released"))
    assert [1] == [hold.lanes for hold in holds.now()]
    log({"event": "worker_ended", "worker": "join-0"})
    assert [1] == [hold.lanes for hold in holds.now()]
    log({"event": "worker_ended", "worker": "deliver-0"})
    assert () == holds.now()


def test_a_lane_that_stands_and_a_platform_that_is_silent_hold_too(log):
    """No answer held it: the guard against floods did, or the breaker."""
    holds = Holds(log.file)
    log(lane(4, "lane_stopped", why="refused: 60 of 100", remedy="find out"), {"event": "breaker_opened", "failures": 5})
    stands = Hold(cause=STANDS, says="refused: 60 of 100", remedy="find out")
    assert {stands, Hold(cause=SILENT, says="5 tries in a row failed", whole=True)} == set(holds.now())
    page = {"cause": "login_page", "address": "http://x", "http_status": 200, "code": "", "platform_says": "登录"}
    log({"event": "breaker_opened", "failures": 6, **page})
    named = Hold(cause="login_page", says="登录, http://x", http_status=200, whole=True)
    assert {stands, named} == set(holds.now())
    assert "[login_page, HTTP 200]" in held(named, WORDS[Language.EN])
    log({"event": "breaker_closed"})
    assert (stands,) == holds.now()


def test_an_institution_that_is_set_aside_is_held_when_its_lane_goes_on(log):
    """The others arrive, and whoever waits for this one must not read that nothing is held any more."""
    holds = Holds(log.file)
    aside = [lane(n, "institution_held", institution="H36110200001", cause="seal", platform_says="no key") for n in (0, 1)]
    log(lane(0, cause="seal", platform_says="no key"), *aside, lane(0, "lane_released"))
    assert (Hold(cause="seal", says="H36110200001: no key", lanes=2),) == holds.now()
    log(lane(0, "institution_released", institution="H36110200001"), lane(1, "lane_opened"))
    assert () == holds.now()
    log(lane(1, "institution_stopped", institution="H36110200001", why="a flood", remedy="look"))
    assert (Hold(cause=STANDS, says="H36110200001: a flood", remedy="look"),) == holds.now()


def test_half_a_line_is_read_when_it_is_whole(log):
    """The worker writes while we read."""
    holds = Holds(log.file)
    whole = json.dumps(not_found(0))
    with log.file.open("w") as out:
        out.write(whole[:40])
        out.flush()
        assert () == holds.now()
        out.write(f"{whole[40:]}\n")
    assert 1 == len(holds.now())


@pytest.mark.parametrize("language", Language)
def test_every_cause_has_its_words(language):
    """A cause without a remedy leaves whoever looks on where he was."""
    causes = WORDS[language].causes
    assert {*HoldCause, *RetryCause, SILENT, STANDS} - {RetryCause.BREAKER_OPEN} == set(causes)
    for cause, (_, remedy) in causes.items():
        assert remedy
        assert (NOT_FOUND in held(Hold(cause=cause, says=NOT_FOUND), WORDS[language])) is (cause != HoldCause.THROTTLED)
    assert "something new" in held(Hold(cause="of a later version", says="something new"), WORDS[language])


@pytest.mark.parametrize("language", Language)
def test_both_languages_fill_in_the_same(language):
    """A name that only one of them knows would end the demonstration in the other."""
    for field in fields(ENGLISH):
        english, other = getattr(ENGLISH, field.name), getattr(WORDS[language], field.name)
        if isinstance(english, str):
            assert names(english) == names(other), field.name
        else:
            assert english.keys() == other.keys(), field.name


def names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
    ],
)
def test_the_language_is_the_terminals(environment, language):
    """As every other program of that terminal chooses it."""
    assert Language(language) is language_of(environment)
