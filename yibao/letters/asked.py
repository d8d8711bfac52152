"""What a verb asks of the dead letters: its filter, and the index of the site, brought up to date while it waits."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import Progress

from streams.broker_wiring import broker_access
from streams.deadletter.filter.grammar import Filter, parse
from streams.deadletter.filter.terms import Term, term
from streams.deadletter.index.counting import unknown, values
from streams.deadletter.index.selecting import Clock
from streams.deadletter.index.store import letters_in
from streams.deadletter.record import FORM
from streams.errors import Misconfigured
from streams.indexes.upkeep import Freshness, Upkeep
from streams.mapping import Site, capture_sources
from streams.wording import count_of, nearest
from yibao.binding import warn_of_other_site
from yibao.moments import now_ms

FOLDER: Final = "letters"
"""Below `workers.home`."""

_PLAIN_EVERY_S: Final = 5.0

Answer = TypeVar("Answer")


def wanted_by(words: Sequence[str], **options: str) -> Filter:
    """The filter of a verb's words, and of its options beside them (`dead_class` is `class`)."""
    more: list[Term] = [term("class" if name == "dead_class" else name, [value]) for name, value in options.items() if value]
    return parse(" ".join(words)).and_also(more)


def clock_of(site: Site) -> Clock:
    """Now, at the site."""
    return Clock(now_ms=now_ms(), zone=ZoneInfo(site.timezone))


def ask(
    site: Site, question: Callable[[sqlite3.Connection], Answer], *, wanted: Filter | None = None, deadline_s: float
) -> tuple[Answer, Freshness]:
    """What the index answers, up to date. Progress is told on standard error, so that the result can be piped. wanted: what it is
    asked for; raises Misconfigured for an institution, source or table of it that neither the site nor a letter has.
    """
    topic = site.topics.dead

    def answered(index: sqlite3.Connection) -> Answer:
        if wanted is not None:
            _demand_known(site, index, wanted)
        return question(index)

    with progress("reading dead letters") as told:
        found = Upkeep(
            store=letters_in(site.workers.home / FOLDER, topic),
            access=broker_access(site),
            topic=topic,
            client_id=f"yibao-{site.site}",
            deadline_s=deadline_s,
            on_progress=told,
            waits=lambda: typer.echo("another yibao brings the index of the dead letters up to date: waiting for it", err=True),
            unkept=unkept(site),
        ).ask(answered)
    warn_of_other_site(site)
    return found


def unkept(site: Site) -> Callable[[str], None]:
    """Tells once on standard error that no index can be kept, and what mends that."""
    told: list[str] = []

    def tell(why: str) -> None:
        if not told:
            typer.echo(
                f"nothing can be written below {site.workers.home} ({why}): the topics are read for this answer alone, which takes "
                "longer. Make room there; what lies in its folders letters and explain may be deleted at any time",
                err=True,
            )
        told.append(why)

    return tell


def _demand_known(site: Site, index: sqlite3.Connection, wanted: Filter) -> None:
    sources = capture_sources(site)
    closed = {
        "institution": [one.code for one in site.institutions],
        "source": [one.name for one in sources],
        "table": [table.table for one in sources for table in site.mappings[one.name].tables],
    }
    for one, value in unknown(index, wanted):
        if value and one.name in closed and value not in closed[one.name]:
            guess = nearest(value, [*closed[one.name], *values(index, one.name)])
            raise Misconfigured(f"{one.name}:{value}: neither the site nor a letter has it{guess}")


def notes_on(index: sqlite3.Connection, wanted: Filter) -> list[str]:
    """What a person should know of an answer: values of the filter that no letter has, letters of a newer version."""
    notes = [f"no letter has {one.name}:{value}{nearest(value, values(index, one.name))}" for one, value in unknown(index, wanted)]
    if later := index.execute("SELECT count(*) FROM letters WHERE form > ?", (FORM,)).fetchone()[0]:
        notes.append(
            f"{count_of(later, 'letter was', 'letters were')} written by a newer version: what it added is not shown; "
            "run that version or newer (docs/upgrade.md)"
        )
    return notes


def say(freshness: Freshness, notes: Sequence[str]) -> None:
    """Say on standard error what an answer leaves out. Exit code 1 when not all was read."""
    if freshness.foreign:
        typer.echo(f"{count_of(freshness.foreign, 'message')} in the topic: not dead letters of ours", err=True)
    for note in notes:
        typer.echo(note, err=True)
    if not freshness.complete:
        typer.echo(
            "the time was up before the end of the topic: the figures are too small; the same command goes on from there, or use a "
            "longer --deadline",
            err=True,
        )
        raise typer.Exit(1)


@contextmanager
def progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a line every few seconds."""
    console = Console(stderr=True)
    if console.is_terminal and sys.stderr.isatty():
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(doing, total=None)
            yield lambda read, total: bar.update(task, completed=read, total=total)
        return
    last = time.monotonic()

    def line(read: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            typer.echo(f"{doing}: {read} of {total}", err=True)

    yield line
