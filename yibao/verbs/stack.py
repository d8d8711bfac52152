"""`yibao stack`: the embedded PostgreSQL, Kafka and Connect."""

import json
import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from sandbox.stack import DEFAULT_HOME, SERVICES, Endpoints, OnProgress, Ports, Progress, ServiceStatus, Stack, foreground
from streams.errors import Misconfigured, YibaoError
from streams.wording import nearest
from yibao import tables
from yibao.interrupted import leaving
from yibao.options import Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
The embedded PostgreSQL, Kafka and Connect, for trying things out on one machine. Not for a hospital's data.

\b
Examples:
  yibao stack up                            start all three and wait until they answer
  yibao stack up --kafka-port 29092         on a port of your choice; the others are chosen once and kept
  yibao stack up --metrics                  Connect serves its own metrics and Debezium's, for Prometheus
  yibao stack up --secrets secrets          Connect may read the passwords in this folder
  yibao stack up --service kafka            only the broker
  yibao stack up --brokers 3 --home three   three of them, with three copies of everything
  yibao stack serve postgres --port 25432   in this process, for a container
  yibao stack status -o json                process, port, readiness and log file of each
  yibao stack down --erase                  stop them and remove their data
""",
)

HomeOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--home",
        file_okay=False,
        show_default=".yibao/stack",
        help="Directory for data, logs and ports: new, empty, or a stack's own.",
    ),
]
ServiceOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="NAME",
        autocompletion=lambda: [*SERVICES],
        help=f"Only this service ({', '.join(SERVICES)}); may be repeated.",
    ),
]
PortOption: TypeAlias = Annotated[int | None, typer.Option(min=1, max=65535, metavar="PORT", help="Default: a free one, kept.")]

SecretsOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--secrets", file_okay=False, metavar="DIR", help="Folder whose files Connect may read, too; made and kept. Repeatable."
    ),
]


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    service: ServiceOption = None,
    postgres_port: PortOption = None,
    kafka_port: PortOption = None,
    connect_port: PortOption = None,
    brokers: Annotated[
        int | None, typer.Option("--brokers", metavar="N", help="1 (default) or 3: copies 3, min.insync.replicas 2; kept.")
    ] = None,
    secrets: SecretsOption = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Connect serves its own metrics, too; for a Connect that does not run yet.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start what does not run and wait until it answers. Repeating it is harmless.

    \b
    Examples:
      yibao stack up
      yibao stack up --service kafka --kafka-port 29092
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    signal.signal(signal.SIGTERM, _interrupt)
    ports = Ports(postgres=postgres_port, kafka=kafka_port, connect=connect_port)
    stack = Stack(home, _services(service), ports=ports, brokers=brokers, metrics=metrics)
    for folder in secrets or ():
        stack.open_to_connect(folder)
    with leaving(lambda: _left(stack)), progress() as tell:
        endpoints = stack.up(tell)
    _print_endpoints(endpoints, _services(service), output)


@app.command()
def down(
    home: HomeOption = DEFAULT_HOME,
    erase: Annotated[bool, typer.Option("--erase", help="Remove all data too, and the secrets.")] = False,
) -> None:
    """Stop what runs; return when no process is left. Exit code 1 where no stack has its home.

    \b
    Examples:
      yibao stack down
      yibao stack down --erase                  and remove their data
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    stack = Stack(home)
    if not stack.is_made:
        raise YibaoError(
            f"nothing runs in {stack.home}, and no stack has its home there: give --home as `yibao stack up` was given it (without "
            f"it: {DEFAULT_HOME}); `yibao stack status --home DIR` shows what runs in one"
        )
    with leaving(lambda: _left(stack)), progress() as tell:
        ran = (stack.erase if erase else stack.down)(tell)
    if not ran:
        typer.echo(f"nothing runs in {stack.home}{'; its data is removed' if erase else ''}", err=True)


@app.command()
def serve(
    service: Annotated[str, typer.Argument(metavar="NAME", autocompletion=lambda: [*foreground.SERVICES], help="postgres.")],
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Port of the loopback address.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Serve one service in place of this process, for a container.

    \b
    Examples:
      yibao stack serve postgres --port 25432 --home /var/lib/yibao/stack
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if service not in foreground.SERVICES:
        raise Misconfigured(f"{service} is not served so{nearest(service, foreground.SERVICES)}: {', '.join(foreground.SERVICES)}")
    foreground.serve_postgres(home, port)


@app.command()
def status(home: HomeOption = DEFAULT_HOME, service: ServiceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show what runs and where; exit code 1 when one does not answer.

    \b
    Examples:
      yibao stack status
      yibao stack status --service kafka -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = Stack(home, _services(service)).status()
    if output is Output.JSON:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    else:
        _print_table(found)
    if not all(one.ready for one in found):
        raise typer.Exit(1)


def _services(chosen: list[str] | None) -> tuple[str, ...]:
    return tuple(chosen) if chosen else SERVICES


def _left(stack: Stack) -> str:
    running = [f"{one.service} (process {one.pid})" for one in stack.status() if one.pid]
    told = f"{', '.join(running)} go on running" if running else "nothing of the stack is left running"
    remove = f"yibao stack down --erase --home {shlex.quote(str(stack.home))}"
    return f"{told}; data and logs stay in {stack.home}: `{remove}` ends and removes all of it"


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A terminated start tidies up like an interrupted one."""
    raise KeyboardInterrupt


@contextmanager
def progress() -> Iterator[OnProgress]:
    """Tells the steps of a stack on standard error: a moving line on a terminal, plain lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda step: console.print(_line(step), markup=False)
        return
    running: dict[str, str] = {}
    spinner = "dots" if console.encoding.startswith("utf") else "line"
    with console.status("looking …", spinner=spinner) as moving:

        def tell(step: Progress) -> None:
            if step.is_last:
                running.pop(step.service, None)
                console.print(_line(step), markup=False)
            else:
                running[step.service] = f"{step.service} is {step.step}"
            moving.update(", ".join(running.values()) or "…")

        yield tell


def _line(step: Progress) -> str:
    return f"{step.service}: {step.step}" + (f" after {step.after_s:.1f} s" if step.is_last else "")


def _print_endpoints(endpoints: Endpoints, services: tuple[str, ...], output: Output) -> None:
    told = {
        "postgres": f"{endpoints.postgres_host}:{endpoints.postgres_port}",
        "kafka": endpoints.bootstrap_servers,
        "connect": endpoints.connect_url,
        "metrics": endpoints.metrics_url,
        "secrets": str(endpoints.secrets),
    }
    shown = {name: place for name, place in told.items() if name in (*services, "secrets") or (name == "metrics" and place)}
    if output is Output.JSON:
        print(json.dumps(shown, indent=2))
    else:
        for name, place in shown.items():
            print(f"{name:9} {place}")


def _as_json(one: ServiceStatus) -> dict[str, object]:
    return {**asdict(one), "log": str(one.log)}


def _print_table(found: Sequence[ServiceStatus]) -> None:
    rows = [(one.service, _state(one), f"{one.pid or '-'}", f"{one.port or '-'}", f"{one.log}") for one in found]
    tables.show(("SERVICE", "STATE", "PID", "PORT", "LOG"), rows, right=("PID", "PORT"))


def _state(one: ServiceStatus) -> str:
    return "ready" if one.ready else "no answer" if one.pid else "down"
