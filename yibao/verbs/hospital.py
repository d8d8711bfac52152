"""`yibao hospital`: the sample hospital's database, its days, and what must be reported of them."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from sandbox.hospital import Expected, Oracle, Progress, Transaction, Workload, create_schema, run
from sandbox.hospital.database import PUBLICATION, ROLE
from sandbox.hospital.expected import holds_expectations
from sandbox.hospital.workload import BASE_DATE
from streams.errors import Misconfigured
from streams.private_files import open_private, private_folder
from yibao.hospital_database import Login, connected, made_password
from yibao.interrupted import leaving
from yibao.options import Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
A sample hospital: a database as hospital systems have them, its days, and what must be reported of them.

\b
Examples:
  yibao hospital create --port 25432 --capture-password-file secrets/his.password
  yibao hospital run --port 25432 --visits 200 --seed 7 --expected expected.jsonl
  yibao hospital run --port 25432 --visits 200 --seed 7 --phase before            rows from before the capture
  yibao hospital run --port 25432 --visits 200 --seed 7 --phase live --rate 200 --expected expected.jsonl
""",
)

# It tells of a pipeline that ends with an error, which is raised and told anyway.
logging.getLogger("psycopg").setLevel(logging.ERROR)


class Phase(StrEnum):
    """Which part of a workload is committed."""

    BEFORE = "before"
    LIVE = "live"
    ALL = "all"


HostOption: TypeAlias = Annotated[str, typer.Option("--host", help="Host of the PostgreSQL.")]
PortOption: TypeAlias = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the PostgreSQL.")]
DatabaseOption: TypeAlias = Annotated[str, typer.Option("--database", metavar="NAME", help="Database of the sample hospital.")]
UserOption: TypeAlias = Annotated[str, typer.Option("--user", help="A superuser.")]
PasswordOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--password-file", dir_okay=False, metavar="FILE", help="Password of --user; the embedded stack needs none."),
]


@app.command(short_help="Create the database, schema `his`, and what capture needs.")
def create(
    capture_password_file: Annotated[
        Path,
        typer.Option("--capture-password-file", dir_okay=False, metavar="FILE", help=f"Password of role {ROLE}; made if missing."),
    ],
    host: HostOption = "127.0.0.1",
    port: PortOption = 5432,
    database: DatabaseOption = "his",
    user: UserOption = "postgres",
    password_file: PasswordOption = None,
    replace: Annotated[bool, typer.Option("--replace", help="Drop schemas his and cdc first, rows and all.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create the database if it is missing, schema `his`, and what capture needs: role, publication, heartbeat table.

    \b
    Examples:
      yibao hospital create --port 25432 --capture-password-file secrets/his.password
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    password = made_password(capture_password_file)
    login = Login(host, port, user, password_file)
    again = "the database may be there without all of its schema; the same command with --replace makes it anew"
    with leaving(again), connected(login, "postgres") as conn:
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
            conn.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(database)))
    with leaving(again), connected(login, database) as conn:
        if not replace and conn.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'his'").fetchone() is not None:
            raise Misconfigured(f"database {database} has a schema his already; --replace drops it with all its rows")
        create_schema(conn, password=password)
    made = {"host": host, "port": port, "database": database, "role": ROLE, "publication": PUBLICATION}
    if output is Output.JSON:
        typer.echo(json.dumps(made))
    else:
        typer.echo(f"schema his in {database} on {host}:{port}; capture as {ROLE} by publication {PUBLICATION}")


@app.command("run")
def play(
    visits: Annotated[int, typer.Option("--visits", min=1, help="Hospital visits and pharmacy sales.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Chooses everything; the same seed gives the same rows.")] = 1,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.1, metavar="CHANGES/S", help="Default: as fast as possible.")
    ] = None,
    expected: Annotated[
        Path | None, typer.Option("--expected", dir_okay=False, metavar="FILE", help="What must be reported, as JSON lines.")
    ] = None,
    phase: Annotated[
        Phase, typer.Option("--phase", help="before: rows that stand when capture begins. live: the others. Run both, same seed.")
    ] = Phase.ALL,
    before_share: Annotated[float, typer.Option("--before-share", min=0, max=1, help="Share of the transactions before.")] = 0.3,
    bad_share: Annotated[float, typer.Option("--bad-share", min=0, max=0.5, help="Share of rows wrong on purpose.")] = 0.03,
    base_date: Annotated[str, typer.Option("--base-date", metavar="YYYY-MM-DD", help="First day.")] = BASE_DATE.isoformat(),
    first: Annotated[int, typer.Option("--first", min=1, help="Number of the first visit: go on after an earlier run.")] = 1,
    host: HostOption = "127.0.0.1",
    port: PortOption = 5432,
    database: DatabaseOption = "his",
    user: UserOption = "postgres",
    password_file: PasswordOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Commit a workload, transaction by transaction. The expectations follow from the options, whatever the clock says.

    \b
    Examples:
      yibao hospital run --port 25432 --visits 200 --seed 7 --expected expected.jsonl
      yibao hospital run --port 25432 --visits 200 --phase live --rate 200      with --phase before run first
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    workload = Workload(visits=visits, seed=seed, base_date=_day(base_date), bad_share=bad_share, first=first)
    split = 0 if phase is Phase.ALL else int(sum(1 for _ in workload) * before_share)
    left = f"what was committed stays in database {database}" + (f", and {expected} is not whole: remove it" if expected else "")
    anew = "`yibao hospital create --replace` begins anew"
    with (
        leaving(f"{left}; {anew}"),
        _written(expected) as write,
        connected(Login(host, port, user, password_file), database) as conn,
    ):
        oracle = Oracle(write, captured=not split)
        parts = _parts(workload, oracle, split=split, phase=phase)
        with _fitting(database), _progress(visits) as (tell, note):
            done = run(conn, note(parts), rate=rate, on_commit=oracle.follow, on_progress=tell)
        if phase is not Phase.BEFORE:
            oracle.finish()
    _print_done(done, output)


