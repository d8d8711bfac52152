"""The frame of the command line: what every verb may rely on."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from connector import errors as capture
from streams.errors import Fatal, Misconfigured, Unreachable, YibaoError
from yibao import main


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (YibaoError("x"), 1),
        (Misconfigured("x"), 2),
        (Unreachable("x"), 3),
        (Fatal("x", exit_code=74), 74),
        (capture.Refused("x"), 1),
        (capture.Misconfigured("x"), 2),
        (capture.Unreachable("x"), 3),
    ],
)
def test_an_error_has_its_exit_code(error, code):
    """Scripts and supervisors decide by the code, not by the text."""
    assert code == main.exit_code(error)


def test_an_error_raised_on_purpose_ends_with_its_message_and_no_traceback(monkeypatch, capsys, tmp_path):
    """A person reads what to mend; a traceback hides it."""
    monkeypatch.setattr(sys, "argv", ["yibao", "stack", "up", "--home", str(tmp_path), "--service", "connect"])

    with pytest.raises(SystemExit) as ended:
        main.run()

    assert (2, "error: connect needs kafka: name both\n") == (ended.value.code, capsys.readouterr().err)


def test_the_overview_shows_every_verb():
    """What the overview does not show is not found."""
    shown = CliRunner().invoke(main.build(["--help"]), ["--help"]).output

    assert [verb.name for verb in main.VERBS] == [verb.name for verb in main.VERBS if f"\n  {verb.name} " in shown]


def test_the_overview_imports_no_verb():
    """`yibao --help` must answer at once, although a worker's imports take seconds."""
    code = (
        "import sys; from yibao import main; main.build(['--help']);"
        "print([m for m in sys.modules if m.split('.')[0] in {'faust', 'aiohttp', 'aiokafka', 'psycopg', 'pydantic'}])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("verb", [verb.name for verb in main.VERBS])
def test_every_verb_explains_itself(verb):
    """A verb that cannot be loaded is found here and not by the person who needs it."""
    result = CliRunner().invoke(main.build([verb]), [verb, "--help"])

    assert (0, True) == (result.exit_code, f"Usage: root {verb}" in result.output)


def test_a_misspelled_option_is_a_usage_error():
    """Exit code 2, as for every mistake of the caller."""
    assert CliRunner().invoke(main.build(["stack"]), ["stack", "up", "--hoem", "x"]).exit_code == 2


@pytest.mark.parametrize("verb", [verb.name for verb in main.VERBS])
def test_every_verbs_help_teaches_by_examples(verb):
    """Whoever is called at night copies a line that works; a summary that breaks off in the middle says nothing."""
    told = CliRunner(env={"COLUMNS": "120"}).invoke(main.build([verb]), [verb, "--help"]).output
    assert "Examples:" in told
    assert f"  yibao {verb}" in told
    assert "..." not in told.partition("Commands:")[2]
