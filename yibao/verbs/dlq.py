"""`yibao dlq`: what could not be reported, and why. Nothing personal is shown; the original bytes stay in the topic."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streams.deadletter.document import MaskedDocument, masked_document
from streams.deadletter.reading import Reading, read_dead_letters
from streams.deadletter.record import FORM, DeadLetterView
from streams.deadletter.summary import Wanted, summarise
from streams.domain.validate.judge import RULE_IDS
from streams.domain.violations import DeadClass
from streams.mapping import Site, capture_sources, load_site
from streams.spec.fields import ServiceCode
from streams.spec.masking import mask_text
from streams.wiring import client_options
from yibao.binding import warn_of_other_site
from yibao.letter_hints import hint_of
from yibao.moments import age, local, now_ms
from yibao.moments import since as moments_since
from yibao.options import SITE, ConfigOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
What could not be reported, and why. Personal values are masked; the original bytes stay in the topic.

\b
Examples:
  yibao dlq summary                         counts by class, rule and institution, and who mends them
  yibao dlq list --class validation --since 2h
  yibao dlq list --institution H36110200001 --rule R1 -o json
  yibao dlq show 3fa4c1                     one letter, by the beginning of its id
""",
)

ClassOption = Annotated[DeadClass | None, typer.Option("--class", case_sensitive=False, help="Only this class.")]
RuleOption = Annotated[
    str,
    typer.Option("--rule", metavar="RULE", autocompletion=lambda: sorted(RULE_IDS), help="Only this rule, such as R1 or REQUIRED."),
]
ServiceOption = Annotated[ServiceCode | None, typer.Option("--service", help="Only this service.")]
InstitutionOption = Annotated[str, typer.Option("--institution", metavar="CODE", help="Only this FIXMEDINS_CODE.")]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="WHEN", help="Only failures since then: 2h, 7d, 2024-05-01, 2024-05-01T08:00.")
]
DeadlineOption = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading after so long.")]

_PLAIN_EVERY_S = 5.0


