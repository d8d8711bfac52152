"""`yibao doctor`: everything that a site depends on, and what stands against it."""

import json
from collections.abc import Sequence

import typer

from streams.built import core
from streams.mapping import load_site
from yibao import tables
from yibao.doctor.looks import Looked, look, parts_of
from yibao.options import SITE, ConfigOption, Output, OutputOption


def doctor(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """Look at everything that a site depends on: databases, brokers, Kafka Connect, the way to the platform, keys, disks, clocks,
    topics and workers. Each finding says what, where, and the statement or command that mends it; docs/doctor.md has the checks.

    Nothing is changed, and nothing is sent to the platform unless `doctor.platform_probe` allows it. A part that does not answer is
    a finding, too. Exit code 1 when something stands against operation; with warnings alone 0.

    \b
    Examples:
      yibao doctor -c site.yaml
      yibao doctor -o json                      findings by check, for a monitor
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    looked = look(parts_of(site))
    _show(looked, output=output)
    if any(told.blocks for part in looked for told in part.told):
        raise typer.Exit(1)


def _show(looked: Sequence[Looked], *, output: Output) -> None:
    everything = sorted((told for part in looked for told in part.told), key=lambda told: not told.blocks)
    against = sum(told.blocks for told in everything)
    if output is Output.JSON:
        parts = [{"part": one.part, "took_s": round(one.took_s, 2), "findings": len(one.told)} for one in looked]
        document = {"ok": not against, "findings": [told.document for told in everything], "looked_at": parts, "core": f"{core()}"}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    for told in everything:
        found = told.finding
        said = f"{found.severity.value}: [{told.check}] {found.where} {found.what}"
        typer.echo("\n".join([*tables.hanging(said), f"    {found.mend}"]))  # a statement is copied: it stays one line
    typer.echo("\n".join(tables.hanging(f"looked at: {', '.join(one.part for one in looked)}")))
    typer.echo(f"core: {core()}")
    typer.echo(f"{against} stand against operation, {len(everything) - against} to know")
