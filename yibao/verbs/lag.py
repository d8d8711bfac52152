"""`yibao lag`: what waits for each stage, how old it is, how fast it goes, and whose work it is."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from streams.topics.maintenance import Maintenance
from streams.wiring import broker_access
from yibao.binding import warn_of_other_site
from yibao.captures.from_site import chosen_sources
from yibao.institutions import demand_institution
from yibao.lag.asked import Measured, Measuring
from yibao.lag.counted import Lag
from yibao.lag.marks import STAGES
from yibao.lag.shown import Limits, document, limits_of, look_of, of_stages, too_far
from yibao.options import SITE, ConfigOption, EveryOption, Output, OutputOption, SourceOption, StageName, WatchOption
from yibao.screens import Look, cut, watch
from yibao.steering import maintenance_look

BETWEEN_S = 2.0
"""Between the two looks of one answer: how fast it goes is the difference."""

InstitutionOption = Annotated[
    str | None,
    typer.Option("--institution", metavar="CODE", help="Only what waits of it, for delivery: only there it can be told."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked for."""

    site: Site
    """Of whom."""
    stage: str | None
    """None: all of them."""
    source: str | None
    """None: all of them."""
    institution: str | None
    """None: all of them."""
    limits: Limits
    """How far behind is too far."""
    output: Output
    """For whom."""
    maintenance: Callable[[], Maintenance | None]
    """Of the platform, as it is when it is called."""


def lag(
    *,
    config: ConfigOption = SITE,
    stage: Annotated[StageName | None, typer.Option("--stage", help="Only this one; all of them without it.")] = None,
    source: SourceOption = None,
    institution: InstitutionOption = None,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", min=0, metavar="SECONDS", help="The oldest may be so old. Default: lag.max_age_s of the site."),
    ] = None,
    max_waiting: Annotated[
        int | None,
        typer.Option("--max-waiting", min=0, metavar="N", help="So many may wait for a stage. Default: lag.max_waiting."),
    ] = None,
    again: WatchOption = False,
    every: EveryOption = 2.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what waits for each stage: rows of place and join, records of deliver, those of them that are committed and nothing
    else; when the oldest was captured, by its own time; what the stage takes a second; when the slowest partition is drained; and
    who was given it. Exit code 1 when the oldest is too old, too much waits, or it is not known.

    Where something waits, two looks are made, two seconds apart. With --watch it goes on until Ctrl-C. What stands in the way is
    told by `yibao status`.

    \b
    Examples:
      yibao lag -c site.yaml
      yibao lag --watch
      yibao lag --stage deliver --institution H36110200001 --max-age 300 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    if source is not None:
        chosen_sources(site, source)
    demand_institution(site, institution or "")
    if (source is not None and stage is StageName.DELIVER) or (institution is not None and stage not in (None, StageName.DELIVER)):
        raise Misconfigured("--source is for place and join, --institution for deliver: at the others it cannot be told")
    if source is not None and institution is not None:
        raise Misconfigured("--source is for place and join, --institution for deliver: give one of them")
    limits = limits_of(site, max_age_s=max_age, max_waiting=max_waiting)
    asked = _Asked(
        site=site,
        stage=stage,
        source=source,
        institution=institution,
        limits=limits,
        output=output,
        maintenance=maintenance_look(site),
    )
    with Broker(broker_access(site)) as broker, Measuring(site, broker) as measuring:
        if again:
            watch(lambda: _shown(asked, measuring.look())[0], every_s=every, for_programs=output is Output.JSON)
        found = measuring.look()
        if any(one.waiting for one in found.lags):
            time.sleep(BETWEEN_S)
            found = measuring.look()
    warn_of_other_site(site)
    look, far = _shown(asked, found)
    typer.echo(look.line if output is Output.JSON else look.screen)
    if far:
        raise typer.Exit(1)


def _shown(asked: _Asked, found: Measured) -> tuple[Look, Sequence[str]]:
    """As it is asked for, and what is too far behind."""
    marks, zone, maintenance = found.marks, asked.site.timezone, asked.maintenance()
    lags: Sequence[Lag] = of_stages(found.lags, stage=asked.stage, source=asked.source, institution=asked.institution)
    far = too_far(lags, asked.limits, now_ms=marks.at_ms, maintained=maintenance is not None)
    workers = {stage: marks.workers(stage) for stage in STAGES}
    if asked.output is Output.JSON:
        told = document(lags, now_ms=marks.at_ms, far=far, workers=workers, zone=zone)
        said = json.dumps({**told, "maintenance": maintenance and maintenance.document}, ensure_ascii=False)
        return Look(said, said), far
    look = look_of(lags, now_ms=marks.at_ms, far=far, workers=workers, zone=zone)
    if maintenance is None:
        return look, far
    return Look(f"{look.screen}\n{cut(maintenance.line)}", f"{look.line}; {maintenance.line}"), far
