"""`yibao connector`: the capture of a site's databases, from the files to a running connector."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from connector.contract import CaptureSource
from connector.errors import Refused
from connector.plan import Action
from streams.errors import YibaoError
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from streams.topics.shapes import TopicAction, compare, plan_topics
from streams.wiring import broker_access
from yibao.audited import audited, audited_where_possible
from yibao.binding import demand_own_topics, refuse_other_site
from yibao.capture import (
    chosen_sources,
    connect_client,
    connect_settings,
    found_by_connect,
    found_failed,
    found_in_plugin,
    reconciler,
    stands_against,
    topic_settings,
)
from yibao.captures_asked import asked_brokers, asked_connect
from yibao.captures_shown import Planned, show_plans, show_states
from yibao.facts import found_in_source, note_applied, note_to_read
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.slots import found_in_use, slot_left

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Plan, apply and watch the capture of a site's databases.

\b
Examples:
  yibao connector plan                      what would change; what the database lacks, with the SQL that mends it
  yibao connector apply                     check the database, start or change the captures, wait until they run
  yibao connector status                    state and age of the last heartbeat; exit 1 when one is down or silent
  yibao connector restart his               start the failed tasks of source `his` again
  yibao connector stop his                  end its connection, keep its place (the database keeps its log meanwhile)
""",
)

SourceOption: TypeAlias = Annotated[
    str | None, typer.Option("--source", "-s", metavar="NAME", help="Only this source of the site; all of them without it.")
]
SourceArgument: TypeAlias = Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the site.")]
PreflightOption: TypeAlias = Annotated[
    bool, typer.Option("--preflight/--no-preflight", help="Read the database's catalogue from this machine first.")
]

_LATE_BEATS = 6
"""Heartbeats that may fail to come before a source counts as silent."""


@app.command("plan", short_help="Show what `apply` would change and what stands against it; nothing is touched.")
def plan(
    config: ConfigOption = SITE, source: SourceOption = None, check: PreflightOption = True, output: OutputOption = Output.TABLE
) -> None:
    """Show what `connector apply` would change and what stands against it; nothing is touched. Exit code 1 when something does.

    \b
    Examples:
      yibao connector plan -c site.yaml
      yibao connector plan --source his -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    planned = [_planned(site, each, check=check) for each in chosen_sources(site, source)]
    show_plans(planned, output=output)
    if any(each.blocked for each in planned):
        raise typer.Exit(1)


@app.command("apply", short_help="Check the databases, create or change the captures, wait until they run.")
def apply(
    config: ConfigOption = SITE,
    source: SourceOption = None,
    check: PreflightOption = True,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Change it even where that loses a position or an order.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check the database, create or change the connectors, wait until they run. Exit code 1 when something stands against it.

    \b
    Examples:
      yibao connector apply -c site.yaml
      yibao connector apply --source his --no-preflight     where only Connect reaches the database
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    sources = chosen_sources(site, source)
    refuse_other_site(site)  # first: what the database and Connect have against a copy would send a person the wrong way
    planned = [_planned(site, each, check=check) for each in sources]
    if any(each.blocked for each in planned):
        show_plans(planned, output=output)
        raise typer.Exit(1)
    _demand_topics(site, sources)
    changed = {before.plan.connector: before.plan.action.value for before in planned if before.plan.action is not Action.UNCHANGED}
    if changed:
        audited(site, "connector apply", facts={"connectors": changed, "accept_loss": accept_loss})
    with leaving(f"connectors that were created or changed stay and capture; {_look(config)}, `apply` again does the rest"):
        for each, before in zip(sources, planned, strict=True):
            note_to_read(site, each, before.plan.read_again)
        plans = [reconciler(site).apply(each, accept_loss=accept_loss) for each in sources]
        for each in sources if check else ():
            note_applied(site, each)
    show_plans([replace(before, plan=plan) for before, plan in zip(planned, plans, strict=True)], output=output)


@app.command("status", short_help="Show how each capture stands, and whether its rows are placed.")
def status(config: ConfigOption = SITE, source: SourceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show each connector's state and the age of its last heartbeat, whether the rows of its source are placed, how far behind each
    stage is, what its lanes do not get through, and what is paused. Exit code 1 when a capture does not run, is silent or stopped,
    when its database is not what its capture was applied against, when no worker takes part in a stage, when a lane is held, an
    institution set aside or something paused, and when an open dead letter will soon be dropped; 3 when Connect does not answer.

    A connector that lost its database still says RUNNING: only the heartbeat tells.

    \b
    Examples:
      yibao connector status -c site.yaml
      yibao connector status --source his -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    sources = chosen_sources(site, source)
    states, away = asked_connect(site, sources)
    try:
        shown, lags, letters, pauses = asked_brokers(site, sources, states)
    except YibaoError as exc:
        raise (away or exc) from exc
    show_states(shown, lags, letters, pauses, output=output)
    if away is not None:
        raise away
    silent_s = _LATE_BEATS * connect_settings(site).heartbeat_interval_ms / 1000
    if not all(each.status is not None and each.status.running and _alive(each.heartbeat_age_s, silent_s) for each in shown):
        raise typer.Exit(1)
    if pauses or letters is not None or not all(each.stand.is_well for each in shown) or not all(each.is_well for each in lags):
        raise typer.Exit(1)


@app.command("restart")
def restart(
    source: SourceArgument,
    config: ConfigOption = SITE,
    everything: Annotated[bool, typer.Option("--all", help="Restart what runs, too; without it only what failed.")] = False,
) -> None:
    """Start a failed connector and its failed tasks again.

    \b
    Examples:
      yibao connector restart his
      yibao connector restart his --all        what runs, too
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with _ordering(site, config, "restart", source):
        connect_client(site).restart(_connector(site, source), only_failed=not everything)


