"""`yibao audit`: who ordered what, and whether the log of it is whole."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from streams.broker_wiring import client_options
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.audit import Link, Linked, Verified, verify
from streams.topics.audit_log import read_audit
from streams.wording import count_of, nearest
from yibao.audited import ACTIONS
from yibao.binding import warn_of_other_site
from yibao.options import SITE, ConfigOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Show who ordered what, and prove that the log of it is whole.

Every command that changes something writes into `visit.audit` before it does it. Each entry carries the digest of the one before.

\b
Examples:
  yibao audit list                          the last orders: when, who, what, why
  yibao audit list --all -o json > audit.jsonl    everything, one JSON object a line
  yibao audit verify                        whether an entry was changed, taken out or put in
  yibao audit verify --against audit.jsonl  and whether all that was exported is still there
""",
)


@app.command("list")
def list_entries(
    config: ConfigOption = SITE,
    action: Annotated[str, typer.Option("--action", metavar="WORDS", help="Only these commands: `offsets recover`.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The last N.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="All of them, not the last ones alone.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what was ordered, the last at the end. With -o json one JSON object a line, with its digest: keep it, `audit verify`
    takes it.

    \b
    Examples:
      yibao audit list --action "offsets recover"
      yibao audit list --all -o json > audit.jsonl
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    warn_of_other_site(site)
    kept: deque[Linked] = deque(maxlen=None if every else limit)
    left_out, seen = 0, set[str]()
    for one in read_audit(client_options(site), site.topics.audit):
        if one.link is Link.BESIDE:
            continue
        if one.entry is not None:
            seen.add(one.entry.action)
        if not action or (one.entry is not None and one.entry.action == action):
            left_out += len(kept) == kept.maxlen
            kept.append(one)
    demand_action(action, seen)
    if output is Output.JSON:
        for one in kept:
            typer.echo(orjson.dumps(_document(one)).decode())
    else:
        _show(kept)
    if left_out > 0:
        typer.echo(f"{left_out} before them are not shown: --all, or --limit", err=True)


def demand_action(action: str, seen: Iterable[str]) -> None:
    """Raises Misconfigured for an action that nobody orders; `""` stands for all. seen: those that stand in the log."""
    known = sorted({*ACTIONS, *seen})
    if action and action not in known:
        raise Misconfigured(f"--action {action}: nothing is ordered by that{nearest(action, known)}; there are {', '.join(known)}")


@app.command("verify")
def verify_log(
    config: ConfigOption = SITE,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="An earlier `audit list --all -o json`: all of it must still be there."),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Prove that no entry was changed, taken out or put in. Exit code 1 where one was. That the last entries are missing is seen
    only against an earlier export.

    \b
    Examples:
      yibao audit verify
      yibao audit verify --against audit.jsonl -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    exported = list(_exported(against)) if against is not None else []
    site = load_site(config)
    warn_of_other_site(site)
    verified = verify(read_audit(client_options(site), site.topics.audit), exported=exported)
    if output is Output.JSON:
        shown = asdict(verified) | {"given_up": [_document(one) for one in verified.given_up], "exported": len(exported)}
        typer.echo(json.dumps(shown, ensure_ascii=False))
    else:
        _show_verified(verified, exported=len(exported))
    if verified.broken:
        raise typer.Exit(1)


def _exported(file: Path) -> Iterator[str]:
    try:
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            digest = orjson.loads(line)["digest"]
            if type(digest) is not str:
                raise Misconfigured(f"{file}:{number} has no digest: give a file of `yibao audit list --all -o json`")
            yield digest
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror})") from error
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file}:{number} is no line of `yibao audit list --all -o json`") from error


def _document(one: Linked) -> dict[str, Any]:
    entry = {} if one.entry is None else asdict(one.entry)
    return {"offset": one.offset, "digest": one.digest, "link": one.link.value, **entry}


def _show(entries: Iterable[Linked]) -> None:
    table = Table("AT", "BY", "ACTION", "WHY", "FACTS", box=None, pad_edge=False)
    for one in entries:
        if one.entry is None:
            table.add_row(f"offset {one.offset}", "", "no entry", "", "")
            continue
        entry = one.entry
        facts = ", ".join(f"{name} {value}" for name, value in entry.facts.items())
        table.add_row(entry.at, entry.by, entry.action, entry.why, facts)
    Console(soft_wrap=True, markup=False).print(table)


def _show_verified(verified: Verified, *, exported: int) -> None:
    for told in verified.broken:
        typer.echo(told)
    for one in verified.given_up:
        assert one.entry is not None, "what is no entry is broken"
        typer.echo(f"note: {one.entry.action} of {one.entry.by} at {one.entry.at} was interrupted before it did anything")
    against = f", all {exported} of the export among them" if exported and not verified.broken else ""
    said = "not whole" if verified.broken else "whole"
    typer.echo(f"{said}: {count_of(verified.chained, 'entry', 'entries')}{against}; head {verified.head or 'nothing'}")
