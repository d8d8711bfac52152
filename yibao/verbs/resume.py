"""`yibao resume`: let go on what somebody paused, or the rows of a source that was stopped."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from connector.contract import CaptureSource
from connector.errors import Refused
from connector.findings import Severity
from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.topics.control import Control
from streams.topics.steering import Paused
from yibao import orders_beside, steering
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.captures.facts import resumed
from yibao.captures.from_site import chosen_sources, found_in_database
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.verbs.pause import InstitutionOption, ReasonOption, ServiceOption, SourceOption, StageOption, alike, whole


def resume(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="A source that its look-out stopped; a pause of it stays.", show_default=False),
    ] = None,
    *,
    config: ConfigOption = SITE,
    paused_source: SourceOption = None,
    institution: InstitutionOption = None,
    service: ServiceOption = None,
    stage: StageOption = None,
    why: ReasonOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Let go on what somebody paused (--source, --institution, --service, --stage); or, with SOURCE alone, let the rows of a source
    be placed again that was stopped because its database is no longer what its capture was applied against. These are two reasons
    to wait, and each is ended for itself.

    A pause: says so where nothing is paused, and writes nothing then.

    A stopped source: what stands in the database now counts from here on. Says whether it stood, and which tables must be read
    again. Does nothing while the database, as it is, stands against capture (exit code 1): mend that first, or the mapping.

    \b
    Examples:
      yibao resume --institution H36110200001 --why "the platform has its key"
      yibao resume --stage deliver --why "the platform is back"
      yibao resume his --why "moved to the new server on Sunday"
      yibao resume his --why "the publication was made again by mistake" -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    paused = (paused_source, institution, service, stage)
    if source is not None and any(one is not None for one in paused):
        raise Misconfigured(f"{source} is a source that was stopped, the options name what is paused: resume one after the other")
    if source is None:
        target = steering.target_of(site, source=paused_source, institution=institution, service=service, stage=stage)
        _resume_paused(site, target, config, why=why, output=output)
        return
    (captured,) = chosen_sources(site, source)
    demand_own_topics(site)
    _refuse_what_stands_against_it(captured)
    audited(site, "resume", why=why, facts={"source": source})
    with leaving(_left(config)):
        stood, control = resumed(site, captured, why=why.strip())
    _show(control, config, stood=stood, output=output)
    for one in steering.pauses_of(site) if output is Output.TABLE else ():
        if (one.of, one.name) == (Paused.SOURCE, source):
            typer.echo(f"  its rows wait nevertheless; {one.line}\n  yibao resume --source {source} --why …")


def _left(config: Path) -> str:
    return f"it may be written already; `yibao connector status -c {shlex.quote(str(config))}` shows it"


def _resume_paused(site: Site, target: steering.Target, config: Path, *, why: str, output: Output) -> None:
    with leaving(_left(config)):
        settled = steering.resume(site, target, why=why)
    ended = settled.before if settled is not None and settled.before is not None and settled.before.paused else None
    told = f"{target.of} {target.said}"
    if output is Output.JSON:
        beside = {} if settled is None else orders_beside.documents(settled, whole)
        about = {"of": target.of.value, "name": target.name, "was_paused": ended is not None, **beside}
        typer.echo(json.dumps(about, ensure_ascii=False))
    elif settled is None:
        typer.echo(f"{told}: is not paused, so nothing was written")
    else:
        typer.echo(f"{told}: goes on; {ended.line}" if ended is not None else f"{told}: goes on")
        for line in orders_beside.lines(settled, lambda one: one.line):
            typer.echo(line)
    if settled is not None:
        orders_beside.demand_effect(settled, alike)


def _refuse_what_stands_against_it(source: CaptureSource) -> None:
    against = [found for found in found_in_database(source) if found.severity is Severity.BLOCKS]
    if against:
        told = "\n".join(f"  {found.where} {found.what}\n      {found.mend}" for found in against)
        raise Refused(f"source {source.name} was not resumed, because its database stands against capture:\n{told}")


def _show(control: Control, config: Path, *, stood: bool, output: Output) -> None:
    if output is Output.JSON:
        shown = {"source": control.source, "stood": stood, "read_again": list(control.read_again)}
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    did_not = "it did not stand: its rows were placed all the while; what stands in the database now counts from here on"
    typer.echo(f"{control.source}: {'its rows are placed again' if stood else did_not}")
    for table in control.read_again:
        typer.echo(f"  read again: yibao resnapshot {table} --source {control.source} --wait -c {shlex.quote(str(config))}")
