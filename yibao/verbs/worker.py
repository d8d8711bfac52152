"""`yibao worker`: the processes that run the stages."""

import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import structlog
import typer

from streams.agents.background import run_app
from streams.agents.engine import LaneApp
from streams.bounded import is_pipe
from streams.built import core
from streams.errors import Misconfigured, YibaoError
from streams.mapping import Site, load_site
from streams.seal import self_test
from streams.telemetry import events
from streams.telemetry.dying import WORDS_VARIABLE, say_why, speak_discreetly, tell_ready
from streams.telemetry.events import Speaker
from streams.telemetry.outcomes import Outcomes
from streams.topology import Process, deliver_worker, join_worker, place_worker
from yibao.captures.watching import watched
from yibao.interrupted import EXIT_CODE, Interrupted
from yibao.main import exit_code
from yibao.monitored import SILENT, monitored, seen, show_seen
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.supervisor import PARENT_VARIABLE, PATIENT_VARIABLE, end_with_parent, supervisor_of

log = structlog.get_logger()

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Run the stages: place, join, deliver, or all of them.

Workers of one stage share its partitions; start as many as there are partitions at the most (of place: one for each source, and one
to stand by). Nothing that a worker keeps on its machine is needed after a restart. What its exit codes 70 to 80 mean, and what to
do: docs/operations.md.

\b
Examples:
  yibao worker all -c site.yaml             one worker of each stage, under a supervisor that restarts them
  yibao worker all --join 2 --deliver 4     more of them on one machine
  yibao worker join --index 1               one worker alone, where something else supervises it
  yibao worker health                       how those on this machine are, and where /metrics is
""",
)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", file_okay=False, metavar="DIR", help="Folder for what the workers keep here. Default: workers.home."),
]
IndexOption = Annotated[int, typer.Option("--index", min=0, help="Tells workers of one stage on one machine apart.")]


@app.command("place", short_help="Run one worker of the place stage.")
def place(config: ConfigOption = SITE, home: HomeOption = None, index: IndexOption = 0) -> None:
    """Run one worker of the place stage until SIGTERM (exit code 0) or Ctrl-C (130).

    \b
    Examples:
      yibao worker place -c site.yaml
      yibao worker place -c site.yaml --index 1  a second one, which stands by
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    _run("place", place_worker, config=config, home=home, index=index)


@app.command("join", short_help="Run one worker of the join.")
def join(config: ConfigOption = SITE, home: HomeOption = None, index: IndexOption = 0) -> None:
    """Run one worker of the join until SIGTERM (exit code 0) or Ctrl-C (130).

    \b
    Examples:
      yibao worker join -c site.yaml
      yibao worker join -c site.yaml --index 1  a second one on this machine
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    _run("join", join_worker, config=config, home=home, index=index)


@app.command("deliver", short_help="Run one worker of the deliver stage.")
def deliver(config: ConfigOption = SITE, home: HomeOption = None, index: IndexOption = 0) -> None:
    """Run one worker of the deliver stage until SIGTERM (exit code 0) or Ctrl-C (130).

    \b
    Examples:
      yibao worker deliver -c site.yaml
      yibao worker deliver -c site.yaml --index 1 --home /var/lib/yibao
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    _run("deliver", deliver_worker, config=config, home=home, index=index)


@app.command("all", short_help="Run workers of all stages under one supervisor.")
def all_stages(
    config: ConfigOption = SITE,
    home: HomeOption = None,
    place_workers: Annotated[int, typer.Option("--place", min=0, help="Workers of the place stage.")] = 1,
    join_workers: Annotated[int, typer.Option("--join", min=0, help="Workers of the join.")] = 1,
    deliver_workers: Annotated[int, typer.Option("--deliver", min=0, help="Workers of the deliver stage.")] = 1,
) -> None:
    """Run workers of all stages under one supervisor, which restarts what ends, and what hangs (workers.http.silent_s).

    \b
    Examples:
      yibao worker all -c site.yaml
      yibao worker all -c site.yaml --join 2 --deliver 4
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if is_pipe(config.absolute()):
        raise Misconfigured(f"{config} is a pipe, which can be read once: every worker reads the site anew; name a file")
    wanted = {"place": place_workers, "join": join_workers, "deliver": deliver_workers}
    commands = {
        f"{stage}-{index}": _command(stage, index, config=config, home=home)
        for stage, count in wanted.items()
        for index in range(count)
    }
    with _speaking(Speaker(worker="supervisor"), config) as site:
        code = supervisor_of(site, commands).run()
    if code == EXIT_CODE:
        raise _stopped(site, home)
    raise typer.Exit(code)


@app.command("health", short_help="Ask the workers on this machine how they are.")
def health(config: ConfigOption = SITE, home: HomeOption = None, output: OutputOption = Output.TABLE) -> None:
    """Ask each worker that keeps a folder here how it is. Exit codes: 0 all are well, 1 some are not, 3 none answers.

    \b
    Examples:
      yibao worker health -c site.yaml
      yibao worker health -o json               with every reason, for programs
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = seen(home or load_site(config).workers.home)
    show_seen(found, output)
    if all(one.state == SILENT for one in found):
        raise typer.Exit(3)
    raise typer.Exit(int(any(one.state != "ok" for one in found)))


def _stopped(site: Site, home: Path | None) -> Interrupted:
    return Interrupted(
        "all work has stopped in order and nothing is lost: the next start goes on where this one ended, with the same msgids. "
        f"What workers keep in {home or site.workers.home} only makes that start faster"
    )


def _command(stage: str, index: int, *, config: Path, home: Path | None) -> Sequence[str]:
    where = [] if home is None else ["--home", str(home)]
    return [sys.executable, "-m", "yibao", "worker", stage, "--config", str(config), "--index", f"{index}", *where]


def _run(stage: str, worker: Callable[[Process], Awaitable[LaneApp]], *, config: Path, home: Path | None, index: int) -> None:
    """Before a worker touches a record it dies with its supervisor, proves SM2 and reads the site.

    At a first start a broker that does not answer is an error (exit 3); a restarted worker waits for it.
    """
    end_with_parent()
    with _speaking(Speaker(worker=f"{stage}-{index}", stage=stage, index=index), config) as site:
        log.info("core_loaded", core="compiled" if core().compiled else "python", sources=core().sources)
        self_test()
        outcomes = Outcomes(stage)
        process = Process(
            site=site,
            home=home,
            index=index,
            patient=bool(os.environ.get(PATIENT_VARIABLE)),
            watched=watched(site),
            outcomes=outcomes,
        )

        async def make() -> LaneApp:
            lanes = await worker(replace(process, standing_by=pulse.stand_by))
            tell_ready()
            return lanes

        with monitored(site, stage, index, home=home, outcomes=outcomes) as pulse:
            interrupted = run_app(make, pulse=pulse)
    if interrupted and PARENT_VARIABLE not in os.environ:  # a supervisor tells of the end itself
        raise _stopped(site, home)


@contextmanager
def _speaking(speaker: Speaker, config: Path) -> Iterator[Site]:
    """The site, with every line from now on in the speaker's name. What ends the process is an event like any other; to a person
    who started it on a terminal it stays a message.
    """
    events.configure(speaker)
    speak_discreetly()
    try:
        site = load_site(config)
        events.configure(replace(speaker, site=site.site, zone=ZoneInfo(site.timezone)))
        yield site
    except YibaoError as error:
        if sys.stderr.isatty() and WORDS_VARIABLE not in os.environ:
            raise
        say_why(error, exit_code(error))
        raise typer.Exit(exit_code(error)) from error
