"""`yibao dlq export` and `yibao dlq import`: lists of dead letters for the insurance office, there and back."""

from pathlib import Path
from typing import Annotated

import typer

from streams.deadletter.filter.grammar import written
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.replay.pace import pace_of
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.interrupted import leaving
from yibao.letters import lists_shown
from yibao.letters.asked import wanted_by
from yibao.letters.closed import Closings, shown
from yibao.letters.exported import Form, Wish
from yibao.letters.exported import export as write_list
from yibao.letters.options import (
    ClassOption,
    DeadlineOption,
    FilterArgument,
    InstitutionOption,
    RuleOption,
    ServiceOption,
    SinceOption,
)
from yibao.letters.taken_in import Planned, carry_out, read_sheet, work_of
from yibao.moments import local, now_ms
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option


def export(
    words: FilterArgument = None,
    *,
    config: ConfigOption = SITE,
    dead_class: ClassOption = None,
    rule: RuleOption = "",
    service: ServiceOption = None,
    institution: InstitutionOption = "",
    since: SinceOption = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", dir_okay=False, metavar="FILE", help="Where to write it; .xlsx or .csv. Default: letters-SITE-TIME.xlsx."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    due: Annotated[
        int | None,
        typer.Option("--due", min=0, max=3650, metavar="DAYS", help="Fill in the deadline: so long after the first failure."),
    ] = None,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show what is personal, too. It is noted who did, and why.")] = False,
    reason: Annotated[str, why_option("Why; needed with --unmask.")] = "",
    deadline: DeadlineOption = 300.0,
) -> None:
    """Write a list of dead letters for the insurance office, in Chinese: what is wrong and what to do, the clause of the interface,
    where in the hospital's system to mend it, whom it is about (masked), since when; and columns to fill in. A workbook has one
    sheet for each who mends letters; CSV (UTF-8, for Excel and WPS) has them in one file, with a column that says who.

    What is filled in comes back by `yibao dlq import`. Nothing of a hospital becomes a formula: a text that begins like one has an
    apostrophe before it in CSV. Only this account can read the file.

    \b
    Examples:
      yibao dlq export
      yibao dlq export owner:clerk institution:H36110200001 --out clerks.xlsx --due 3
      yibao dlq export class:VALIDATION since:24h --out today.csv
      yibao dlq export owner:clerk --out clerks.xlsx --unmask --reason "the clerks must find the patients"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if unmask and not reason.strip():
        raise Misconfigured("--unmask needs --reason: it is noted who saw what is personal, and why")
    wanted = wanted_by(
        words or (), dead_class=dead_class or "", rule=rule, service=service or "", institution=institution, since=since
    ).with_default()
    site = load_site(config)
    at = local(now_ms(), site).replace("-", "").replace(":", "").replace(" ", "-")
    file = out or lists_shown.default_name(site.site, at, Form.XLSX.value)
    wish = Wish(wanted=wanted, file=file, form=_form_of(file), unmask=unmask, due_days=due, deadline_s=deadline)
    if file.exists() and not force:
        raise Misconfigured(f"{file} is there, and may hold what somebody filled in: give another --out, or --force")
    if unmask:
        demand_own_topics(site)

    def before(letters: int) -> None:
        if unmask:
            facts = {"filter": written(shown(wanted)), "letters": letters, "form": wish.form.value}
            audited(site, "dlq export --unmask", why=reason, facts=facts)

    with leaving(f"{file} was not written"):
        done = write_list(site, wish, before=before, note=lambda told: typer.echo(told, err=True))
    lists_shown.show_exported(wish, done)


def take_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="A list of `yibao dlq export`, filled in.")],
    *,
    config: ConfigOption = SITE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Do what is understood, and leave the rest.")] = False,
    reason: Annotated[str, why_option("Why, for letters that are closed and say none; and for plans.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    deadline: DeadlineOption = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take a list back that the insurance office filled in: a workbook, or CSV (UTF-8 or GBK; commas, semicolons or tabs). Only the
    columns for the id, the decision, the note and the platform's number are read; rows may be sorted, filtered and left out.

    \b
    Decisions (处理决定):
      关闭 close            closes the letter, with its note (备注) or --reason; a reported record also needs 平台确认号
      重报 renormalise      goes into a replay plan: made anew of its rows under today's mapping
      原样重报 resend       goes into a replay plan: as it was
      重新读取 recapture    goes into a replay plan: its row is read from the database again
      已在HIS修改 mended    counted: its record comes by itself, and closes the letter when it is accepted
      待处理 or nothing     left

    \b
    What is not understood is told by sheet, row and column, and then nothing is done, unless --partial is given; exit code 1. The
    same file again does nothing twice. Who is responsible and until when stays in the list: yibao keeps neither.

    \b
    Examples:
      yibao dlq import clerks.xlsx --dry-run
      yibao dlq import clerks.xlsx --reason "letter of the office of 2024-05-06"
      yibao dlq import today.csv --partial --yes
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    demand_own_topics(site)
    sheet = read_sheet(file, site)
    work, complete = work_of(site, sheet, reason=reason.strip(), deadline_s=deadline)
    if not complete:
        raise Misconfigured("the time was up before the end of the topic: give a longer --deadline; nothing was done")
    if output is Output.TABLE:
        lists_shown.show_work(sheet, work)
    does = work.does_something and not dry_run and (partial or not work.faults)
    closings, plans = Closings(0, 0), list[Planned]()
    if does:
        if work.close and not yes:
            typer.confirm(f"关闭 {len(work.close)} 条？", abort=True, err=True)
        with leaving(f"{file}: what was written counts; the same command does the rest"):
            closings, plans = carry_out(site, sheet, work, reason=reason.strip(), folder=Path())
    lists_shown.print_import(lists_shown.import_document(sheet, work, closings=closings, plans=plans, done=does), output)
    if output is Output.TABLE:
        lists_shown.show_plans(plans, approve_above=pace_of(site).approve_above)
        typer.echo(f"已关闭 {closings.closed} 条" if does else "没有做任何改动")
        if closings.left:
            typer.echo(f"另有 {closings.left} 条在读取之后已被他人关闭，或又失败了：没有关闭，请重新导出核对")
    if work.faults or closings.left:
        raise typer.Exit(1)


def _form_of(file: Path) -> Form:
    suffix = file.suffix.lower().removeprefix(".")
    if suffix not in {*Form}:
        raise Misconfigured(f"--out {file.name}: a list is a workbook (.xlsx) or CSV (.csv)")
    return Form(suffix)
