"""`yibao join`: what waits there, and for what; to let it wait no longer; which settlements do not add up; and what no other set of
topics remembers.
"""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from streams.broker_wiring import client_options
from streams.domain.changes import Incoming
from streams.domain.validate.judge import SUMS
from streams.errors import Misconfigured, Refused
from streams.explain.handover import Reported, left_with
from streams.explain.pending import Wanted, pending
from streams.explain.releasable import Chosen, Releasable, releasable, standing
from streams.explain.remembered import differing
from streams.explain.sums import WantedSums, differing_sums
from streams.lanes.kafka_broker import incoming
from streams.mapping import Site, compile_site, load_site
from streams.replay.pace import pace_of
from streams.topics.whole import read_whole
from yibao import compared_shown, pending_shown, sums_shown
from yibao.audited import audited, concealed
from yibao.binding import demand_own_topics, warn_of_other_site
from yibao.captures.from_site import chosen_sources
from yibao.explaining import keys_of, logs_of
from yibao.institutions import demand_institution
from yibao.interrupted import leaving
from yibao.letters.asked import progress
from yibao.letters.shown import print_json
from yibao.moments import since
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option
from yibao.releasing import AGAIN, Releasing
from yibao.unjudged import unjudged
from yibao.waits_named import demand_kind

app = typer.Typer(
    no_args_is_help=True,
    help="""\
What waits in the join, and an end to it; which settlements do not add up; what it alone remembers. Nothing personal is shown: of
keys what may be seen.

\b
Examples:
  yibao join pending                        counts by what is waited for, and what waits longest
  yibao join pending --kind settlement --limit 20
  yibao join pending --institution H36110200001 -o json
  yibao join release --kind settlement --began-before 7d --dry-run
  yibao join sums                           settlements whose lines do not add up (R2)
  yibao join compare --with new.yaml -c old.yaml
""",
)


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
    site = _site_with(config, source, institution, kind)
    with progress("reading the join's state") as told:
        logs = replace(logs_of(site, deadline_s=deadline), on_progress=lambda _topic: told)
        found = pending(logs, keys_of(site, clear=False), Wanted(source, institution, kind), most=limit)
    demand_kind(site, kind, waits=[one.kind for one in found.kinds])
    warn_of_other_site(site)
    if output is Output.JSON:
        print_json(pending_shown.document(found))
    else:
        pending_shown.show(found, site)


@app.command("sums", short_help="List the settlements whose lines do not add up (rule R2).")
def show_sums(
    *,
    config: ConfigOption = SITE,
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only of this source.")] = "",
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="Only of this institution.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="List at most so many, the largest differences first.")] = 50,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show a person's keys, too. It is noted who did, and why.")] = False,
    reason: Annotated[str, why_option("Why; needed with --unmask.")] = "",
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading the topic after so long.")] = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the settlements whose lines add up to something else than they say (rule R2), and still did so after
    `rule_options.lines_within_s`: what the lines add up to, what the settlement says, and since when it is so. Both went to the
    platform as the hospital has them: the rule only warns. Of one settlement `yibao explain` says the same. The counts are of all
    of a source, whatever institution is asked for.

    \b
    Examples:
      yibao join sums
      yibao join sums --source his --institution H36110200001 --limit 500
      yibao join sums -o json
      yibao join sums --unmask --reason "the ward is to mend its bills"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if unmask and not reason.strip():
        raise Misconfigured("--unmask needs --reason: it is noted who saw what is personal, and why")
    site = _site_with(config, source, institution, "")
    _tell_unjudged(site, source)
    if unmask:
        demand_own_topics(site)
        audited(site, "join sums --unmask", why=reason, facts={"source": source, "institution": institution})
    with progress("reading the join's state") as told:
        logs = replace(logs_of(site, deadline_s=deadline), on_progress=lambda _topic: told)
        counts = {name: count for name, count in logs.state(differing).items() if source in ("", name)}
        found = differing_sums(logs, keys_of(site, clear=unmask), WantedSums(source, institution))
        listed = list(islice(found, limit))
    warn_of_other_site(site)
    if output is Output.JSON:
        print_json(sums_shown.document(listed, counts))
    else:
        sums_shown.show(listed, counts, site)


