"""What became of a visit, as people and programs see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import typer

from streams.explain.evidence import Told
from streams.explain.finding import Hit
from streams.explain.standing import Standing
from streams.explain.subject import Keys
from streams.explain.timeline import Event
from streams.explain.unplaced import Unplaced
from streams.mapping import Site
from streams.wording import count_of
from yibao import tables
from yibao.explaining import Content, Explained
from yibao.letters.shown import print_json, said, show_content
from yibao.moments import local

_TIMES: Final = frozenset({"since", "until", "accepted", "accepted before", "committed", "first posted", "posted", "differs since"})
"""Facts that are milliseconds since the epoch."""
_FOR_PROGRAMS: Final = frozenset({"content", "transaction", "first posted"})
"""Facts that a table leaves out."""


def show(found: Explained, site: Site, *, content: bool, masked: bool) -> None:
    """For people. content: also what its records, rows and letters hold."""
    _say(f"{found.of} (visit {found.visit}, partition {found.partition})")
    typer.echo("\nnow")
    for one in found.now:
        _show_standing(one, site)
    typer.echo("\nwhat happened")
    head, closing = ("time", "stage", "what", "of", "where", "facts"), count_of(len(found.events), "event")
    tables.show(head, _rows(found.events, site), closing=closing, piped=tables.LONG_LINES)
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
    columns = ("service", "institution", "source", "row", "visit")
    rows = [[said[column] or "-" for column in columns] for said in (_hit(hit, keys) for hit in hits)]
    means = f"the number means {len(hits)} things: say which by --service, --institution, --source or --table"
    tables.show(columns, rows, closing=means, piped=tables.LONG_LINES)


def show_hits_json(hits: Sequence[Hit], keys: Keys) -> None:
    """The same for programs."""
    print_json({"hits": [_hit(hit, keys) for hit in hits]})


def show_unplaced(rows: Sequence[Unplaced], told: Sequence[Told], site: Site) -> None:
    """What no visit has, for people."""
    for row in rows:
        until = f", until {local(row.until, site)}" if row.until else ""
        _say(f"{row.source} {row.row} {row.words}{until}")
    for one in told:
        letter = one.letter
        state = f"closed {local(letter.closed, site)}" if letter.closed else "open"
        _say(f"{letter.id[:12]} {letter.dead_class} {letter.rule} {local(letter.last, site)} {state}: {letter.message}")
    named = count_of(len(told), "letter names", "letters name")
    _say(f"no visit has a row or record with this number; {named} it: yibao dlq show ID")


def _say(text: str, *, indent: str = "") -> None:
    typer.echo("\n".join(tables.hanging(text, indent=indent)))


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
    _say(f"{one.of}{record}: {one.fate.value}, {one.words}", indent="  ")
    if facts := ", ".join(_said(one.facts, site)):
        _say(facts, indent="    ")


def _rows(events: Sequence[Event], site: Site) -> Iterator[tuple[str, ...]]:
    for event in events:
        facts = ", ".join(_said({name: value for name, value in event.facts.items() if name not in _FOR_PROGRAMS}, site))
        yield local(event.at, site), event.stage, event.what, event.of or "-", event.where or "-", facts


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
