"""`yibao dlq`: what could not be reported, and why. Nothing personal is shown unless it is asked for, with a reason."""

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from streams.broker_wiring import broker_access
from streams.deadletter.closing import confirmation as confirmed_number
from streams.deadletter.document import clear_document, masked_document
from streams.deadletter.filter.grammar import parse
from streams.deadletter.filter.terms import grammar, term
from streams.deadletter.index.counting import PARTS, summary
from streams.deadletter.index.pages import Event, Letter, history, page
from streams.deadletter.reading import read_letter
from streams.errors import Misconfigured, Refused
from streams.mapping import Site, capture_sources, compile_site, load_site
from streams.wording import count_of, nearest
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.letters import closed as letters_closed
from yibao.letters import shown as letters_shown
from yibao.letters.asked import ask, clock_of, notes_on, say, wanted_by
from yibao.letters.hints import hint_of
from yibao.letters.mending import mending_of
from yibao.letters.options import (
    ClassOption,
    DeadlineOption,
    FilterArgument,
    InstitutionOption,
    RuleOption,
    ServiceOption,
    SinceOption,
)
from yibao.moments import now_ms
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.verbs import dlq_lists

app = typer.Typer(
    no_args_is_help=True,
    help=f"""\
What could not be reported, and why. Personal values are masked; the original bytes stay in the topic.

\b
Examples:
  yibao dlq summary                         counts by what caused them, and who mends them
  yibao dlq list class:VALIDATION since:2h
  yibao dlq list 'rule:R1 institution:H36110200001 not owner:clerk' -o json
  yibao dlq show 3fa4c1                     one letter, by the beginning of its id
  yibao dlq close id:3fa4c1 --reason TEXT   what nobody has to mend any more
  yibao dlq export owner:clerk              a list for the insurance office, in Chinese, for Excel or WPS
  yibao dlq import letters.xlsx             the same list, with what was decided about each

\b
A FILTER says which letters are meant. All of its conditions must hold; of several values, divided by commas, one;
`not` turns the condition behind it round. Without `open`, `closed` or `any` in it, open letters are meant.
{grammar()}
  open, closed, any
""",
)

_BY = "class,rule,field,cause,service,institution"


