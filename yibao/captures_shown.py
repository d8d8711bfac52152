"""How plans and states of captures are printed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from connector.connect import ConnectorStatus
from connector.findings import Finding
from connector.plan import ConnectorPlan
from yibao.capture import stands_against
from yibao.facts import Stand
from yibao.options import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One source before it is applied."""

    plan: ConnectorPlan
    """What would change."""
    findings: tuple[Finding, ...]
    """What stands in the way, and what needs attention."""

    @property
    def blocked(self) -> bool:
        """Whether a finding stands against capture."""
        return stands_against(self.findings)


def show_plans(planned: Sequence[Planned], *, output: Output) -> None:
    """What applying would change, or has changed, and what stands against it."""
    if output is Output.JSON:
        document = [{**asdict(each.plan), "findings": [asdict(finding) for finding in each.findings]} for each in planned]
        typer.echo(json.dumps({"connectors": document}, ensure_ascii=False, indent=2))
        return
    for each in planned:
        typer.echo(f"{each.plan.connector}: {each.plan.action.value}")
        for change in each.plan.changes:
            typer.echo(f"  {change.key}: {_shown(change.live)} -> {_shown(change.desired)}")
        for consequence in each.plan.consequences:
            typer.echo(f"  {consequence.cost.value}: {consequence.what}")
        for finding in each.findings:
            typer.echo(f"  {finding.severity.value}: {finding.where} {finding.what}\n      {finding.mend}")


def _shown(value: str | None) -> str:
    return "(absent)" if value is None else value


def show_states(
    states: Mapping[str, ConnectorStatus | None], ages: Mapping[str, float | None], stands: Mapping[str, Stand], *, output: Output
) -> None:
    """How each capture stands. ages: seconds since the last heartbeat, None where there was none."""
    if output is Output.JSON:
        document = [
            {
                "source": name,
                "heartbeat_age_s": ages[name],
                "status": None if state is None else asdict(state),
                "rows": stands[name].document,
            }
            for name, state in states.items()
        ]
        typer.echo(json.dumps({"connectors": document}, ensure_ascii=False, indent=2))
        return
    table = Table("SOURCE", "CONNECTOR", "STATE", "TASKS", "HEARTBEAT", "WHY", box=None, pad_edge=False)
    for name, state in states.items():
        age = "none" if (seconds := ages[name]) is None else f"{seconds:.0f} s ago"
        if state is None:
            table.add_row(name, "-", "absent", "-", age, "run `yibao connector apply`")
        else:
            tasks = ", ".join(f"{task.number}: {task.state}" for task in state.tasks) or "none"
            told = (state.connector, state.state, tasks, age, state.failure or "")
            table.add_row(name, *map(escape, told))  # a path in brackets would be read as markup, and end in a traceback
    Console(soft_wrap=True).print(table)
    for stand in stands.values():
        for line in stand.lines:
            typer.echo(line)
