"""What became of a visit, as people and programs see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import typer
from rich.table import Table

from streams.explain.evidence import Told
from streams.explain.finding import Hit
from streams.explain.standing import Standing
from streams.explain.subject import Keys
from streams.explain.timeline import Event
from streams.explain.unplaced import Unplaced
from streams.mapping import Site
from streams.wording import count_of
from yibao.explaining import Content, Explained
from yibao.letters.shown import print_json, print_table, said, show_content
from yibao.moments import local

_TIMES: Final = frozenset({"since", "until", "accepted", "accepted before", "committed", "first posted", "posted"})
"""Facts that are milliseconds since the epoch."""
_FOR_PROGRAMS: Final = frozenset({"content", "transaction", "first posted"})
"""Facts that a table leaves out."""


def show(found: Explained, site: Site, *, content: bool, masked: bool) -> None:
    """For people. content: also what its records, rows and letters hold."""
    typer.echo(f"{found.of} (visit {found.visit}, partition {found.partition})")
    typer.echo("\nnow")
    for one in found.now:
        _show_standing(one, site)
    typer.echo("\nwhat happened")
    print_table(_table(found.events, site), f"{len(found.events)} events")
    for shown in found.contents if content else ():
        typer.echo(f"\n{shown.of}")
        show_content(shown.document, masked=masked)


def document(found: Explained) -> dict[str, Any]:
    """For programs. Times are milliseconds since the epoch."""
    hit = found.hit
    return {
        "of": found.of,
        "service": hit.service,
        "institution": hit.institution,
        "visit": found.visit,
        "partition": found.partition,
        "now": [_standing(one) for one in found.now],
        "events": [_event(one) for one in found.events],
        "contents": [_content(one) for one in found.contents],
    }


def show_hits(hits: Sequence[Hit], keys: Keys) -> None:
    """Several things that a number may mean, for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("service", "institution", "source", "row", "visit"):
        table.add_column(column)
    for hit in hits:
        said = _hit(hit, keys)
        table.add_row(*(said[column] or "-" for column in ("service", "institution", "source", "row", "visit")))
    print_table(table, f"the number means {len(hits)} things: say which by --service, --institution or --source")


def show_hits_json(hits: Sequence[Hit], keys: Keys) -> None:
    """The same for programs."""
    print_json({"hits": [_hit(hit, keys) for hit in hits]})


def show_unplaced(rows: Sequence[Unplaced], told: Sequence[Told], site: Site) -> None:
    """What no visit has, for people."""
    for row in rows:
        until = f", until {local(row.until, site)}" if row.until else ""
        typer.echo(f"{row.source} {row.row} {row.words}{until}")
    for one in told:
        letter = one.letter
        state = f"closed {local(letter.closed, site)}" if letter.closed else "open"
        typer.echo(f"{letter.id[:12]} {letter.dead_class} {letter.rule} {local(letter.last, site)} {state}: {letter.message}")
    named = count_of(len(told), "letter names", "letters name")
    typer.echo(f"no visit has a row or record with this number; {named} it: yibao dlq show ID")


def show_unplaced_json(rows: Sequence[Unplaced], told: Sequence[Told]) -> None:
    """The same for programs."""
    unplaced = [{**row._asdict(), "words": row.words} for row in rows]
    print_json({"hits": [], "unplaced": unplaced, "letters": [said(one.letter) for one in told]})


def _hit(hit: Hit, keys: Keys) -> dict[str, str]:
    row = "" if hit.row is None else keys.row(hit.row)
    source = "" if hit.row is None else hit.row.source
    return {
        "service": hit.service,
        "institution": hit.institution,
        "source": source,
        "row": row,
        "visit": keys.visit(hit.visit.decode()),
    }


def _show_standing(one: Standing, site: Site) -> None:
    record = f" = {one.record}" if one.record else f" ({one.service})"
    typer.echo(f"  {one.of}{record}: {one.fate.value}, {one.words}")
    if facts := ", ".join(_said(one.facts, site)):
        typer.echo(f"    {facts}")


def _table(events: Sequence[Event], site: Site) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("time", "stage", "what", "of", "where", "facts"):
        table.add_column(column, overflow="fold")
    for event in events:
        facts = ", ".join(_said({name: value for name, value in event.facts.items() if name not in _FOR_PROGRAMS}, site))
        table.add_row(local(event.at, site), event.stage, event.what, event.of or "-", event.where or "-", facts)
    return table


def _said(facts: Mapping[str, str], site: Site) -> Iterator[str]:
    for name, value in facts.items():
        yield f"{name} {local(int(value), site) if name in _TIMES else value}"


def _standing(one: Standing) -> dict[str, Any]:
    about = {"of": one.of, "service": one.service, "institution": one.institution, "record": one.record}
    return {**about, "fate": one.fate.value, "words": one.words, "facts": _typed(one.facts)}


def _event(event: Event) -> dict[str, Any]:
    about = {"at": event.at, "stage": event.stage, "what": event.what, "of": event.of, "where": event.where}
    return {**about, "facts": _typed(event.facts)}


def _typed(facts: Mapping[str, str]) -> dict[str, str | int]:
    return {name.replace(" ", "_"): int(value) if name in _TIMES else value for name, value in facts.items()}


def _content(one: Content) -> dict[str, Any]:
    return {"of": one.of, **asdict(one.document)}
