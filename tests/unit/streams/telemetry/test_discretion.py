"""What may be said of an error, whatever it comes from."""

import asyncio

import pytest

from streams.agents import background
from streams.errors import Fatal
from streams.lanes.away import away
from streams.telemetry.discretion import cause_of, stack_of


def raised_from_itself(error):
    """As Faust's worker raises what ended it."""
    try:
        raise error from error
    except type(error) as caught:
        return caught


@pytest.mark.timeout(60)
def test_an_error_that_is_its_own_cause_is_told_once():
    """A worker looked for the end of its causes for ever: it was neither at work nor restarted."""
    error = raised_from_itself(asyncio.CancelledError())
    assert error.__cause__ is error
    assert "" == cause_of(error)
    assert "raised_from_itself" in stack_of(error)
    assert away(error, servers="127.0.0.1:9092", who="the worker's framework") is None


@pytest.mark.timeout(60)
def test_a_framework_that_ends_by_a_cancellation_ends_the_worker(monkeypatch):
    """It ends with a code and a word, so that it is restarted and somebody is told."""
    error = raised_from_itself(asyncio.CancelledError())

    class Crashed:
        def __init__(self, *_args, **_options):
            """Nothing is started."""

        def execute_from_commandline(self):
            raise error

    class App:
        crash_reason = error
        servers = "127.0.0.1:9092"

    async def make():
        return App()

    monkeypatch.setattr(background, "_QuietWorker", Crashed)
    monkeypatch.setattr(background, "collect_less_often", lambda: None)
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(background, "new_loop", lambda: loop)
    with pytest.raises(Fatal, match="framework"):
        background.run_app(make)
    loop.close()
