"""`yibao topics`: create what capture and the stages write to, and the first offset of each stage."""

import json
import secrets
import shlex
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from streams.errors import Refused
from streams.lanes.marks import first_marks
from streams.mapping import Site, capture_sources, load_site
from streams.topics.broker import Broker
from streams.topics.offsets import OffsetPlan
from streams.topics.shapes import TopicAction, TopicPlan, compare, plan_topics
from streams.topics.stages import stages
from streams.wiring import broker_access
from yibao.capture import topic_settings
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Plan and create the topics of a site, and the first committed offsets of both stages.

\b
Examples:
  yibao topics plan -c site.yaml            what is missing, what has another shape; touches nothing
  yibao topics apply -c site.yaml           create what is missing; harmless to repeat
""",
)


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
        topics, offsets = _topics(site, broker), _first_offsets(site, broker)
    _show(topics, offsets, output=output, done=False)
    if offsets.refusals or any(topic.action is TopicAction.CONFLICT for topic in topics):
        raise typer.Exit(1)


@app.command("apply", short_help="Create the topics that are missing and each stage's first offset, once.")
def apply(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """Create the topics that are missing and commit each stage's first offset, once. What exists is never changed.

    \b
    Examples:
      yibao topics apply -c site.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    look = f"yibao topics plan -c {shlex.quote(str(config))}"
    left = f"topics that were created stay; `{look}` shows what is missing, `apply` again creates the rest"
    with leaving(left), Broker(broker_access(site)) as broker:
        topics, offsets = create_topics(site, broker)
    _show(topics, offsets, output=output, done=True)


def create_topics(site: Site, broker: Broker) -> tuple[tuple[TopicPlan, ...], OffsetPlan]:
    """Create what is missing and commit the first offsets. Raises Refused before it touches anything that has another shape."""
    topics = _topics(site, broker)
    if conflicts := [topic for topic in topics if topic.action is TopicAction.CONFLICT]:
        told = "\n".join(f"  {topic.spec.name} {'; '.join(topic.differences)}" for topic in conflicts)
        raise Refused(f"nothing was created, because topics are there that cannot be used:\n{told}")
    broker.create([topic.spec for topic in topics if topic.action is TopicAction.CREATE])
    offsets = _first_offsets(site, broker)
    if offsets.refusals:
        raise Refused("no first offset was written:\n" + "\n".join(f"  {refusal}" for refusal in offsets.refusals))
    broker.commit(offsets.write)
    return topics, offsets


def _first_offsets(site: Site, broker: Broker) -> OffsetPlan:
    return broker.plan_first_offsets(
        stages(site.topics, site.sources),
        partitions=site.kafka.partitions,
        marks=first_marks(born=secrets.token_hex(4), partitions=site.kafka.partitions),
    )


def _topics(site: Site, broker: Broker) -> tuple[TopicPlan, ...]:
    specs = plan_topics(site.topics, capture_sources(site), topic_settings(site))
    return compare(specs, broker.topics([spec.name for spec in specs]))


def _show(topics: Sequence[TopicPlan], offsets: OffsetPlan, *, output: Output, done: bool) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps({"done": done, **_document(topics, offsets)}, ensure_ascii=False, indent=2))
        return
    table = Table("TOPIC", "PARTITIONS", "ACTION", "DIFFERENCES", box=None, pad_edge=False)
    for topic in topics:
        action = "created" if done and topic.action is TopicAction.CREATE else topic.action.value
        table.add_row(topic.spec.name, f"{topic.spec.partitions}", action, "; ".join(topic.differences))
    Console(soft_wrap=True).print(table)
    typer.echo(f"first offsets {'written' if done else 'to write'}: {len(offsets.write)}")
    for line in (*offsets.notes, *offsets.refusals):
        typer.echo(line)


def _document(topics: Sequence[TopicPlan], offsets: OffsetPlan) -> dict[str, object]:
    return {
        "topics": [
            {
                "name": topic.spec.name,
                "partitions": topic.spec.partitions,
                "replication_factor": topic.spec.replication_factor,
                "configs": dict(topic.spec.configs),
                "action": topic.action.value,
                "differences": list(topic.differences),
            }
            for topic in topics
        ],
        "first_offsets": [
            {"group": offset.group, "topic": offset.topic, "partition": offset.partition, "offset": offset.offset}
            for offset in offsets.write
        ],
        "notes": list(offsets.notes),
        "refusals": list(offsets.refusals),
    }
