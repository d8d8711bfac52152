"""`yibao topics`: create what capture and the stages write to, bind it to the site, and commit the first offset of each stage."""

import json
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from streams.broker_wiring import broker_access
from streams.errors import Refused
from streams.lanes.marks import first_marks
from streams.mapping import Site, load_site
from streams.topics.broker import Broker
from streams.topics.internal import internal_notes
from streams.topics.offsets import OffsetPlan
from streams.topics.rebinding import BindingPlan, Consent
from streams.topics.shapes import TopicAction, TopicPlan
from streams.topics.stages import stages
from yibao import tables
from yibao.audited import audited
from yibao.binding import bind, binding_document, binding_lines, planned_binding
from yibao.interrupted import leaving
from yibao.letters.kept import planned_topics
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Plan and create the topics of a site, bind them to it, and write the first committed offsets of all stages.

What is bound is the site's name, prefix, platform, databases and institutions. A worker with another file is refused (exit code
78): a copy with another platform address would report real records there.

\b
Examples:
  yibao topics plan -c site.yaml            what is missing, what has another shape; touches nothing
  yibao topics apply -c site.yaml           create what is missing; harmless to repeat
  yibao topics apply --rebind platform --why "moved to the new data centre"
""",
)


_ASKED_FOR_NOTHING = Consent()
_DONE = {TopicAction.CREATE: "created", TopicAction.RESHAPE: "reshaped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What has to be done, or was done."""

    topics: tuple[TopicPlan, ...]
    binding: BindingPlan
    offsets: OffsetPlan
    internal: tuple[str, ...] = ()
    """What a person should know of the topics of brokers and Connect."""

    @property
    def refused(self) -> bool:
        """Whether `apply` would do nothing."""
        conflict = any(topic.action is TopicAction.CONFLICT for topic in self.topics)
        return conflict or bool(self.binding.refusal or self.offsets.refusals)