def _parts(workload: Workload, oracle: Oracle, *, split: int, phase: Phase) -> Iterator[Transaction]:
    """The transactions to commit; the oracle hears of those that an earlier run committed, and where capture begins."""
    for number, transaction in enumerate(workload):
        if split and number == split:
            if phase is Phase.BEFORE:
                return
            oracle.start_capture()
        if number < split and phase is Phase.LIVE:
            oracle.follow(transaction)
        else:
            yield transaction


@contextmanager
def _fitting(database: str) -> Iterator[None]:
    """Say what to do where the workload does not fit what the database holds."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise Misconfigured(f"database {database} has no schema his: run `yibao hospital create` first") from error
    except psycopg.errors.UniqueViolation as error:
        raise Misconfigured("these visits are in the database already; choose another --first") from error


def _print_done(done: Progress, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(asdict(done)))
        return
    speed = done.changes / done.elapsed_s if done.elapsed_s else 0.0
    typer.echo(f"{done.transactions} transactions, {done.changes} changes in {done.elapsed_s:.1f} s ({speed:.0f} changes/s)")


@contextmanager
def _written(file: Path | None) -> Iterator[Callable[[Expected], object]]:
    """Where expectations go: a file that only its owner may read, since it holds the records themselves.

    Raises Misconfigured where another file than one of expectations would be overwritten.
    """
    if file is None:
        yield lambda _: None
        return
    try:
        if not file.parent.is_dir():
            private_folder(file.parent)
        if file.is_file() and not holds_expectations(file):
            raise Misconfigured(f"--expected {file} is there and holds no expectations: it is left as it is; name another file")
        opened = open_private(file, "wb")
    except OSError as error:
        raise Misconfigured(f"--expected {file} cannot be written: {error.strerror}") from error
    with opened as out:
        yield lambda one: out.write(one.line())


@contextmanager
def _progress(
    visits: int,
) -> Iterator[tuple[Callable[[Progress], object], Callable[[Iterator[Transaction]], Iterator[Transaction]]]]:
    """A bar on a terminal, a line every ten seconds elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(), lambda transactions: transactions
        return
    columns = (
        TextColumn("visits closed"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("", total=visits, said="")

        def note(transactions: Iterator[Transaction]) -> Iterator[Transaction]:
            for transaction in transactions:
                yield transaction
                if transaction.closes:
                    bar.advance(task)

        yield lambda p: bar.update(task, said=f"{p.changes} changes, {p.changes / max(p.elapsed_s, 0.001):.0f}/s"), note


def _plain() -> Callable[[Progress], None]:
    told = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told >= 10:
            told = time.monotonic()
            typer.echo(f"{progress.changes} changes after {progress.elapsed_s:.0f} s", err=True)

    return tell


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Misconfigured(f"--base-date {text} is no day; write it as 2025-06-02") from None
