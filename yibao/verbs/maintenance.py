"""`yibao maintenance`: when the platform is maintained: nothing is posted then, and nobody is woken."""

import json
import shlex
from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.mapping import load_site
from yibao import steering
from yibao.binding import warn_of_other_site
from yibao.interrupted import leaving
from yibao.moments import moment_to_come
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.verbs.pause import ReasonOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
When the platform is maintained. In a window the deliver stage posts nothing, also not what is under way; nothing counts as an
outage, and no alarm is raised. What comes meanwhile waits, and is sent after it; for platform.maintenance.drain_s nobody is told
that it is old. Windows that come again stand in site.yaml (platform.maintenance); here one more is ordered, or one is ended.

\b
Examples:
  yibao maintenance set --from 2026-12-05T22:00 --until 2026-12-06T04:00 --why "the platform's notice of 1 December"
  yibao maintenance end --why "the platform is back early"
  yibao maintenance show
""",
)


@app.command("set", short_help="Order a window, in place of the one that was ordered before.")
def set_(
    *,
    config: ConfigOption = SITE,
    begins: Annotated[
        str, typer.Option("--from", metavar="WHEN", help="Its begin: 30m, 2h, or 2026-12-05T22:00. Default: now.")
    ] = "",
    ends: Annotated[str, typer.Option("--until", metavar="WHEN", help="Its end, the same way.")] = "",
    why: ReasonOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Order a window, in place of the one that was ordered before. All workers keep to it within seconds, also those that start
    later.

    It ends at --until, which is outside. One that touches or overlaps another is one with it. What waits must not wait for longer
    than the topics keep it (retention.ready_days).

    \b
    Examples:
      yibao maintenance set --until 3h --why "the platform's people called"
      yibao maintenance set --from 2026-12-05T22:00 --until 2026-12-06T04:00 --why "the platform's notice of 1 December"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    if not ends:
        raise Misconfigured("--until is needed: a window has an end; for an open end: yibao pause --stage deliver")
    site = load_site(config)
    first = moment_to_come("--from", begins, site) if begins else steering.now_at(site)
    last = moment_to_come("--until", ends, site)
    if last <= first:
        raise Misconfigured(f"--until {ends} is not after --from {begins}: a window ends after it begins")
    with leaving(f"it may be written already; `yibao maintenance show -c {shlex.quote(str(config))}` shows it"):
        order = steering.order_window(site, begins=first, ends=last, why=why)
    if output is Output.JSON:
        typer.echo(json.dumps(order.document, ensure_ascii=False))
        return
    typer.echo(f"the platform is maintained from {order.begins} until {order.ends}, by {order.by}: {order.why}")


@app.command("end", short_help="End the window that is open.")
def end(*, config: ConfigOption = SITE, why: ReasonOption = "", output: OutputOption = Output.TABLE) -> None:
    """End the window that is open, also one of site.yaml, which comes again at its next time. Says so where none is open, and
    writes nothing then.

    \b
    Examples:
      yibao maintenance end --why "the platform is back early"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    with leaving(f"it may be written already; `yibao maintenance show -c {shlex.quote(str(config))}` shows it"):
        ended = steering.close_window(site, why=why)
    if output is Output.JSON:
        typer.echo(json.dumps({"was_open": ended is not None}))
        return
    typer.echo("no window is open, so nothing was written" if ended is None else f"{ended.line}: it is over now")


@app.command("show", short_help="Show the window that is open, and those of the next week.")
def show(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """Show the window that is open, and those of the next week.

    \b
    Examples:
      yibao maintenance show
      yibao maintenance show -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    warn_of_other_site(site)
    now, windows = steering.maintenance_of(site), steering.windows_of(site)
    if output is Output.JSON:
        told = {"now": None if now is None else now.document, "windows": [_window(one.document) for one in windows]}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if now is not None:
        typer.echo(now.line)
    for one in windows:
        begins, ends = (moment.isoformat(timespec="minutes") for moment in (one.begins, one.ends))
        typer.echo(f"{begins} to {ends}  {one.by}{one.why and f': {one.why}'}")
    if not windows:
        typer.echo("no window is open, and none comes within a week")


def _window(document: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != "phase"}
