"""The command `yibao`: its verbs, and how an error becomes a message and an exit code.

A verb's module is imported only when its verb is used, so that `yibao --help` answers at once. `yibao/verbs/<verb>.py` holds either
`app`, a `typer.Typer` with verbs of its own, or a function named like the module: one verb. A verb prints its result,
raises `typer.Exit(1)` when it found something, and lets errors raised on purpose through: `run` turns them into exit codes.
"""

import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import Annotated, NamedTuple, NoReturn

import typer

from connector.errors import CaptureError
from streams.built import core
from streams.errors import Fatal, Misconfigured, Unreachable, YibaoError
from streams.private_files import keep_private
from yibao import interrupted, outlets, usage

_SANDBOX = ("sandbox",)
"""What the production wheel does not hold."""

_LOGGING = (("worker",), ("watch",), ("platform", "serve"))
"""What tells of its work by events on standard error."""


class Verb(NamedTuple):
    """One word after `yibao`, and its line in the overview."""

    name: str
    summary: str


VERBS = (
    Verb("demo", "Run the whole flow on this machine and show what was reported."),
    Verb("check", "Check site.yaml and its mapping files: all errors at once."),
    Verb("mapping", "Hold the mapping against cases: rows in, records and letters out."),
    Verb("rules", "The data-quality rules, and how strict the site is with each."),
    Verb(
        "dictionaries",
        "The value lists (字典) that codes are held against; import the platform's.",
    ),
    Verb("doctor", "Look at everything a site depends on, with what mends each finding."),
    Verb("stack", "The embedded PostgreSQL, Kafka and Connect: up, down, status."),
    Verb("topics", "Plan and create the topics of a site."),
    Verb("offsets", "Make the offsets of a stage again from its topics, after they were lost."),
    Verb("source", "What the database's administrator does before capture: a script, and the way back."),
    Verb("connector", "Plan, apply and watch the capture of a site's databases."),
    Verb("strimzi", "Write the chart's values where Strimzi makes topics and connectors."),
    Verb("status", "Why does nothing move? What waits where, and the one reason of each."),
    Verb("lag", "What waits for each stage, how old it is, and how fast it goes."),
    Verb("watch", "Which alerts there are; --notify tells people, where there is no Prometheus."),
    Verb("resnapshot", "Read rows of a table again, and prove that all came."),
    Verb("pause", "Let a source, an institution, a service or a stage wait."),
    Verb("resume", "Let go on what is paused, or place the rows of a stopped source again."),
    Verb("limits", "How much goes to the platform, from all workers together: set, show, clear."),
    Verb("maintenance", "When the platform is maintained: nothing is posted, nobody is woken."),
    Verb("worker", "Run the stages: place, join, deliver, or all of them."),
    Verb("explain", "What became of one visit, settlement or fee line."),
    Verb("join", "What waits in the join, and for what; which settlements do not add up."),
    Verb("dlq", "What could not be reported, and why."),
    Verb("replay", "Try dead letters again, as a plan that is looked at first."),
    Verb("ready", "Make anew what waits for the platform, after the mapping was mended."),
    Verb("audit", "Who ordered what, and whether the log of it is whole."),
    Verb("sizing", "How many partitions, workers, cores and disks a site needs."),
    Verb("keys", "Make, check and show SM2 keys."),
    Verb("platform", "The platform simulator."),
    Verb("hospital", "The sample hospital: make its database, let it work, write down what must be reported."),
    Verb("runbook", "What an alert means, what it does, and what mends it."),
    Verb("completion", "Print a script that completes commands in bash, zsh or fish."),
)
_MODULES = {"platform": "simulator"}
"""Verbs whose module must not be named like them: the standard library has a `platform`."""

HELP = """\
Reports a hospital's visits, settlements and fee lines to the medical-insurance supervision platform.

\b
Examples:
  yibao demo                                see it work, with no preparation
  yibao check -c site.yaml                  all errors of a site's files at once
  yibao topics apply -c site.yaml           create the topics
  yibao connector apply -c site.yaml        start the capture
  yibao worker all -c site.yaml             place, join and deliver
  yibao dlq list -h                         every verb explains itself, with examples

\b
Exit codes:
  0 done; 1 found or failed; 2 usage or configuration; 3 cannot reach; 130 interrupted.
  Workers also: 70 lane error, 71 hole, 72 no topic metadata, 73 silent partition, 74 no offset of ours, 75 not visible,
  76 no room for the state's copy, 77 a newer version worked here, 78 another site's topics,
  79 a log shorter than its offset, 80 another mapping than others of the stage;
  docs/operations.md says what to do after each.
"""