@app.command("compare", short_help="What only these topics remember as reported.")
def compare(
    *,
    config: ConfigOption = SITE,
    other: Annotated[Path, typer.Option("--with", metavar="FILE", help="The site file of the topics that are to take over.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="List at most so many.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show which records these topics remember as reported and those of another site file do not. Only who remembers a record tells
    a person that its row went (WITHDRAWN): while one is left, the capture of these topics must go on, and the exit code is 1.

    Both are read whole, as they are now: look when place and join of both have nothing waiting (`yibao lag`).

    \b
    Examples:
      yibao join compare --with new.yaml -c old.yaml
      yibao join compare --with new.yaml -c old.yaml --limit 0 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site, heir = load_site(config), load_site(other)
    if site.topics.state == heir.topics.state and site.kafka.bootstrap_servers == heir.kafka.bootstrap_servers:
        raise Misconfigured(f"{other} names the same topics as {config}: another kafka.topic_prefix makes another set of topics")
    for one in (site, heir):
        warn_of_other_site(one)
    reported = Reported(_state_of(heir, other))
    found, keys = left_with(_state_of(site, config), reported), keys_of(site, clear=False)
    if output is Output.JSON:
        print_json(compared_shown.document(found, keys, most=limit))
    elif found:
        compared_shown.show(found, keys, most=limit)
    else:
        typer.echo(f"nothing is left: {other} remembers each record that was reported and whose row stands")
    if found:
        raise typer.Exit(1)


def _state_of(site: Site, file: Path) -> Iterator[Incoming]:
    """All that the join of a site remembers."""
    with progress(f"reading the join's state of {file.name}") as told:
        for message in read_whole(client_options(site), site.topics.state, on_progress=told):
            yield incoming(message)


@app.command("release", short_help="Let rows wait no longer: their letters come now.")
def release(
    *,
    config: ConfigOption = SITE,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="What waits for this, as `join pending` names it.")] = "",
    visit: Annotated[str, typer.Option("--visit", metavar="KEY", help="What waits in this visit.")] = "",
    row: Annotated[str, typer.Option("--row", metavar="KEY", help="Only the row with this key in its table.")] = "",
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only of this source.")] = "",
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="Only of this institution.")] = "",
    began_before: Annotated[
        str, typer.Option("--began-before", metavar="WHEN", help="Only what waits for so long: 12h, 7d, or since 2026-11-01T06:00.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be ended; order nothing.")] = False,
    why: Annotated[str, why_option("Kept in the audit log; needed to order it.")] = "",
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Wait for the stages for so long.")] = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let rows wait no longer for a part that does not come: each gets the letter now that it would get when its time is over, and
    what belongs to it waits for that letter. Nothing is sent by it. What was missed may still come: then it goes, and the letter is
    closed.

    It ends waits for a visit, a settlement, a row of a lookup, the line that a refund takes back, and for a person to say which of
    several is meant. What waits for another row that waits itself (`unreported`), for a refused one, for another lane or for the
    end of a transaction goes with that, and is not ended by itself.

    \b
    Examples:
      yibao join release --kind settlement --began-before 7d --dry-run
      yibao join release --kind 'lookup item' --why "the vendor deleted these items"
      yibao join release --visit MZ20240501-0001 --why "registered twice, the ward says"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not (kind or visit):
        raise Misconfigured("--kind or --visit is needed: `yibao join pending` shows what waits")
    if not dry_run and not why.strip():
        raise Misconfigured("--why is needed: it is kept in the audit log, for whoever asks later; --dry-run only shows")
    site, run = _site_with(config, source, institution, kind), secrets.token_hex(4)
    demand_own_topics(site)
    chosen = Chosen(kind, source, institution, visit, row)
    if began_before:
        chosen = chosen._replace(before=since(began_before, site, option="--began-before"))
    with progress("reading the join's state") as told:
        logs = replace(logs_of(site, deadline_s=deadline), on_progress=lambda _topic: told)
        found = releasable(logs, keys_of(site, clear=False), compile_site(site), chosen, plan=run)
    demand_kind(site, kind, waits=[*found.left, *(of for of, _institution in found.counts)])
    if output is Output.TABLE:
        pending_shown.show_releasable(found)
    still = 0
    if found.orders and not dry_run:
        of = {"kind": kind, "source": source, "institution": institution, "visit": concealed(visit), "row": concealed(row)}
        audited(site, "join release", why=why, facts={"run": run, **of, "orders": len(found.orders)})
        with leaving(AGAIN):
            Releasing(site=site, pace=pace_of(site), say=partial(typer.echo, err=True), deadline_s=deadline).run(found.orders)
        still = standing(logs, found.orders)
    _tell_released(found, run, still=still, dry_run=dry_run, output=output)


def _tell_released(found: Releasable, run: str, *, still: int, dry_run: bool, output: Output) -> None:
    """What was done. Exit code 1 where something was ordered and waits on."""
    ordered = 0 if dry_run else len(found.orders)
    if output is Output.JSON:
        print_json({**pending_shown.releasable_document(found), "run": run if ordered else "", "ordered": ordered, "still": still})
    elif ordered:
        typer.echo(f"run {run}: {ordered} waits were ended: yibao dlq list since:5m")
    elif not found.orders:
        typer.echo("nothing was ordered: nothing waits that a person may end")
    if still:
        raise Refused(f"{still} of {ordered} wait on: {AGAIN}")


def _tell_unjudged(site: Site, source: str) -> None:
    """Raises Misconfigured where the rule is off: what is counted no more is not shown as if it were."""
    if site.rules.get(SUMS) == "off":
        raise Misconfigured(f"rule {SUMS} is switched off in site.yaml (`rules: {{{SUMS}: off}}`): nothing is added up")
    for name, rule, why in unjudged(site):
        if rule == SUMS and source in ("", name):
            typer.echo(f"{name}: nothing is added up; {why}", err=True)


def _site_with(config: Path, source: str, institution: str, kind: str) -> Site:
    """The site. Raises Misconfigured where it has not what was asked for."""
    site = load_site(config)
    chosen_sources(site, source or None)
    demand_institution(site, institution)
    demand_kind(site, kind)
    return site