@app.command("summary", short_help="Count dead letters by what caused them.")
def summarise(
    words: FilterArgument = None,
    *,
    config: ConfigOption = SITE,
    by: Annotated[str, typer.Option("--by", metavar="PARTS", help=f"Of {', '.join(PARTS)}, divided by commas.")] = _BY,
    dead_class: ClassOption = None,
    rule: RuleOption = "",
    service: ServiceOption = None,
    institution: InstitutionOption = "",
    since: SinceOption = "",
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count dead letters by class, rule, field, the value that caused them, service and institution: how many are open and closed,
    the age of the oldest open one, how many came in the last 24 hours and in those before.

    \b
    Examples:
      yibao dlq summary
      yibao dlq summary --by cause,institution class:DICTIONARY
      yibao dlq summary since:24h -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site, parts = load_site(config), _parts(by)
    asked = wanted_by(
        words or (), dead_class=dead_class or "", rule=rule, service=service or "", institution=institution, since=since
    )
    clock = clock_of(site)
    (lines, notes), freshness = ask(
        site, lambda index: (summary(index, asked, clock, by=parts), notes_on(index, asked)), wanted=asked, deadline_s=deadline
    )
    # Those that are closed are counted beside the open ones, unless the filter says which are meant.
    shown = lines if asked.status else [line for line in lines if line.open]
    if output is Output.JSON:
        letters_shown.print_json(letters_shown.summary_document(shown, parts, complete=freshness.complete, now=now_ms()))
    else:
        letters_shown.show_summary(shown, parts, now=now_ms())
    say(freshness, notes)


@app.command("list")
def list_letters(
    words: FilterArgument = None,
    *,
    config: ConfigOption = SITE,
    dead_class: ClassOption = None,
    rule: RuleOption = "",
    service: ServiceOption = None,
    institution: InstitutionOption = "",
    since: SinceOption = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many, the latest failures first.")] = 100,
    after: Annotated[str, typer.Option("--after", metavar="PLACE", help="Go on where the page before ended, as it says.")] = "",
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters, each failure once. `complete` in JSON says whether all that are meant are listed; `next` is for --after.

    \b
    Examples:
      yibao dlq list class:validation since:2h
      yibao dlq list 'service:setl_d rule:R1' --limit 20 -o json
      yibao dlq list key:F1 any
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    asked = wanted_by(
        words or (), dead_class=dead_class or "", rule=rule, service=service or "", institution=institution, since=since
    ).with_default()
    clock = clock_of(site)
    try:
        (found, notes), freshness = ask(
            site,
            lambda index: (page(index, asked, clock, most=limit, after=after), notes_on(index, asked)),
            wanted=asked,
            deadline_s=deadline,
        )
    except ValueError as error:
        raise Misconfigured(f"--after {after}: give what the page before named") from error
    if output is Output.JSON:
        letters_shown.print_json(letters_shown.page_document(found, complete=freshness.complete))
    else:
        letters_shown.show_page(found, site, closed=any(letter.closed for letter in found.letters))
    say(freshness, notes)


@app.command("show", short_help="Show one dead letter; its content is masked.")
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or the beginning of one.")],
    config: ConfigOption = SITE,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show what is personal, too. It is noted who did, and why.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; needed with --unmask.")] = "",
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one dead letter, open or closed: what is known of it, its history, and its content with everything personal masked.
    Exit code 1 if there is none.

    \b
    Examples:
      yibao dlq show 3fa4c1
      yibao dlq show 3fa4c1 -o json
      yibao dlq show 3fa4c1 --unmask --reason "the clerk must find the patient"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if unmask and not reason.strip():
        raise Misconfigured("--unmask needs --reason: it is noted who saw what is personal, and why")
    site = load_site(config)
    if unmask:
        demand_own_topics(site)
    letter, events = _one(site, letter_id, deadline_s=deadline)
    view = read_letter(broker_access(site), site.topics.dead, letter.partition, letter.offset, client_id=f"yibao-{site.site}")
    if view is None or view.id != letter.id:
        raise Refused(f"{site.topics.dead} does not hold the letter any more: its retention (retention.dead_days) is over")
    if unmask:
        audited(site, "dlq show --unmask", why=reason, facts={"letter": letter.id})
    content = clear_document(view) if unmask else masked_document(view)
    sources = capture_sources(site)
    mending, hint = mending_of(letter, compile_site(site), sources), hint_of(view, sources)
    if output is Output.JSON:
        letters_shown.print_json(letters_shown.letter_document(letter, events, content, mending, hint))
    else:
        letters_shown.show_letter(letter, events, site, mending, hint)
        letters_shown.show_content(content, masked=not unmask)


@app.command("close", short_help="Close dead letters, with a reason or the platform's confirmation.")
def close(
    words: FilterArgument = None,
    *,
    config: ConfigOption = SITE,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in each letter's history.")] = "",
    confirmation: Annotated[
        str, typer.Option("--confirmation", metavar="NUMBER", help="Of the platform, that it withdrew the record of one letter.")
    ] = "",
    confirmations: Annotated[
        Path | None,
        typer.Option(
            "--confirmations", dir_okay=False, metavar="FILE", help="Lines of a letter's id or record key, and such a number."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show how many would be closed; write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    deadline: DeadlineOption = 300.0,
) -> None:
    """Close the open letters that a filter means. The filter is needed: nothing closes all of them by an empty one. Letters about
    reported records that have no row any more (WITHDRAWN) are closed by what the platform confirmed: one by --confirmation, several
    by a file. The same failure opens its letter again when it comes after that. Exit code 1 where something stays open.

    \b
    Examples:
      yibao dlq close id:3fa4c1 --reason "tested by hand, not a real visit"
      yibao dlq close 'class:VALIDATION institution:H36110200001 until:2024-05-01' --reason "before the start of reporting"
      yibao dlq close id:77aa01 --confirmation WX-2024-0017 --reason "withdrawn by telephone"
      yibao dlq close class:WITHDRAWN --confirmations withdrawn.csv --reason "letter of the office of 2024-05-06"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    wanted = wanted_by(words or ())
    if not wanted.terms:
        raise Misconfigured("close which letters? Give a filter, such as id:3fa4c1 or class:VALIDATION")
    if not reason.strip():
        raise Misconfigured("--reason is needed: it stands in the history of each letter, for whoever asks later")
    if confirmation and confirmations is not None:
        raise Misconfigured("--confirmation is for one letter, --confirmations for several: give one of them")
    site = load_site(config)
    demand_own_topics(site)
    clock, number = clock_of(site), confirmed_number(confirmation) if confirmation else ""
    listed = letters_closed.confirmations_in(confirmations) if confirmations is not None else None

    def question(index: sqlite3.Connection) -> letters_closed.ToClose:
        if listed is not None:
            return letters_closed.by_file(index, wanted, clock, listed)
        if number:
            return letters_closed.by_confirmation(index, wanted, clock, number)
        return letters_closed.by_reason(index, wanted, clock)

    order, freshness = ask(site, question, wanted=wanted, deadline_s=deadline)
    say(freshness, order.left)
    if dry_run or not order.letters:
        typer.echo(f"{count_of(len(order.letters), 'letter')} would be closed")
    else:
        if not yes:
            typer.confirm(f"close {count_of(len(order.letters), 'letter')}?", abort=True)
        _tell(letters_closed.close(site, order, wanted, reason=reason))
    if order.left:
        raise typer.Exit(1)


def _tell(done: letters_closed.Closings) -> None:
    """How many were closed. Exit code 1 where some were left."""
    typer.echo(f"{count_of(done.closed, 'letter')} closed")
    if done.left:
        left = count_of(done.left, "letter was", "letters were")
        typer.echo(f"{left} closed by somebody else meanwhile, or failed again: look at them (yibao dlq list)", err=True)
        raise typer.Exit(1)


app.command("export", short_help="Write a list of dead letters for the insurance office.")(dlq_lists.export)
app.command("import", short_help="Take a list back: close and plan what was decided in it.")(dlq_lists.take_in)


def _one(site: Site, letter_id: str, *, deadline_s: float) -> tuple[Letter, list[Event]]:
    """The letter whose id begins so, and what happened to it. Raises Exit(1) where that is none, or several."""
    wanted = parse("any").and_also([term("id", [letter_id])] if letter_id else [])
    clock = clock_of(site)

    def question(index: sqlite3.Connection) -> tuple[int, Letter | None, list[Event], list[str]]:
        found = page(index, wanted, clock, most=1)
        letter = found.letters[0] if found.total == 1 else None
        return found.total, letter, history(index, letter.id) if letter else [], notes_on(index, wanted)

    (total, letter, events, notes), freshness = ask(site, question, deadline_s=deadline_s)
    if letter is None:
        several = f"{total} dead letters begin with {letter_id!r}: give more of the id"
        typer.echo(several if total else f"no dead letter {letter_id!r}", err=True)
        say(freshness, notes)
        raise typer.Exit(1)
    return letter, events


def _parts(by: str) -> list[str]:
    names = [name.strip() for name in by.split(",")]
    for name in names:
        if name not in PARTS:
            raise Misconfigured(f"--by {name}: letters are not counted by that{nearest(name, PARTS)}; there are {', '.join(PARTS)}")
    return list(dict.fromkeys(names))
