"""What waits in the join, as people and programs see it."""

from typing import Any

import typer
from rich.table import Table

from streams.explain.pending import Pending
from streams.explain.releasable import Releasable
from streams.explain.waits import words_for
from streams.mapping import Site
from streams.wording import count_of
from yibao.letters.shown import print_table
from yibao.moments import age, local, now_ms


def show(found: Pending, site: Site) -> None:
    """For people."""
    kinds = Table(box=None, pad_edge=False)
    for column in ("kind", "service", "count", "told", "oldest", "waits for"):
        kinds.add_column(column, justify="right" if column in ("count", "told", "oldest") else "left")
    for kind in found.kinds:
        counts = f"{kind.rows}", f"{kind.told}", age(now_ms() - kind.oldest)
        kinds.add_row(kind.kind, kind.service or "-", *counts, kind.words)
    waiting = count_of(found.total, "row or record waits", "rows and records wait")
    print_table(kinds, f"{waiting}{'' if found.oldest else '; none is listed'}")
    if not found.oldest:
        return
    table = Table(box=None, pad_edge=False)
    for column in ("since", "until", "kind", "service", "institution", "row", "visit", "waits for"):
        table.add_column(column, overflow="fold")
    for one in found.oldest:
        until = local(one.until, site) if one.until else "-"
        about = one.kind, one.service, one.institution or "-", f"{one.source} {one.row}", one.visit
        table.add_row(local(one.since, site), until, *about, f"{one.words}{' (a person was told)' if one.told else ''}")
    print_table(table, f"{len(found.oldest)} of {found.total}, those that wait longest first")


def document(found: Pending) -> dict[str, Any]:
    """For programs. Times are milliseconds since the epoch; 0: none."""
    return {
        "total": found.total,
        "kinds": [one._asdict() for one in found.kinds],
        "oldest": [one._asdict() for one in found.oldest],
    }


def show_releasable(found: Releasable) -> None:
    """For people: what would be ended, and what stays."""
    kinds = Table(box=None, pad_edge=False)
    for column in ("kind", "institution", "count", "waits for"):
        kinds.add_column(column, justify="right" if column == "count" else "left")
    for (kind, institution), count in found.counts.most_common():
        kinds.add_row(kind, institution or "-", f"{count}", words_for(kind))
    print_table(kinds, f"{len(found.orders)} waits may be ended")
    for kind, count in found.left.most_common():
        typer.echo(f"{count} stay: what waits for {words_for(kind)} is not ended by itself")
    if found.told:
        typer.echo(f"{found.told} stay: a person was told of them, and they wait on beside their letters")


def releasable_document(found: Releasable) -> dict[str, Any]:
    """The same for programs."""
    kinds = [{"kind": kind, "institution": institution, "count": count} for (kind, institution), count in found.counts.items()]
    return {"releasable": len(found.orders), "kinds": kinds, "told": found.told, "left": dict(found.left)}
