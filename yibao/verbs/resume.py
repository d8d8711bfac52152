"""`yibao resume`: let the rows of a source that was stopped be placed again."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from connector.contract import CaptureSource
from connector.errors import Refused
from connector.findings import Severity
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.control import Control
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.capture import chosen_sources, found_in_database
from yibao.facts import resumed
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption


def resume(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the site.")],
    *,
    config: ConfigOption = SITE,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept with the order, for whoever asks later.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Let the rows of a source be placed again that was stopped because its database is no longer what its capture was applied
    against. What stands in the database now counts from here on. Says whether it stood, and which tables must be read again.

    Does nothing while the database, as it is, stands against capture (exit code 1): mend that first, or the mapping.

    \b
    Examples:
      yibao resume his --why "moved to the new server on Sunday"
      yibao resume his --why "the publication was made again by mistake" -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    (captured,) = chosen_sources(site, source)
    demand_own_topics(site)
    _refuse_what_stands_against_it(captured)
    audited(site, "resume", why=why, facts={"source": source})
    with leaving(f"it may be written already; `yibao connector status -c {shlex.quote(str(config))}` shows it"):
        stood, control = resumed(site, captured, why=why.strip())
    _show(control, config, stood=stood, output=output)


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
