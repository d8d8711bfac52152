"""`yibao runbook`: the page of an alert, typed as it is remembered."""

import pytest
import typer
from typer.testing import CliRunner

from streams.errors import Misconfigured
from streams.telemetry.runbook_text import Language, names, text
from yibao.verbs.runbook import runbook


@pytest.fixture
def said():
    """What the verb prints, with these words; its error, where it raised one."""
    app = typer.Typer()
    app.command()(runbook)

    def say(*words, **environment):
        done = CliRunner().invoke(app, words, env={"LC_ALL": "C.UTF-8"} | environment)
        if done.exception is not None:
            raise done.exception
        return done.output

    return say


def test_the_page_is_shown_in_the_language_of_the_terminal_or_in_the_one_that_is_asked_for(said):
    """At night nobody looks up how a language is set."""
    english, chinese = text("YibaoLaneHeld", Language.EN), text("YibaoLaneHeld", Language.ZH)
    assert english == said("YibaoLaneHeld") == said("laneheld") == said("YibaoLaneHeld", "--language", "en", LC_ALL="zh_CN.UTF-8")
    assert chinese == said("YibaoLaneHeld", LC_ALL="zh_CN.UTF-8") == said("LaneHeld", "--language", "zh")


def test_without_a_name_all_are_listed_and_a_misspelt_one_names_the_nearest(said):
    """The name stands in a message that was read an hour ago."""
    assert list(names()) == [line for line in said().splitlines() if line.startswith("Yibao")]
    with pytest.raises(Misconfigured, match="did you mean `YibaoBrokersAway`"):
        said("YibaoBrokerAway")
