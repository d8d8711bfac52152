"""`yibao connector`: the capture of a site's databases, from the files to a running connector."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypeAlias

import typer

from connector.connect import Connect
from connector.contract import CaptureSource
from connector.errors import Refused
from connector.orders import Wish
from connector.plan import Action
from streams.broker_wiring import broker_access
from streams.errors import YibaoError
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from streams.topics.shapes import TopicAction, compare, plan_topics
from yibao.audited import audited
from yibao.binding import demand_own_topics, refuse_other_site
from yibao.captures.asked import asked_brokers, asked_connect
from yibao.captures.facts import found_in_source, note_applied, note_to_read
from yibao.captures.from_site import (
    chosen_sources,
    found_by_connect,
    found_failed,
    found_in_plugin,
    reconciler,
    stands_against,
    topic_settings,
)
from yibao.captures.orders import look, obeyed, ordering, refuse_read_only
from yibao.captures.owed import found_owed
from yibao.captures.shown import Planned, show_plans, show_states
from yibao.captures.slots import found_in_use, slot_left
from yibao.interrupted import leaving
from yibao.monitored import seen
from yibao.options import SITE, ConfigOption, Output, OutputOption, SourceOption

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

SourceArgument: TypeAlias = Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the site.")]
PreflightOption: TypeAlias = Annotated[
    bool, typer.Option("--preflight/--no-preflight", help="Read the database's catalogue from this machine first.")
]


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
    refuse_read_only(site, "apply")
    refuse_other_site(site)  # first: what the database and Connect have against a copy would send a person the wrong way
    planned = [_planned(site, each, check=check) for each in sources]
    if any(each.blocked for each in planned):
        show_plans(planned, output=output)
        raise typer.Exit(1)
    _demand_topics(site, sources)
    changed = {before.plan.connector: before.plan.action.value for before in planned if before.plan.action is not Action.UNCHANGED}
    if changed:
        audited(site, "connector apply", facts={"connectors": changed, "accept_loss": accept_loss})
    with leaving(f"connectors that were created or changed stay and capture; {look(config)}, `apply` again does the rest"):
        for each, before in zip(sources, planned, strict=True):
            note_to_read(site, each, before.plan.read_again, why="yibao connector apply")
        plans = [reconciler(site).apply(each, accept_loss=accept_loss) for each in sources]
        for each in sources if check else ():
            note_applied(site, each)
    show_plans([replace(before, plan=plan) for before, plan in zip(planned, plans, strict=True)], output=output)


@app.command("status", short_help="Show how each capture stands, and whether its rows are placed.")
def status(config: ConfigOption = SITE, source: SourceOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show each connector's state and the age of its last heartbeat, whether the rows of its source are placed, how far behind each
    stage is, what its lanes do not get through, and what is paused. Exit code 1 when a capture does not run, is silent or stopped,
    when its database is not what its capture was applied against, when no worker takes part in a stage, when a lane is held, an
    institution set aside or something paused, and when an open dead letter will soon be dropped, each in words with what to do; 3
    when Connect does not answer.

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
    show_states(shown, lags, letters, pauses, heard=seen(site.workers.home), output=output)
    if away is not None:
        raise away
    if pauses or letters is not None or not all(each.is_well for each in shown) or not all(each.is_well for each in lags):
        raise typer.Exit(1)


@app.command("restart", short_help="Start what failed of a capture again, and wait until it runs.")
def restart(
    source: SourceArgument,
    config: ConfigOption = SITE,
    everything: Annotated[bool, typer.Option("--all", help="Restart what runs, too; without it only what failed.")] = False,
) -> None:
    """Start a failed connector and its failed tasks again, and wait until they run. Exit code 1 when they do not.

    \b
    Examples:
      yibao connector restart his
      yibao connector restart his --all        what runs, too
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with ordering(site, config, "restart", source):
        obeyed(site, source, lambda connect, name: connect.restart(name, only_failed=not everything), Wish.RUNNING)


@app.command("pause", short_help="Hold a capture, and wait until its tasks rest.")
def pause(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """Hold a capture, and wait until its tasks rest. The database keeps its log meanwhile.

    \b
    Examples:
      yibao connector pause his
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with ordering(site, config, "pause", source):
        obeyed(site, source, Connect.pause, Wish.PAUSED)


@app.command("resume", short_help="Go on after `pause` or `stop`, and wait until it runs.")
def resume(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """Go on after `pause` or `stop`, from the place that was reached, and wait until connector and tasks run. Exit code 1 when they
    do not.

    \b
    Examples:
      yibao connector resume his
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with ordering(site, config, "resume", source):
        obeyed(site, source, Connect.resume, Wish.RUNNING)


@app.command("stop", short_help="End a capture's tasks and its connection; the place is kept.")
def stop(source: SourceArgument, config: ConfigOption = SITE) -> None:
    """End a capture's tasks and its connection to the database, and wait until nobody reads its log there; the place is kept, and
    the database keeps its log. Exit code 1 when a task runs on, which Connect may not know of.

    \b
    Examples:
      yibao connector stop his -c site.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with ordering(site, config, "stop", source):
        obeyed(site, source, Connect.stop, Wish.STOPPED)


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
    with ordering(site, config, "delete", source):
        reconciler(site).delete(captured)
    typer.echo(f"deleted; {slot_left(site, captured)}")


@app.command("forget", short_help="Forget how far a capture was: it begins anew and reads every row.")
def forget(
    source: SourceArgument,
    config: ConfigOption = SITE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget how far a capture was: it begins anew, with the slot that is there or a new one, and reads every row. For a slot that
    was lost, and for another server under the same name, whose log has other places. What is known is not reported again. Rows
    that were deleted meanwhile no snapshot shows: all tables are owed (`yibao status`) until `resnapshot` has looked for those.

    \b
    Examples:
      yibao connector forget his
      yibao connector forget his --yes         in a script
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    (captured,) = chosen_sources(site, source)
    if not yes:
        typer.confirm(f"Forget how far {site.topics.connector(source)} was, and read every row of {source} again?", abort=True)
    with ordering(site, config, "forget", source):
        note_to_read(site, captured, [table.name for table in captured.tables], why="yibao connector forget")
        reconciler(site).forget(captured)
    typer.echo(
        f"forgotten; {source} begins anew and reads every row. All of its tables are owed until `resnapshot` has looked for "
        "rows that were deleted meanwhile: `yibao connector status` names the commands"
    )


def _planned(site: Site, source: CaptureSource, *, check: bool) -> Planned:
    """The database is asked first: what Connect would say of one that is not ready says less. Connect's plugin is looked at also
    where nothing would change: a capture that runs well on an old one loses rows at its next restart.
    """
    plan = reconciler(site).plan(source)
    findings = found_in_source(site, source) if check else ()
    findings += tuple(found_in_use(site, source, look=check and not stands_against(findings)))
    findings += found_in_plugin(site, source) + found_failed(site, source, plan) + tuple(found_owed(site, source))
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