@app.command("summary", short_help="Count dead letters by class, rule and institution.")
def summary(
    *,
    config: ConfigOption = SITE,
    dead_class: ClassOption = None,
    rule: RuleOption = "",
    service: ServiceOption = None,
    institution: InstitutionOption = "",
    since: SinceOption = "",
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count dead letters by class, rule and institution, with the age of the oldest.

    \b
    Examples:
      yibao dlq summary -c site.yaml
      yibao dlq summary --since 24h --institution H36110200001 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    wanted = _wanted(site, dead_class=dead_class, rule=rule, service=service, institution=institution, since=since)
    reading = _read(site, wanted, deadline_s=deadline)
    lines, now = summarise(reading.letters), now_ms()
    if output is Output.JSON:
        groups = [{**asdict(line), "oldest_age_s": (now - line.oldest) // 1000} for line in lines]
        _print_json({"total": len(reading.letters), "complete": reading.complete, "groups": groups})
    else:
        table = _table("class", "rule", "institution", "owner", "count", "oldest")
        for line in lines:
            table.add_row(line.dead_class, line.rule, line.institution or "-", line.owner, str(line.count), age(now - line.oldest))
        _print_table(table, f"{len(reading.letters)} dead letters")
    _warn(reading)


@app.command("list")
def list_letters(
    *,
    config: ConfigOption = SITE,
    dead_class: ClassOption = None,
    rule: RuleOption = "",
    service: ServiceOption = None,
    institution: InstitutionOption = "",
    since: SinceOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many, the latest failures first.")] = 100,
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters, each failure once.

    \b
    Examples:
      yibao dlq list --class validation --since 2h
      yibao dlq list --service setl_d --rule R1 --limit 20 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    wanted = _wanted(site, dead_class=dead_class, rule=rule, service=service, institution=institution, since=since)
    reading = _read(site, wanted, deadline_s=deadline)
    shown = sorted(reading.letters, key=lambda letter: letter.last_failed_at, reverse=True)[:limit]
    if output is Output.JSON:
        _print_json({"total": len(reading.letters), "complete": reading.complete, "letters": [_said(letter) for letter in shown]})
    else:
        table = _table("id", "class", "rule", "service", "institution", "owner", "failed", "message")
        for letter in shown:
            facts = (letter.dead_class, letter.rule, letter.service or "-", letter.institution or "-", letter.owner)
            table.add_row(letter.id[:12], *facts, local(letter.last_failed_at, site), letter.message)
        _print_table(table, f"{len(shown)} of {len(reading.letters)} dead letters")
    _warn(reading)


@app.command("show", short_help="Show one dead letter; its content is masked.")
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or the beginning of one.")],
    config: ConfigOption = SITE,
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one dead letter: what is known of it, and its content with everything personal masked. Exit code 1 if there is none.

    \b
    Examples:
      yibao dlq show 3fa4c1
      yibao dlq show 3fa4c1 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    reading = _read(site, Wanted(id=letter_id.lower()), deadline_s=deadline, values=True)
    if len(reading.letters) != 1:
        found = f"{len(reading.letters)} dead letters begin with {letter_id!r}: give more of the id"
        typer.echo(found if reading.letters else f"no dead letter {letter_id!r}", err=True)
        _warn(reading)
        raise typer.Exit(1)
    [letter] = reading.letters
    document, hint = masked_document(letter), hint_of(letter, capture_sources(site))
    if output is Output.JSON:
        _print_json({**_said(letter), "hint": hint, "content": asdict(document)})
    else:
        _show_facts(letter, site)
        if hint:
            typer.echo(f"{'hint':<16} {hint}")
        _show_document(document)


def _wanted(
    site: Site, *, dead_class: DeadClass | None, rule: str, service: ServiceCode | None, institution: str, since: str
) -> Wanted:
    chosen = dead_class.value if dead_class else ""
    return Wanted(dead_class=chosen, rule=rule, service=service or "", institution=institution, since=moments_since(since, site))


def _read(site: Site, wanted: Wanted, *, deadline_s: float, values: bool = False) -> Reading:
    with _progress("reading dead letters") as told:
        reading = read_dead_letters(
            client_options(site), site.topics.dead, wanted=wanted, values=values, deadline_s=deadline_s, on_progress=told
        )
    warn_of_other_site(site)
    return reading


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; elsewhere a line every few seconds. On standard error, so that the result can be piped."""
    console = Console(stderr=True)
    if console.is_terminal:
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


def _said(letter: DeadLetterView) -> dict[str, Any]:
    hidden = {"key", "value", "original_headers", "partition", "offset"}
    said = {name: value for name in letter.__slots__ if name not in hidden and (value := getattr(letter, name)) is not None}
    return {**said, "visit_key": _visit_key(letter), "stands_at": f"{letter.partition}/{letter.offset}"}


def _visit_key(letter: DeadLetterView) -> str:
    """As the letter says it. Letters of form 1 have it only as their key, which need not be fit to be shown."""
    is_said = letter.stage == "join" and letter.form > 1
    if letter.visit_key or is_said or letter.dead_class == DeadClass.DECODE:
        return letter.visit_key
    return mask_text((letter.key or b"").decode(errors="replace"))


def _show_facts(letter: DeadLetterView, site: Site) -> None:
    for name, value in _said(letter).items():
        if name.endswith("_failed_at"):
            typer.echo(f"{name:<16} {local(value, site)}")
        elif value not in ("", None):
            typer.echo(f"{name:<16} {value}")


def _show_document(document: MaskedDocument) -> None:
    for violation in document.violations:
        named = f"{violation.field} {violation.rule} {violation.level} {violation.clause}".strip()
        typer.echo(f"\n{named}\n  {violation.message} [{violation.masked}]")
    for part, row in document.rows.items():
        _show_row(f"row of the {part} (values stay hidden)", row)
    if document.record:
        _show_row("record as it was sent (personal fields masked)", document.record)
    if document.unread is not None:
        typer.echo(f"\n{document.unread} bytes that are neither rows nor a record; not shown")


def _show_row(title: str, row: Mapping[str, str]) -> None:
    typer.echo(f"\n{title}")
    for name, value in row.items():
        typer.echo(f"  {name:<24} {value}")


def _warn(reading: Reading) -> None:
    """Say what the figures above leave out. Exit code 1 when not all was read."""
    if reading.foreign:
        typer.echo(f"{reading.foreign} messages in the topic are no dead letters of ours", err=True)
    if later := sum(letter.form > FORM for letter in reading.letters):
        typer.echo(
            f"{later} of them were written by a newer version: what it added is not shown; run that version or newer "
            "(docs/upgrade.md)",
            err=True,
        )
    if not reading.complete:
        typer.echo("the time was up before the end of the topic: the figures are too small; use a longer --deadline", err=True)
        raise typer.Exit(1)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="right" if column == "count" else "left", overflow="fold" if column == "message" else "ellipsis"
        )
    return table


def _print_table(table: Table, closing: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 240)
    if table.row_count:
        console.print(table)
    typer.echo(closing)


def _print_json(document: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
