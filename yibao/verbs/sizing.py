"""`yibao sizing`: how many partitions, workers, cores and gigabytes a site needs."""

import json
from typing import Annotated

import typer

from yibao.options import Output, OutputOption
from yibao.sizing.demand import Demand
from yibao.sizing.plan import plan_of
from yibao.sizing.screen import HEAD, RIGHT, document, rows, said, values
from yibao.sizing.simulation import play
from yibao.tables import show, wrapped


def sizing(
    *,
    fee_lines: Annotated[
        int, typer.Option("--fee-lines", min=1, metavar="N", help="On an average day, of all hospitals together.")
    ],
    hospitals: Annotated[int, typer.Option("--hospitals", min=1, metavar="N", help="Databases that are captured.")] = 1,
    peak: Annotated[float, typer.Option("--peak", min=1, help="A day at the end of a month, in average days.")] = 5.0,
    outage_h: Annotated[float, typer.Option("--outage", min=0, metavar="HOURS", help="The platform may be away so long.")] = 24.0,
    drain_min: Annotated[
        float, typer.Option("--drain", min=1, metavar="MINUTES", help="What waited for it is to be gone after so long.")
    ] = 60.0,
    answer_ms: Annotated[
        float, typer.Option("--answer-ms", min=1, metavar="MS", help="The platform answers after so long.")
    ] = 50.0,
    requests_per_s: Annotated[
        float | None, typer.Option("--requests-per-s", min=0.1, metavar="N", help="The platform allows so many, from all workers.")
    ] = None,
    slower: Annotated[
        float, typer.Option("--slower", min=0.2, help="Your machines, in the time of those that were measured; 2.6 was seen.")
    ] = 2.0,
    kept_days: Annotated[int, typer.Option("--kept-days", min=1, help="retention.changes_days and ready_days of site.yaml.")] = 14,
    for_days: Annotated[
        int,
        typer.Option("--for-days", min=1, metavar="DAYS", help="A visit's state stays for ever: disks for so many days of visits."),
    ] = 365,
    chart: Annotated[bool, typer.Option("--values", help="Print it as values of the Helm chart instead.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """From fee lines a day to partitions, workers, cores, memory and disks: computed from what was measured (docs/sizing.md), and
    played second by second. It asks nobody and needs no site. Exit code 1 when something is asked that no number of workers gives.

    \b
    Examples:
      yibao sizing --fee-lines 30000                                  one hospital
      yibao sizing --fee-lines 600000 --hospitals 20 --drain 10
      yibao sizing --fee-lines 600000 --hospitals 20 --requests-per-s 20
      yibao sizing --fee-lines 6000000 --hospitals 200 --values       for the chart
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    demand = Demand(
        fee_lines=fee_lines,
        hospitals=hospitals,
        peak=peak,
        outage_h=outage_h,
        drain_min=drain_min,
        answer_ms=answer_ms,
        requests_per_s=requests_per_s,
        slower=slower,
        kept_days=kept_days,
        for_days=for_days,
    )
    plan = plan_of(demand)
    if chart:
        typer.echo(values(plan))
    else:
        played = play(demand, plan)
        if output is Output.JSON:
            typer.echo(json.dumps(document(demand, plan, played), ensure_ascii=False))
        else:
            show(HEAD, rows(plan), right=RIGHT)
            for text in said(demand, plan, played):
                for line in ("", *wrapped(text)):
                    typer.echo(line)
    if plan.limits:
        raise typer.Exit(1)