def build(arguments: Sequence[str], *, whole: bool = False) -> typer.Typer:
    """The command line for these arguments: the verb they name in full, of the others only the line in the overview.

    whole: all verbs in full that are installed here, which takes seconds.
    """
    root = typer.Typer(
        help=HELP,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 120, "help_option_names": ["-h", "--help"]},
    )
    root.callback()(_root)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for verb in VERBS:
        if verb.name == wanted or (whole and _is_installed(verb)):
            _register(root, verb)
        else:
            root.command(verb.name, short_help=verb.summary)(lambda: None)
    return root


def _print_versions(asked: bool) -> None:
    if asked:
        versions = importlib.import_module("yibao.versions")
        typer.echo("\n".join(versions.lines()))
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_versions, help="Show what runs here, for a report of a fault."),
    ] = False,
) -> None:
    """Keeps the verb's word necessary even where only one is registered."""


def _is_installed(verb: Verb) -> bool:
    with suppress(Misconfigured):
        return bool(_module(verb))
    return False


def _module(verb: Verb) -> ModuleType:
    try:
        return importlib.import_module(f"yibao.verbs.{_MODULES.get(verb.name, verb.name)}")
    except ModuleNotFoundError as exc:
        if exc.name not in _SANDBOX:
            raise
        raise Misconfigured(
            f"`yibao {verb.name}` needs the sandbox, which is not installed here: install the wheel yibao-cdc-sandbox of this "
            "version beside this one (`make wheels` in a checkout builds both). The demonstration and the embedded stack also need "
            "a checkout, where `make setup` fetches their Java programs: `make demo` there does all of it"
        ) from exc


def _register(root: typer.Typer, verb: Verb) -> None:
    module = _module(verb)
    group = getattr(module, "app", None)
    if isinstance(group, typer.Typer):
        root.add_typer(group, name=verb.name)
    else:
        root.command(verb.name)(getattr(module, verb.name))


def exit_code(error: YibaoError | CaptureError) -> int:
    """The exit code that an error stands for."""
    match error:
        case Fatal() | CaptureError():
            return error.exit_code
        case Misconfigured():
            return 2
        case Unreachable():
            return 3
        case _:
            return 1


def run() -> None:
    """The console script. Errors raised on purpose end with their message and without a traceback. What it writes is private."""
    keep_private()
    outlets.settle()
    try:
        core()
        with interrupted.before_anything_begins():
            command = typer.main.get_command(build(sys.argv[1:]))
        usage.refuse_empty_names(command)
        code = command(prog_name="yibao", standalone_mode=False)
    except typer.TyperException as error:
        _end(error.exit_code, usage.explain(error))
    except typer.Abort:
        _end(1, "nothing was done, because it was not confirmed")
    except KeyboardInterrupt:
        code = interrupted.EXIT_CODE
    except interrupted.Interrupted as error:
        _end_interrupted(f"{error}")
    except (YibaoError, CaptureError) as error:
        _end(exit_code(error), f"error: {error}")
    except UnicodeEncodeError as error:
        _end(2, f"error: {_beyond_the_locale(error)}")
    if code == interrupted.EXIT_CODE:
        _end_interrupted(interrupted.NOTHING)
    sys.exit(code)


def _end_interrupted(left: str) -> NoReturn:
    """A sentence for a person; where a log is kept and no terminal shows it, an event, for programs read it to its last line."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not sys.stderr.isatty() and any(words[: len(verb)] == [*verb] for verb in _LOGGING):
        importlib.import_module("streams.telemetry.dying").say_interrupted(left)
        sys.exit(interrupted.EXIT_CODE)
    _end(interrupted.EXIT_CODE, f"interrupted: {left}")


def _beyond_the_locale(error: UnicodeEncodeError) -> str:
    """Output is never the cause, see `outlets`: a name was to be handed to the system."""
    name = f"{error.object}".replace("\n", " ")[:200]
    return f"{name}: this locale has no such file name ({error.encoding}); set LC_ALL=C.UTF-8, and do not set PYTHONUTF8=0"


def _end(code: int, last_word: str) -> NoReturn:
    sys.stderr.write(f"{last_word}\n")
    sys.exit(code)
