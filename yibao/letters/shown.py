"""Dead letters as people and programs see them: tables and JSON of one schema that only grows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from streams.deadletter.document import MaskedDocument
from streams.deadletter.index.counting import SummaryLine
from streams.deadletter.index.pages import Event, Letter, Page
from streams.mapping import Site
from streams.wording import count_of
from yibao import tables
from yibao.letters.mending import Mending
from yibao.moments import age, local


def said(letter: Letter) -> dict[str, Any]:
    """A letter for programs."""
    shown = letter.shown
    return {
        "id": letter.id,
        "form": letter.form,
        "dead_class": letter.dead_class,
        "rule": letter.rule,
        "field": letter.field,
        "cause": letter.cause,
        "stage": letter.stage,
        "owner": letter.owner,
        "service": letter.service,
        "institution": letter.institution,
        "row_source": letter.source,
        "row_table": letter.row_table,
        "row_key": letter.row_key,
        "visit_key": letter.visit_key,
        "position": shown["position"],
        "record_key": letter.record_key,
        "record_key_hash": letter.record_hash.hex(),
        "content_hash": shown["content_hash"],
        "mapping_version": letter.mapping_version,
        "http_status": shown["http_status"],
        "platform_code": letter.code,
        "message": letter.message,
        "msgid": shown["msgid"],
        "attempts": letter.attempts,
        "first_failed_at": letter.first,
        "last_failed_at": letter.last,
        "replay_count": letter.replays,
        "replay_id": shown["replay_id"],
        "closed_at": letter.closed,
        "source": "/".join(shown[name] for name in ("topic", "partition", "offset")),
        "stands_at": f"{letter.partition}/{letter.offset}",
    }


def page_document(page: Page, *, complete: bool) -> dict[str, Any]:
    """A page for programs. complete: whether the topic was read to its end."""
    letters = [said(letter) for letter in page.letters]
    whole = complete and page.exact and page.total == len(letters)
    return {"total": page.total, "total_is_exact": page.exact, "complete": whole, "next": page.after or None, "letters": letters}


def show_page(page: Page, site: Site, *, closed: bool) -> None:
    """A page for people."""
    columns = ("id", "class", "rule", "cause", "service", "institution", "owner", "failed", *(("closed",) if closed else ()))
    rows = list[tuple[str, ...]]()
    for letter in page.letters:
        facts = (letter.dead_class, letter.rule, cause(letter.field, letter.cause) or "-", letter.service or "-")
        times = [local(letter.last, site), *([local(letter.closed, site) if letter.closed else "-"] if closed else ())]
        rows.append((letter.id[:12], *facts, letter.institution or "-", letter.owner, *times, letter.message))
    more = f"; the next ones: --after {page.after}" if page.after else ""
    closing = f"{len(page.letters)} of {'' if page.exact else 'more than '}{count_of(page.total, 'dead letter')}{more}"
    tables.show((*columns, "message"), rows, closing=closing, piped=tables.LONG_LINES)


def summary_document(lines: Sequence[SummaryLine], by: Sequence[str], *, complete: bool, now: int) -> dict[str, Any]:
    """The summary for programs."""
    names = {"class": "dead_class", "table": "row_table", "code": "platform_code", "mapping": "mapping_version"}
    groups = [
        {
            **{names.get(name, name): value for name, value in zip(by, line.parts, strict=True)},
            "owner": line.owners,
            "count": line.open,
            "closed": line.closed,
            "oldest": line.oldest,
            "oldest_age_s": (now - line.oldest) // 1000 if line.oldest else None,
            "told_24h": line.today,
            "told_24h_before": line.before,
        }
        for line in lines
    ]
    opened, closed = sum(line.open for line in lines), sum(line.closed for line in lines)
    return {"total": opened, "closed": closed, "complete": complete, "groups": groups}


def show_summary(lines: Sequence[SummaryLine], by: Sequence[str], *, now: int) -> None:
    """The summary for people."""
    rows = list[tuple[str, ...]]()
    for line in lines:
        oldest = age(now - line.oldest) if line.oldest else "-"
        figures = (f"{line.open}", f"{line.closed}", oldest, f"{line.today}", f"{line.before}")
        rows.append((*(part or "-" for part in line.parts), line.owners, *figures))
    closed = sum(line.closed for line in lines)
    closing = f"{count_of(sum(line.open for line in lines), 'dead letter')}{f', {closed} closed' if closed else ''}"
    head, right = (*by, "owner", "count", "closed", "oldest", "24h", "24h before"), ("count", "closed", "24h", "24h before")
    tables.show(head, rows, right=right, closing=closing, piped=tables.LONG_LINES)


def letter_document(
    letter: Letter, history: Sequence[Event], content: MaskedDocument, mending: Mending, hint: str
) -> dict[str, Any]:
    """A letter with everything that is known of it, for programs."""
    more = {"where": mending.where, "then": mending.then, "hint": hint, "history": [event._asdict() for event in history]}
    return {**said(letter), **more, "content": asdict(content)}


def show_letter(letter: Letter, history: Sequence[Event], site: Site, mending: Mending, hint: str) -> None:
    """What is known of a letter, for people; its content is behind that."""
    for name, value in said(letter).items():
        if name.endswith("_at") and isinstance(value, int):
            if value:
                typer.echo(f"{name:<16} {local(value, site)}")
        elif value not in ("", None):
            typer.echo(f"{name:<16} {value}")
    told = (*(("where", place) for place in mending.where), ("then", mending.then), ("hint", hint))
    for name, value in told:
        if value:
            typer.echo(f"{name:<16} {value}")
    for event in history:
        what = f"closed: {event.closed}" if event.closed else "failed again"
        parts = (what, f"by {event.who}" if event.who else "", event.evidence, event.why)
        typer.echo(f"{'history':<16} {local(event.at, site)} {'; '.join(filter(None, parts))}")


def show_content(document: MaskedDocument, *, masked: bool) -> None:
    """What a letter holds, for people."""
    for violation in document.violations:
        named = f"{violation.field} {violation.rule} {violation.level} {violation.clause}".strip()
        typer.echo(f"\n{named}\n  {violation.message} [{violation.masked}]")
    for part, row in document.rows.items():
        _show_row(f"row of the {part}{' (values stay hidden)' if masked else ''}", row)
    if document.record:
        _show_row(f"record as it was sent{' (personal fields masked)' if masked else ''}", document.record)
    if document.unread is not None:
        typer.echo(f"\n{document.unread} bytes that are neither rows nor a record; not shown")


def cause(field: str, value: str) -> str:
    """What caused a letter, in one cell."""
    return "=".join(filter(None, (field, value)))


def _show_row(title: str, row: Mapping[str, str]) -> None:
    typer.echo(f"\n{title}")
    for name, value in row.items():
        typer.echo(f"  {name:<24} {value}")


def print_json(document: Mapping[str, Any]) -> None:
    """For programs."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
