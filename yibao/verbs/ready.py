"""`yibao ready`: what waits for the platform, made anew after what made it wrong was mended."""

import json
from functools import partial
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.replay.pace import pace_of
from streams.replay.waiting import Fare
from streams.spec.fields import ServiceCode
from streams.wording import count_of
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.institutions import demand_institution
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.replaying.renewing import AGAIN, Found, Renewing, demand_mapping, look

app = typer.Typer(
    no_args_is_help=True,
    help="""\
What waits for the platform in visit.ready.

\b
Examples:
  yibao ready renormalise --dry-run                              what would become of it under today's mapping
  yibao ready renormalise --why "the item codes were those of 2023"
""",
)

_MEANS: Final = {
    Fare.PASSES: "goes in another version",
    Fare.FAILS: "would be refused: it gets a letter, and what waits of it does not go",
    Fare.WAITS: "a part is missing: it goes when that comes, and what waits of it does not go",
    Fare.UNCHANGED: "stays as it is; of several versions only the last one goes",
    Fare.UNREAD: "a column of the tables named is read anew by the mapping: `yibao resnapshot TABLE --wait` of them first",
    Fare.GONE: "its row is gone: what waits of it goes, and is told as withdrawn",
}
_MOST: Final = 20


@app.callback()
def _group() -> None:
    """Keeps the verb's word necessary."""


@app.command("renormalise", short_help="Make anew what waits, under today's mapping.")
def renormalise(
    *,
    config: ConfigOption = SITE,
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="Only its records.")] = "",
    service: Annotated[list[ServiceCode] | None, typer.Option("--service", help="Only its records; several times.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would become of it; order nothing.")] = False,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept in the audit log; needed to order it.")] = "",
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Wait for the stages for so long.")] = 600.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make anew what waits in visit.ready, from its rows as they are now, under today's mapping, rules and lookups. Where it
    differs, what waits does not go, and the new version does. Mend the mapping and restart the workers first.

    Each record is tried first, as the join would try it. Nothing of what may have reached the platform is posted under another
    msgid, and no visit goes behind what belongs to it. After a crash, or Ctrl-C, the same command goes on.

    \b
    Examples:
      yibao ready renormalise --dry-run -o json
      yibao ready renormalise --institution H36110200001 --service fee_list_d --why "the item codes were those of 2023"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not dry_run and not why.strip():
        raise Misconfigured("--why is needed: it is kept in the audit log, for whoever asks later; --dry-run only shows")
    site = load_site(config)
    demand_institution(site, institution)
    demand_own_topics(site)
    if not dry_run:
        demand_mapping(site)
    services = sorted({one.value for one in service or ()})
    found = look(site, institution=institution, services=services)
    if output is Output.TABLE:
        _show(found)
    ordered = not dry_run and bool(found.orders or found.ends)
    if ordered:
        fares = {fare.value: count for fare, count in found.fares.items()}
        of = {"institution": institution, "services": services}
        audited(site, "ready renormalise", why=why, facts={"run": found.id, **of, "orders": len(found.orders), "outcomes": fares})
        with leaving(AGAIN):
            say = partial(typer.echo, err=True)
            Renewing(site=site, pace=pace_of(site), say=say, deadline_s=deadline).run(found)
    _tell(found, ordered=ordered, dry_run=dry_run, output=output)
    if not dry_run and (left := _left(found)):
        typer.echo(f"error: {left}", err=True)
        raise typer.Exit(1)


def _tell(found: Found, *, ordered: bool, dry_run: bool, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(_document(found, ordered=ordered), ensure_ascii=False))
    elif ordered:
        typer.echo(f"made anew: the join answered {count_of(len(found.orders), 'order')}, and the deliver stage goes by them")
        typer.echo("  how far it is: yibao connector status; what failed: yibao dlq summary")
    elif not dry_run and not _left(found):
        typer.echo("nothing was ordered: nothing that waits would become another")


def _left(found: Found) -> str:
    """What was left because nobody remembers its columns, and what to do; `""` for nothing."""
    unread = {cause: count for cause, count in found.counts.items() if cause[3] is Fare.UNREAD}
    if not unread:
        return ""
    tables = sorted({table for *_, why in unread for table in why.split(", ")})
    again = f"`yibao connector apply`, `yibao resnapshot TABLE --wait` of {', '.join(tables)}, then give the order again"
    return f"{count_of(sum(unread.values()), 'record was', 'records were')} left: {again}"


def _show(found: Found) -> None:
    table = Table("RECORDS", "OUTCOME", "MEANING", box=None, pad_edge=False)
    for fare, count in found.fares.most_common():
        table.add_row(f"{count}", fare.value, _MEANS[fare])
    causes = Table("RECORDS", "INSTITUTION", "SERVICE", "MADE BY", "OUTCOME", "WHY", box=None, pad_edge=False)
    for (institution, service, mapping, fare, why), count in found.counts.most_common(_MOST):
        causes.add_row(f"{count}", institution, service, mapping, fare.value, why)
    console = Console(soft_wrap=True, markup=False)
    if not found.counts:
        typer.echo("nothing waits that was not made anew")
        return
    console.print(table)
    console.print(causes)


def _document(found: Found, *, ordered: bool) -> dict[str, object]:
    causes = [
        {"institution": institution, "service": service, "mapping": mapping, "outcome": fare.value, "why": why, "count": count}
        for (institution, service, mapping, fare, why), count in found.counts.most_common()
    ]
    outcomes = {fare.value: count for fare, count in found.fares.items()}
    return {"run": found.id, "ordered": len(found.orders) if ordered else 0, "outcomes": outcomes, "causes": causes}
