"""`yibao worker`: the processes that run the stages."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from streams.agents.background import run_app
from streams.agents.engine import LaneApp
from streams.errors import Fatal, Unreachable
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import partition_counts
from streams.mapping import Site, load_site
from streams.seal import self_test
from streams.telemetry import events
from streams.telemetry.dying import tell_ready
from streams.telemetry.outcomes import Outcomes
from streams.topology import deliver_app, join_app
from streams.wiring import broker_settings, deliver_stage, gateway_of, join_stage, lookup_tables, stage_topics
from yibao.options import SITE, ConfigOption
from yibao.supervisor import PATIENT_VARIABLE, Supervisor, end_with_parent

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Run the stages: join, deliver, or both.

Workers of one stage share its partitions; start as many as there are partitions at the most. Nothing that a worker keeps on its
machine is needed after a restart. What its exit codes 70 to 76 mean, and what to do: docs/operations.md.

\b
Examples:
  yibao worker all -c site.yaml             one worker of each stage, under a supervisor that restarts them
  yibao worker all --join 2 --deliver 4     more of them on one machine
  yibao worker join --index 1               one worker alone, where something else supervises it
""",
)

_PATIENCE_S = 2.0

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", file_okay=False, metavar="DIR", help="Folder for what the workers keep here. Default: workers.home."),
]
IndexOption = Annotated[int, typer.Option("--index", min=0, help="Tells workers of one stage on one machine apart.")]


@app.command("join")
def join(config: ConfigOption = SITE, home: HomeOption = None, index: IndexOption = 0) -> None:
    """Run one worker of the join until SIGTERM or Ctrl-C."""
    site = _begin(config)

    async def make() -> LaneApp:
        await _check_topics(site, also=tuple(lookup_tables(site)))
        lanes = join_app(join_stage(site, home=home, index=index))
        tell_ready()
        return lanes

    run_app(make)


@app.command("deliver")
def deliver(config: ConfigOption = SITE, home: HomeOption = None, index: IndexOption = 0) -> None:
    """Run one worker of the deliver stage until SIGTERM or Ctrl-C."""
    site = _begin(config)

    async def make() -> LaneApp:
        outcomes = Outcomes("deliver")
        gateway = gateway_of(site, outcomes)  # before any broker is asked: a wrong key is told at once
        await _check_topics(site)
        await gateway.__aenter__()
        lanes = deliver_app(deliver_stage(site, gateway, outcomes=outcomes, home=home, index=index))
        lanes.closing.append(lambda: gateway.__aexit__(None, None, None))
        tell_ready()
        return lanes

    run_app(make)


@app.command("all", short_help="Run workers of both stages under one supervisor.")
def all_stages(
    config: ConfigOption = SITE,
    home: HomeOption = None,
    join_workers: Annotated[int, typer.Option("--join", min=0, help="Workers of the join.")] = 1,
    deliver_workers: Annotated[int, typer.Option("--deliver", min=0, help="Workers of the deliver stage.")] = 1,
) -> None:
    """Run workers of both stages under one supervisor, which restarts what ends."""
    load_site(config)
    events.configure()
    wanted = {"join": join_workers, "deliver": deliver_workers}
    commands = {
        f"{stage}-{index}": _command(stage, index, config=config, home=home)
        for stage, count in wanted.items()
        for index in range(count)
    }
    raise typer.Exit(Supervisor(commands).run())


def _command(stage: str, index: int, *, config: Path, home: Path | None) -> Sequence[str]:
    where = [] if home is None else ["--home", str(home)]
    return [sys.executable, "-m", "yibao", "worker", stage, "--config", str(config), "--index", f"{index}", *where]


def _begin(config: Path) -> Site:
    """What every worker does before it touches a record: die with its supervisor, prove SM2, read the site."""
    end_with_parent()
    events.configure()
    self_test()
    return load_site(config)


async def _check_topics(site: Site, also: Sequence[str] = ()) -> None:
    """Raise unless all topics are there with the right number of partitions.

    At a first start a broker that does not answer is an error (exit 3); a restarted worker waits for it.
    """
    stages = stage_topics(site)
    while True:
        try:
            counts = await partition_counts(broker_settings(site), (*stages, *also))
            break
        except (KafkaError, OSError) as exc:
            if not os.environ.get(PATIENT_VARIABLE):
                raise Unreachable(
                    f"no broker answers at {site.kafka.bootstrap_servers}: start Kafka, or correct kafka.bootstrap_servers or "
                    f"kafka.security in {site.file}"
                ) from exc
            await asyncio.sleep(_PATIENCE_S)
    if missing := [topic for topic in (*stages, *also) if topic not in counts]:
        raise Fatal(f"topics are missing: {', '.join(missing)}; run `yibao topics apply`", exit_code=Exit.METADATA)
    wanted = site.kafka.partitions
    if wrong := [f"{topic} has {counts[topic]}" for topic in stages if counts[topic] != wanted]:
        raise Fatal(
            f"kafka.partitions is {wanted}, but {', '.join(wrong)}: the number is fixed for the life of a site, because a visit "
            "must stay in its partition; put the setting back",
            exit_code=Exit.METADATA,
        )
