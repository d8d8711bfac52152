"""`yibao pause`: let a source, an institution, a service or a stage wait while everything else goes on."""

import json
import shlex
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.steering import Pause
from yibao import orders_beside, steering
from yibao.interrupted import leaving
from yibao.moments import until_of
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option


class Service(StrEnum):
    """What is reported, in the order of reporting."""

    VISIT = "visit"
    SETTLEMENT = "settlement"
    FEE = "fee"


class Stage(StrEnum):
    """What workers do."""

    PLACE = "place"
    JOIN = "join"
    DELIVER = "deliver"


SourceOption: TypeAlias = Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="Rows of this source.")]
InstitutionOption: TypeAlias = Annotated[
    str | None, typer.Option("--institution", metavar="CODE", help="Records of this institution, by its FIXMEDINS_CODE.")
]
ServiceOption: TypeAlias = Annotated[
    Service | None, typer.Option("--service", help="Records of this service, and of each institution what comes behind them.")
]
StageOption: TypeAlias = Annotated[Stage | None, typer.Option("--stage", help="All workers of this stage.")]
ReasonOption: TypeAlias = Annotated[str, why_option("Kept with the order, for whoever asks later.")]


def pause(
    *,
    config: ConfigOption = SITE,
    source: SourceOption = None,
    institution: InstitutionOption = None,
    service: ServiceOption = None,
    stage: StageOption = None,
    why: ReasonOption = "",
    until: Annotated[
        str, typer.Option("--until", metavar="WHEN", help="Goes on by itself then: 30m, 2h, 1d, or 2026-12-01T06:00.")
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Let something wait while everything else goes on. All workers obey within seconds, also those that start later. What is under
    way is finished: of the deliver stage at most one plan a partition, under the msgids that it has. Nothing is lost, and nothing
    is sent twice.

    --source: rows of it are not placed. --institution: its records are set aside, as if the platform did not take them. --service:
    of each institution, the next record of the service waits, with all that comes behind it. --stage: its workers take nothing new.

    What waits must not wait for longer than the topics keep it (`retention`): an end beyond that is refused. `yibao status` shows
    what is paused: until when, by whom and why.

    \b
    Examples:
      yibao pause --institution H36110200001 --why "the platform asked for it" --until 2h
      yibao pause --stage deliver --why "the platform is being moved" --until 2026-12-01T06:00
      yibao pause --source his --why "the vendor loads test data"
      yibao pause --service fee --why "the platform's fee service is down"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    target = steering.target_of(site, source=source, institution=institution, service=service, stage=stage)
    ends = until_of(until, site)
    with leaving(f"it may be written already; `yibao connector status -c {shlex.quote(str(config))}` shows it"):
        settled = steering.pause(site, target, why=why, until=ends)
    order, before = settled.order, steering.in_force(settled.before, site)
    if output is Output.JSON:
        beside = orders_beside.documents(settled, whole)
        typer.echo(json.dumps({**order.document, "was_paused": before is not None, **beside}, ensure_ascii=False))
    else:
        typer.echo(order.line)
        if before is not None:
            typer.echo(f"  it was paused before, by {before.by}: {before.why}")
        for line in orders_beside.lines(settled, lambda one: one.line):
            typer.echo(line)
    orders_beside.demand_effect(settled, alike)


def whole(order: Pause) -> dict[str, object]:
    """An order that may also be one to go on, as `-o json` has it."""
    return {**order.document, "paused": order.paused}


def alike(one: Pause, other: Pause) -> bool:
    """Whether after both the same waits."""
    return one.paused == other.paused