@app.command("plan")
def plan(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """Show what `topics apply` would do; nothing is touched. Exit code 1 when it would refuse.

    \b
    Examples:
      yibao topics plan -c site.yaml
      yibao topics plan -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    with Broker(broker_access(site)) as broker:
        topics = planned_topics(site, broker)
        binding = planned_binding(site, broker, topics, consent=_ASKED_FOR_NOTHING)
        brokers, found = broker.internal(prefix=site.topics.prefix)
        servers = site.kafka.bootstrap_servers
        internal = internal_notes(found, brokers=brokers, copies=site.kafka.replication_factor, servers=servers)
        planned = Planned(topics=topics, binding=binding, offsets=_first_offsets(site, broker), internal=internal)
    _show(planned, output=output, done=False)
    if planned.refused:
        raise typer.Exit(1)


@app.command("apply", short_help="Create what is missing, bind it to the site, write each stage's first offset, once.")
def apply(
    config: ConfigOption = SITE,
    rebind: Annotated[
        list[str] | None,
        typer.Option(
            "--rebind",
            metavar="PART",
            help="It has changed: site, platform, sources.NAME, institutions.NAME. All workers must be stopped.",
        ),
    ] = None,
    bind_unbound: Annotated[
        bool, typer.Option("--bind", help="Bind topics that an earlier version has worked in. All workers must be stopped.")
    ] = False,
    report_again: Annotated[
        bool,
        typer.Option(
            "--report-everything-again",
            help="What a source holds is reported once more: it came for one that went, or another site reports it, too.",
        ),
    ] = False,
    why: Annotated[str, why_option("Kept with the binding; --rebind needs it.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Create the topics that are missing, bind them to the site, commit each stage's first offset, once. What exists stays.

    \b
    Examples:
      yibao topics apply -c site.yaml
      yibao topics apply --bind                 once, after an upgrade from a version that bound nothing
      yibao topics apply --rebind platform --why "moved to the new data centre"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    look = f"yibao topics plan -c {shlex.quote(str(config))}"
    left = f"topics that were created stay; `{look}` shows what is missing, `apply` again creates the rest"
    with leaving(left), Broker(broker_access(site)) as broker:
        consent = Consent(bind=bind_unbound, rebind=tuple(rebind or ()), report_again=report_again, why=why)
        done = create_topics(site, broker, consent=consent)
    _show(done, output=output, done=True)


def create_topics(site: Site, broker: Broker, *, consent: Consent = _ASKED_FOR_NOTHING) -> Planned:
    """Bind the topics, create what is missing and commit the first offsets. Raises Refused before it touches anything that has
    another shape, Misconfigured before it touches another site's.
    """
    topics = planned_topics(site, broker)
    if conflicts := [topic for topic in topics if topic.action is TopicAction.CONFLICT]:
        told = "\n".join(f"  {topic.spec.name} {'; '.join(topic.differences)}" for topic in conflicts)
        raise Refused(f"nothing was created, because topics are there that cannot be used:\n{told}")
    binding = planned_binding(site, broker, topics, consent=consent)
    bind(site, broker, binding, topics=topics, why=consent.why)
    broker.create([topic.spec for topic in topics if topic.action is TopicAction.CREATE])
    _note(site, topics, binding, why=consent.why)
    broker.reshape([topic.spec for topic in topics if topic.action is TopicAction.RESHAPE])
    offsets = _first_offsets(site, broker)
    if offsets.refusals:
        raise Refused("no first offset was written:\n" + "\n".join(f"  {refusal}" for refusal in offsets.refusals))
    broker.commit(offsets.write)
    return Planned(topics=topics, binding=binding, offsets=offsets)


def _note(site: Site, topics: Sequence[TopicPlan], binding: BindingPlan, *, why: str) -> None:
    """Write into the audit log what was done: of all orders this one alone after it, because it makes the log."""
    changed = {topic.spec.name: topic.action.value for topic in topics if topic.action in _DONE}
    if changed or binding.writes:
        differing = [f"{one}" for one in binding.differences]
        facts = {"binding": binding.action.value, "differences": differing, "topics": changed}
        audited(site, "topics apply", why=why, facts=facts)


def _first_offsets(site: Site, broker: Broker) -> OffsetPlan:
    return broker.plan_first_offsets(
        stages(site.topics, site.sources),
        partitions=site.kafka.partitions,
        marks=first_marks(born=secrets.token_hex(4), partitions=site.kafka.partitions),
    )


def _show(planned: Planned, *, output: Output, done: bool) -> None:
    topics, offsets = planned.topics, planned.offsets
    if output is Output.JSON:
        typer.echo(json.dumps({"done": done, **_document(planned)}, ensure_ascii=False, indent=2))
        return
    rows = [
        (
            one.spec.name,
            f"{one.spec.partitions}",
            _DONE.get(one.action, one.action.value) if done else one.action.value,
            "; ".join(one.differences),
        )
        for one in topics
    ]
    tables.show(("TOPIC", "PARTITIONS", "ACTION", "differences"), rows)
    for line in binding_lines(planned.binding, done=done):
        typer.echo(line)
    typer.echo(f"first offsets {'written' if done else 'to write'}: {len(offsets.write)}")
    for line in (*offsets.notes, *planned.internal, *offsets.refusals):
        typer.echo(line)


def _document(planned: Planned) -> dict[str, object]:
    offsets = planned.offsets
    return {
        "binding": binding_document(planned.binding),
        "topics": [
            {
                "name": topic.spec.name,
                "partitions": topic.spec.partitions,
                "replication_factor": topic.spec.replication_factor,
                "configs": dict(topic.spec.configs),
                "action": topic.action.value,
                "differences": list(topic.differences),
            }
            for topic in planned.topics
        ],
        "first_offsets": [
            {"group": offset.group, "topic": offset.topic, "partition": offset.partition, "offset": offset.offset}
            for offset in offsets.write
        ],
        "notes": [*offsets.notes, *planned.internal],
        "refusals": list(offsets.refusals),
    }
