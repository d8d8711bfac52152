"""`yibao maintenance`: when the platform is maintained: nothing is posted then, and nobody is woken."""

import json
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.maintenance import Ordered
from yibao import orders_beside, steering
from yibao.binding import warn_of_other_site
from yibao.interrupted import leaving
from yibao.moments import moment_to_come, span
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.verbs.pause import ReasonOption

_LONG = timedelta(days=1)

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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask about a window of more than a day.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Order a window, in place of the one that was ordered before, which is told. All workers keep to it within seconds, also those
    that start later.

    It ends at --until, which is outside. One that touches or overlaps another is one with it. No alarm of the platform is raised in
    it, so one of more than a day is asked about. One that is longer than the topics keep what waits (retention.ready_days) is
    refused.

    \b
    Examples:
      yibao maintenance set --until 3h --why "the platform's people called"
      yibao maintenance set --from 2026-12-05T22:00 --until 2026-12-06T04:00 --why "the platform's notice of 1 December"
      yibao maintenance set --until 3d --why "they move to another building" --yes
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
    if last - first > _LONG and not yes:
        lasts = span((last - first).total_seconds())
        typer.confirm(f"Post nothing and raise no alarm of the platform for {lasts}?", abort=True, err=True)
    with leaving(f"it may be written already; `yibao maintenance show -c {shlex.quote(str(config))}` shows it"):
        settled = steering.order_window(site, begins=first, ends=last, why=why)
    order, last_one = settled.order, settled.before
    before = last_one if last_one is not None and last_one.stands(steering.now_at(site)) else None
    if output is Output.JSON:
        beside = orders_beside.documents(settled, lambda one: one.document)
        typer.echo(json.dumps({**order.document, "in_place_of": _ordered(before), **beside}, ensure_ascii=False))
    else:
        typer.echo(f"the platform is maintained from {order.begins} until {order.ends}, by {order.by}: {order.why}")
        if before is not None:
            typer.echo(f"  in place of: {before.line}")
        for line in orders_beside.lines(settled, lambda one: one.line):
            typer.echo(line)
    orders_beside.demand_effect(settled, _alike)


def _alike(one: Ordered, other: Ordered) -> bool:
    return (one.open, one.begins, one.ends) == (other.open, other.begins, other.ends)


def _ordered(order: Ordered | None) -> dict[str, object] | None:
    return None if order is None else order.document


@app.command("end", short_help="End the window that is open, or take back the one that was ordered for later.")
def end(*, config: ConfigOption = SITE, why: ReasonOption = "", output: OutputOption = Output.TABLE) -> None:
    """End the window that is open, also one of site.yaml, which comes again at its next time. Where none is open, take back the one
    that was ordered for later. Where there is neither, that is said, and nothing is written. An order takes the place of the one
    before: where one is open and another was ordered for later, both end, and what to write to have the other again is told.

    \b
    Examples:
      yibao maintenance end --why "the platform is back early"
      yibao maintenance end --why "they called it off"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    with leaving(f"it may be written already; `yibao maintenance show -c {shlex.quote(str(config))}` shows it"):
        ended = steering.close_window(site, why=why)
    settled = ended.settled
    if output is Output.JSON:
        beside = {} if settled is None else orders_beside.documents(settled, lambda one: one.document)
        about = {"was_open": ended.window is not None, "taken_back": _ordered(ended.taken_back), **beside}
        typer.echo(json.dumps(about, ensure_ascii=False))
    else:
        for line in _ends(ended):
            typer.echo(line)
    if settled is not None:
        orders_beside.demand_effect(settled, _alike)


def _ends(ended: steering.Closed) -> Iterator[str]:
    if ended.settled is None:
        yield "no window is open, and none is ordered for later, so nothing was written"
        return
    if ended.window is not None:
        yield f"{ended.window.line}: it is over now"
    if (later := ended.taken_back) is not None:
        yield f"{later.line}: taken back, before it began"
        if ended.window is not None:
            yield f"  to have it again: yibao maintenance set --from {later.begins} --until {later.ends} --why …"
    yield from orders_beside.lines(ended.settled, lambda one: one.line)


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
