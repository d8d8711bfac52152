"""`yibao status`: why does nothing move? One screen for a whole site, and the one reason of each part."""

import json
from typing import Annotated

import typer

from streams.errors import Unreachable
from streams.mapping import Site, load_site
from yibao.binding import warn_of_other_site
from yibao.captures.from_site import chosen_sources
from yibao.institutions import demand_institution
from yibao.lag.shown import limits_of
from yibao.options import SITE, ConfigOption, EveryOption, Output, OutputOption, SourceOption, WatchOption
from yibao.screens import Look, watch
from yibao.status.asked import Asking
from yibao.status.facts import Part
from yibao.status.lines import first_of, lines_of
from yibao.status.parts import Asked, Line
from yibao.status.shown import document, look_of


def status(
    *,
    config: ConfigOption = SITE,
    source: SourceOption = None,
    institution: Annotated[
        str | None, typer.Option("--institution", metavar="CODE", help="Of the institutions only this one, with all stages.")
    ] = None,
    again: WatchOption = False,
    every: EveryOption = 5.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show, for each capture, stage and institution, what waits, how old the oldest is, how fast it goes, and the one reason why it
    stands as it does, with the command that mends it. The part that is looked at first stands on top: the most upstream, and the
    most severe. Exit code 1 when something needs a person; 3 when brokers or Connect do not answer: the rest is shown all the same.

    What waits in the join for its parts is counted by source, institution and part. The index for that is brought up to date for
    three seconds at most, and the next look goes on from there.

    What is late is late by `lag` in site.yaml. Of a capture the age of its last heartbeat is shown. `yibao lag` has the figures of
    each partition, `yibao connector status` each task of Connect.

    \b
    Examples:
      yibao status -c site.yaml
      yibao status --watch
      yibao status --institution H36110200001 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    sources = chosen_sources(site, source)
    demand_institution(site, institution or "")
    with Asking(site, sources) as asking:

        def again_looked() -> Look:
            found = asking.ask()
            return _shown(site, found, _chosen(site, found, institution), institution, output)

        if again:
            watch(again_looked, every_s=every, for_programs=output is Output.JSON)
        asked = asking.ask()
    if not asked.brokers_away:
        warn_of_other_site(site)
    lines = _chosen(site, asked, institution)
    look = _shown(site, asked, lines, institution, output)
    typer.echo(look.line if output is Output.JSON else look.screen)
    if asked.brokers_away or asked.connect_away:
        raise Unreachable(asked.brokers_away or asked.connect_away)
    if first_of(lines) is not None:
        raise typer.Exit(1)


def _chosen(site: Site, asked: Asked, institution: str | None) -> list[Line]:
    lines = lines_of(asked, limits_of(site))
    return [line for line in lines if line.part is not Part.INSTITUTION or institution in (None, line.name)]


def _shown(site: Site, asked: Asked, lines: list[Line], institution: str | None, output: Output) -> Look:
    about, parts = {"site": site.site, "zone": site.timezone}, asked.parts.only(institution=institution or "")
    if output is Output.JSON:
        said = json.dumps(document(lines, parts=parts, now_ms=asked.at_ms, **about), ensure_ascii=False)
        return Look(said, said)
    return look_of(lines, parts=parts, now_ms=asked.at_ms, **about)
