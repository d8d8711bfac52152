"""`yibao join`: what waits there, and for what."""

from dataclasses import replace
from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.explain.pending import Wanted, pending
from streams.mapping import load_site
from yibao import pending_shown
from yibao.binding import warn_of_other_site
from yibao.explaining import keys_of, logs_of
from yibao.letters.asked import progress
from yibao.letters.shown import print_json
from yibao.options import SITE, ConfigOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
What waits in the join. Nothing personal is shown: of keys what may be seen.

\b
Examples:
  yibao join pending                        counts by what is waited for, and what waits longest
  yibao join pending --kind settlement --limit 20
  yibao join pending --institution H36110200001 -o json
""",
)


@app.callback()
def _join() -> None:
    """Keeps the word `pending` necessary while there is no other one."""


@app.command("pending", short_help="Show what waits for what, oldest first.")
def show_pending(
    *,
    config: ConfigOption = SITE,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only of this source.")] = "",
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="Only of this institution.")] = "",
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="Only what waits for this, as the counts name it.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="List at most so many, those that wait longest first.")] = 50,
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading the topic after so long.")] = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what waits in the join, and for what: a visit, a settlement, the line that a refund takes back, a row of a lookup, a
    parent that was refused. Counted are all rows; listed are those that wait longest. What waits without a time (`until` is `-`)
    goes with what it waits for. Rows that wait for their header are in the place stage, and are not here; what waits for the
    platform is counted by `yibao lag`.

    \b
    Examples:
      yibao join pending
      yibao join pending --kind 'lookup item'
      yibao join pending --source his --limit 0 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    if source and source not in site.sources:
        raise Misconfigured(f"--source {source}: the site has {', '.join(site.sources)}")
    if institution and institution not in {one.code for one in site.institutions}:
        raise Misconfigured(f"--institution {institution}: no institution of the site has this code")
    with progress("reading the join's state") as told:
        logs = replace(logs_of(site, deadline_s=deadline), on_progress=lambda _topic: told)
        found = pending(logs, keys_of(site, clear=False), Wanted(source, institution, kind), most=limit)
    warn_of_other_site(site)
    if output is Output.JSON:
        print_json(pending_shown.document(found))
    else:
        pending_shown.show(found, site)
