"""What waits in the join, as people and programs see it."""

from typing import Any, Final

import typer

from streams.explain.pending import Pending
from streams.explain.releasable import Releasable
from streams.explain.waits import words_for
from streams.mapping import Site
from streams.wording import count_of
from yibao import tables
from yibao.moments import age, local, now_ms

_OLDEST: Final = ("since", "until", "kind", "service", "institution", "row", "visit", "waits for")


def show(found: Pending, site: Site) -> None:
    """For people."""
    kinds = [
        (one.kind, one.service or "-", f"{one.rows}", f"{one.told}", age(now_ms() - one.oldest), one.words) for one in found.kinds
    ]
    head, right = ("kind", "service", "count", "told", "oldest", "waits for"), ("count", "told", "oldest")
    waiting = count_of(found.total, "row or record waits", "rows and records wait")
    closing = f"{waiting}{'' if found.oldest else '; none is listed'}"
    tables.show(head, kinds, right=right, closing=closing, piped=tables.LONG_LINES)
    if not found.oldest:
        return
    rows = [
        (
            local(one.since, site),
            local(one.until, site) if one.until else "-",
            one.kind,
            one.service,
            one.institution or "-",
            f"{one.source} {one.row}",
            one.visit,
            f"{one.words}{' (a person was told)' if one.told else ''}",
        )
        for one in found.oldest
    ]
    closing = f"{len(found.oldest)} of {found.total}, those that wait longest first"
    tables.show(_OLDEST, rows, closing=closing, piped=tables.LONG_LINES)


def document(found: Pending) -> dict[str, Any]:
    """For programs. Times are milliseconds since the epoch; 0: none."""
    return {
        "total": found.total,
        "kinds": [one._asdict() for one in found.kinds],
        "oldest": [one._asdict() for one in found.oldest],
    }


def show_releasable(found: Releasable) -> None:
    """For people: what would be ended, and what stays."""
    kinds = [(kind, institution or "-", f"{count}", words_for(kind)) for (kind, institution), count in found.counts.most_common()]
    ended = count_of(len(found.orders), "wait may", "waits may")
    tables.show(("kind", "institution", "count", "waits for"), kinds, right=("count",), closing=f"{ended} be ended")
    for kind, count in found.left.most_common():
        typer.echo(f"{count} stay: what waits for {words_for(kind)} is not ended by itself")
    if found.told:
        typer.echo(f"{found.told} stay: a person was told of them, and they wait on beside their letters")


def releasable_document(found: Releasable) -> dict[str, Any]:
    """The same for programs."""
    kinds = [{"kind": kind, "institution": institution, "count": count} for (kind, institution), count in found.counts.items()]
    return {"releasable": len(found.orders), "kinds": kinds, "told": found.told, "left": dict(found.left)}
