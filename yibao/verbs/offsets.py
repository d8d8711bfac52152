"""`yibao offsets`: the committed offset of a stage, with its mark, made again from what the topics hold."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from streams.broker_wiring import broker_access
from streams.errors import Misconfigured, Refused
from streams.lanes.high_water import forget, noted
from streams.lanes.recovered import Action, Recovery
from streams.mapping import load_site
from streams.topics.broker import Broker
from yibao import tables
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption, StageName, why_option
from yibao.recovering import Recovering

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Offsets of the stages, after they were lost or their logs were (exit codes 74 and 79 of a worker).

\b
Examples:
  yibao offsets recover --stage deliver --dry-run
  yibao offsets recover --stage deliver --why "offsets expired while the site stood"
  yibao offsets accept-copy --why "Kafka restored from the backup of 02:00; the office knows"
""",
)


_LEFT = "what was written stays, each partition whole; the same command again shows what is left"


@app.command("recover", short_help="Compute offset and mark from the topics; write them where they are wrong.")
def recover(
    *,
    config: ConfigOption = SITE,
    stage: Annotated[StageName, typer.Option("--stage", help="Whose offsets.")],
    partition: Annotated[int | None, typer.Option("--partition", min=0, metavar="N", help="Only this one of its input.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; write nothing.")] = False,
    why: Annotated[str, why_option("Kept in the audit log; needed to write.")] = "",
    repeat_settled: Annotated[
        bool,
        typer.Option("--repeat-settled", help="Of deliver: settled records behind the place may be posted a second time."),
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Compute where a stage must go on, from receipts, dead letters, numbers and state, and write it where what is committed is
    lost or does not fit the log. What fits is left alone. All workers must be stopped. Exit code 1, and nothing is written, where
    the topics do not say for sure.

    \b
    Examples:
      yibao offsets recover --stage join --dry-run
      yibao offsets recover --stage join --partition 3 --why "partition 3 lost its offset"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not dry_run and not why.strip():
        raise Misconfigured("--why is needed: it is kept in the audit log, for whoever asks later; --dry-run only shows")
    if repeat_settled and stage is not StageName.DELIVER:
        raise Misconfigured("--repeat-settled is of --stage deliver: no other stage posts anything")
    site = load_site(config)
    demand_own_topics(site)
    with leaving(_LEFT), Broker(broker_access(site)) as broker:
        recovering = Recovering(site, broker, stage.value, partition=partition, repeat_settled=repeat_settled)
        if not dry_run:
            recovering.demand_standstill()
            recovering.fence()
        found = recovering.recoveries(born=secrets.token_hex(4))
        refused = any(one.action is Action.REFUSE for one in found)
        writes = not (dry_run or refused) and any(one.action is Action.WRITE for one in found)
        if writes:
            recovering.demand_standstill()
            audited(site, "offsets recover", why=why, facts=recovering.document(found))
            recovering.write(found)
    if output is Output.JSON:
        typer.echo(json.dumps({"written": writes, **recovering.document(found)}, ensure_ascii=False, indent=2))
    else:
        _show(found, written=writes)
    if refused:
        raise Refused("nothing was written, because of some partitions the topics do not say where to go on (docs/operations.md)")


def _show(found: Sequence[Recovery], *, written: bool) -> None:
    rows = list[tuple[str, ...]]()
    for one in found:
        action = "written" if written and one.action is Action.WRITE else one.action.value
        was = "nothing" if one.was is None else f"{one.was.offset}"
        to = "" if one.to is None else f"{one.to.offset} {one.to.metadata}"
        rows.append((one.at.topic, f"{one.at.partition}", action, was, to, one.why))
    tables.show(("TOPIC", "PARTITION", "ACTION", "COMMITTED", "to", "why"), rows)


@app.command("accept-copy", short_help="Let workers of this machine go on from a restored, older copy of the brokers' data.")
def accept_copy(
    *,
    config: ConfigOption = SITE,
    home: Annotated[Path | None, typer.Option("--home", metavar="DIR", help="Of the workers. Default: workers.home.")] = None,
    why: Annotated[str, why_option("Kept in the audit log.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Workers that were further than the brokers say end with 79: what was reported since the copy was taken would be sent again.
    Go the way of docs/backup.md first; this is its last step, on each machine with workers: it forgets how far they were. All
    workers must be stopped.

    \b
    Examples:
      yibao offsets accept-copy --why "Kafka restored from the backup of 02:00; the office knows"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept in the audit log, for whoever asks later")
    site = load_site(config)
    demand_own_topics(site)
    with Broker(broker_access(site)) as broker:
        for stage in StageName:
            Recovering(site, broker, stage.value, partition=None, repeat_settled=False).demand_standstill()
    folder = home or site.workers.home
    audited(site, "offsets accept-copy", why=why, facts={"reached": {name: one.number for name, one in noted(folder).items()}})
    known = forget(folder)
    if output is Output.JSON:
        typer.echo(json.dumps({"forgotten": {name: one._asdict() for name, one in known.items()}}, ensure_ascii=False))
    else:
        typer.echo(f"{len(known)} lanes of this machine go on from what the brokers have; start the workers")