@app.command("pause")
def pause(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """Hold a capture. The database keeps its log meanwhile.

    \b
    Examples:
      yibao connector pause his
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with _ordering(site, config, "pause", source):
        connect_client(site).pause(_connector(site, source))


@app.command("resume")
def resume(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """Go on after `pause` or `stop`, from the place that was reached.

    \b
    Examples:
      yibao connector resume his
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with _ordering(site, config, "resume", source):
        connect_client(site).resume(_connector(site, source))


@app.command("stop", short_help="End a capture's tasks and its connection; the place is kept.")
def stop(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """End a capture's tasks and its connection to the database; the place is kept, and the database keeps its log.

    \b
    Examples:
      yibao connector stop his -c site.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with _ordering(site, config, "stop", source):
        connect_client(site).stop(_connector(site, source))


@app.command("delete")
def delete(
    source: SourceArgument,
    config: ConfigOption = SITE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a connector. Its slot stays in the database, which keeps its log until an administrator drops it; told is whether
    another capture reads with it.

    \b
    Examples:
      yibao connector delete his
      yibao connector delete his --yes         in a script
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    (captured,) = chosen_sources(site, source)
    if not yes:
        typer.confirm(f"Delete connector {site.topics.connector(source)}?", abort=True)
    with _ordering(site, config, "delete", source):
        reconciler(site).delete(captured)
    typer.echo(f"deleted; {slot_left(site, captured)}")


@app.command("forget", short_help="Forget how far a capture was: it begins anew and reads every row.")
def forget(
    source: SourceArgument,
    config: ConfigOption = SITE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget how far a capture was: it begins anew, with the slot that is there or a new one, and reads every row. For a slot that
    was lost, and for another server under the same name, whose log has other places. What is known is not reported again.

    \b
    Examples:
      yibao connector forget his
      yibao connector forget his --yes         in a script
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    (captured,) = chosen_sources(site, source)
    if not yes:
        typer.confirm(f"Forget how far {site.topics.connector(source)} was, and read every row of {source} again?", abort=True)
    with _ordering(site, config, "forget", source):
        reconciler(site).forget(captured)


@contextmanager
def _ordering(site: Site, config: Path, order: str, source: str) -> Iterator[None]:
    """One order to Connect: whoever interrupts it does not know whether it was taken. Raises Misconfigured for another site's."""
    refuse_other_site(site)
    left = f"Connect may have taken the order already; {_look(config)}"
    with audited_where_possible(site, f"connector {order}", facts={"source": source}), leaving(left):
        yield


def _look(config: Path) -> str:
    return f"`yibao connector status -c {shlex.quote(str(config))}` shows how each stands"


def _connector(site: Site, source: str) -> str:
    (chosen,) = chosen_sources(site, source)
    return site.topics.connector(chosen.name)


def _planned(site: Site, source: CaptureSource, *, check: bool) -> Planned:
    """The database is asked first: what Connect would say of one that is not ready says less. Connect's plugin is looked at also
    where nothing would change: a capture that runs well on an old one loses rows at its next restart.
    """
    plan = reconciler(site).plan(source)
    findings = found_in_source(site, source) if check else ()
    findings += tuple(found_in_use(site, source, look=check and not stands_against(findings)))
    findings += found_in_plugin(site, source) + found_failed(site, source, plan)
    if plan.action is not Action.UNCHANGED and not stands_against(findings):
        findings += found_by_connect(site, source)
    return Planned(plan=plan, findings=findings)


def _demand_topics(site: Site, sources: Sequence[CaptureSource]) -> None:
    specs = plan_topics(site.topics, sources, topic_settings(site))
    with Broker(broker_access(site)) as broker:
        plans = compare(specs, broker.topics([spec.name for spec in specs]))
    bad = [topic.spec.name for topic in plans if topic.action not in (TopicAction.UNCHANGED, TopicAction.DRIFTED)]
    if bad:
        raise Refused(
            f"capture was not started, because topics are missing or cannot be used: {', '.join(bad)}; run `yibao topics apply` "
            "first, for a record of a missing topic blocks a connector in silence",
        )
    demand_own_topics(site)


def _alive(age_s: float | None, silent_s: float) -> bool:
    return age_s is not None and age_s <= silent_s
