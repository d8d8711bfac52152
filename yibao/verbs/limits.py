"""`yibao limits`: how much goes to the platform, from all workers together, while they run."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.topics.steering import LIMITS, LimitOrder
from yibao import orders_beside, steering, tables
from yibao.binding import warn_of_other_site
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.verbs.pause import InstitutionOption, ReasonOption

_HEAD: Final = ("OF", "WHOSE", "IN FLIGHT", "REQUESTS/S", "RECORDS/S", "since", "by", "why")

app = typer.Typer(
    no_args_is_help=True,
    help="""\
How much goes to the platform, from all workers of the deliver stage together. They keep to a new limit within seconds, without a
restart. Where nothing is set here, `platform.in_flight` and `platform.rate_per_s` of site.yaml hold, for each worker.

\b
Examples:
  yibao limits set --requests-per-s 20 --why "the platform asked for it"
  yibao limits set --institution H36110200001 --records-per-s 50 --in-flight 1 --why "first load"
  yibao limits show
  yibao limits clear --institution H36110200001 --why "first load is over"
""",
)


@app.command("set", short_help="Set limits of the site, or of one institution beside those.")
def set_(
    *,
    config: ConfigOption = SITE,
    institution: InstitutionOption = None,
    requests_per_s: Annotated[float | None, typer.Option("--requests-per-s", min=0.001, help="Most requests a second.")] = None,
    records_per_s: Annotated[float | None, typer.Option("--records-per-s", min=0.001, help="Most records a second.")] = None,
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", min=1, help="Most requests under way at once; one a worker at least.")
    ] = None,
    why: ReasonOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Set limits of the site, or of one institution beside those. What is not named stays as it is.

    Each worker keeps to the share of the partitions that it works on: a limit is reached only where all partitions have records.

    \b
    Examples:
      yibao limits set --requests-per-s 20 --in-flight 6 --why "the platform asked for it"
      yibao limits set --institution H36110200001 --records-per-s 50 --why "first load"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if requests_per_s is records_per_s is in_flight is None:
        raise Misconfigured("name a limit: --requests-per-s, --records-per-s or --in-flight")

    named = {"requests_per_s": requests_per_s, "records_per_s": records_per_s, "in_flight": in_flight}
    changes = {name: value for name, value in named.items() if value is not None}
    _order(config, institution, changes, "limits set", why=why, output=output)


@app.command("clear", short_help="Take limits back that were set.")
def clear(
    *,
    config: ConfigOption = SITE,
    institution: InstitutionOption = None,
    why: ReasonOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Take back the limits that were set for the site, or for one institution: site.yaml holds again.

    \b
    Examples:
      yibao limits clear --why "the platform takes more now"
      yibao limits clear --institution H36110200001 --why "first load is over"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    _order(config, institution, dict.fromkeys(LIMITS), "limits clear", why=why, output=output)


@app.command("show", short_help="Show the limits in force.")
def show(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """Show the limits in force: what site.yaml says for each worker, and what was set for all of them together.

    \b
    Examples:
      yibao limits show
      yibao limits show -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    warn_of_other_site(site)
    orders = [order for _name, order in sorted(steering.orders_of(site).limits.items()) if order.limits]
    platform = site.platform
    if output is Output.JSON:
        each = {
            "in_flight": platform.in_flight.total,
            "in_flight_per_institution": platform.in_flight.per_institution,
            "requests_per_s": platform.rate_per_s,
        }
        typer.echo(json.dumps({"each_worker": each, "all_workers": [one.document for one in orders]}, ensure_ascii=False, indent=2))
        return
    in_flight = platform.in_flight
    rows = [
        ("each worker", "all", f"{in_flight.total}", _said(platform.rate_per_s), "-", "", "site.yaml", ""),
        ("each worker", "one institution", f"{in_flight.per_institution}", "-", "-", "", "site.yaml", ""),
    ]
    for one in orders:
        limits = _said(one.in_flight), _said(one.requests_per_s), _said(one.records_per_s)
        rows.append(("all workers", one.institution or "all", *limits, one.at, one.by, one.why))
    tables.show(_HEAD, rows, right=_HEAD[2:5])


def _said(limit: float | None) -> str:
    return "-" if limit is None else f"{limit:g}"


def _order(
    config: Path,
    institution: str | None,
    changes: Mapping[str, float | None],
    action: str,
    *,
    why: str,
    output: Output,
) -> None:
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the order, for whoever asks later")
    site = load_site(config)
    with leaving(f"it may be written already; `yibao limits show -c {shlex.quote(str(config))}` shows it"):
        settled = steering.limit(site, institution or "", changes, action=action, why=why)
    order = settled.order
    if output is Output.JSON:
        beside = orders_beside.documents(settled, lambda one: one.document)
        typer.echo(json.dumps({**order.document, **beside}, ensure_ascii=False))
        return
    typer.echo(_line(order))
    for line in orders_beside.lines(settled, lambda one: f"{_line(one)}, by {one.by}: {one.why}"):
        typer.echo(line)


def _line(order: LimitOrder) -> str:
    limits = [
        f"{_said(value)} {unit}"
        for value, unit in (
            (order.in_flight, "requests under way"),
            (order.requests_per_s, "requests a second"),
            (order.records_per_s, "records a second"),
        )
        if value is not None
    ]
    held = f"at most {', '.join(limits)}, of all workers together" if limits else "as site.yaml says, for each worker"
    return f"{order.institution or 'the site'}: {held}"
