"""How plans and states of captures are printed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import typer

from connector.connect import ConnectorStatus
from connector.contract import CaptureSource
from connector.findings import Finding
from connector.plan import ConnectorPlan
from connector.remedies import remedy_of
from streams.topics.steering import Pause
from yibao import tables
from yibao.captures.facts import Stand
from yibao.captures.from_site import stands_against
from yibao.lag.stages import StageLag
from yibao.letters.kept import Expiring
from yibao.moments import span
from yibao.monitored import Seen
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How the capture of one source stands."""

    source: CaptureSource
    """Of whom."""
    status: ConnectorStatus | None
    """What Connect says; None where there is no connector, or where nobody could ask."""
    heartbeat_age_s: float | None
    """Since the last heartbeat; None where there was none."""
    silent_after_s: float
    """So long a heartbeat may fail to come."""
    stand: Stand
    """What is written down about it."""
    asked: bool = True
    """Whether Connect answered."""

    @property
    def silent(self) -> bool:
        """Whether its heartbeat is late, or never came."""
        return self.heartbeat_age_s is None or self.heartbeat_age_s > self.silent_after_s

    @property
    def remedy(self) -> str | None:
        """What to do about a connector that is missing or has failed; None where neither is so, or that is not known."""
        if not self.asked:
            return None
        if self.status is None:
            return "yibao connector apply"
        return None if self.status.failure is None else remedy_of(self.status.failure, self.source)

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        return {
            "source": self.source.name,
            "heartbeat_age_s": self.heartbeat_age_s,
            "connect_answers": self.asked,
            "status": None if self.status is None else asdict(self.status),
            "remedy": self.remedy,
            "why": self.lines,
            "rows": self.stand.document,
        }

    @property
    def row(self) -> tuple[str, ...]:
        """As the table has it."""
        age = "none" if self.heartbeat_age_s is None else f"{self.heartbeat_age_s:.0f} s ago"
        if self.status is None:
            return self.source.name, "-", "absent" if self.asked else "not known", "-", age
        tasks = ", ".join(f"{task.number}: {task.state}" for task in self.status.tasks) or "none"
        return self.source.name, self.status.connector, self.status.state, tasks, age

    @property
    def runs(self) -> bool:
        """Whether Connect says that connector and tasks do."""
        return self.status is not None and self.status.running

    @property
    def is_well(self) -> bool:
        """Whether it runs, its heartbeat comes, its rows are placed, and its database is what it was applied against."""
        return self.runs and not self.silent and self.stand.is_well

    @property
    def lines(self) -> list[str]:
        """What a person must know and do, under the table; something, where it is not well."""
        return [*self._of_connect(), *self._of_silence(), *self.stand.lines]

    def _of_connect(self) -> list[str]:
        name, status = self.source.name, self.status
        if not self.asked or self.runs:
            return []
        if status is None:
            return [f"{name}: Connect has no connector of it", f"  {name}: {self.remedy}"]
        if status.failure is not None:
            return [f"{name}: capture has failed: {status.failure}", f"  {name}: {self.remedy}"]
        if (state := _rests(status)) is not None:
            return [
                f"{name}: somebody has {state.lower()} it; the database keeps its log",
                f"  {name}: yibao connector resume {name}",
            ]
        mend = f"look at Connect's workers, then: yibao connector restart {name} --all"
        return [f"{name}: no worker of Connect runs it, or its task", f"  {name}: {mend}"]

    def _of_silence(self) -> list[str]:
        name, age = self.source.name, self.heartbeat_age_s
        if not self.silent or (self.asked and not self.runs):  # one that does not run is silent for that
            return []
        if age is None:
            came = "no heartbeat of it has come yet"
        else:
            came = f"its last heartbeat came {span(age)} ago, and none may be older than {span(self.silent_after_s)}"
        look = (
            f"yibao status names the cause; else yibao connector plan --source {name}, then: yibao connector restart {name} --all"
        )
        return [f"{name}: silent: {came}", f"  {name}: {look}"]


def _rests(status: ConnectorStatus) -> str | None:
    """The state of what a person lets rest."""
    states = [status.state, *(task.state for task in status.tasks)]
    return next((state for state in states if state in ("STOPPED", "PAUSED")), None)


def show_states(
    shown: Sequence[Shown],
    lags: Sequence[StageLag] = (),
    letters: Expiring | None = None,
    pauses: Sequence[Pause] = (),
    *,
    heard: Sequence[Seen] = (),
    output: Output,
) -> None:
    """How each capture stands, how far behind the stages are, the open letters that their topic will soon drop, what is paused.
    heard: what the workers on this machine say of themselves.
    """
    if output is Output.JSON:
        document = {
            "connectors": [each.document for each in shown],
            "stages": [each.document for each in lags],
            "expiring_letters": None if letters is None else letters.document,
            "pauses": [one.document for one in pauses],
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    tables.show(("SOURCE", "CONNECTOR", "STATE", "TASKS", "heartbeat"), [each.row for each in shown])
    tables.show(("STAGE", "WAITING", "WORKERS"), [lag.row for lag in lags])
    if letters is not None:
        typer.echo(letters.line)
    for one in pauses:
        typer.echo(one.line)
    now, stuck = datetime.now(UTC), [one for one in heard if one.hangs]
    hang = {one.worker.rpartition("-")[0] for one in stuck}
    for line in (
        *(line for each in shown for line in each.lines),
        *(line for one in stuck for line in one.lines),
        *(line for lag in lags if lag.workers or lag.stage not in hang for line in lag.lines(now)),
    ):
        typer.echo(line)
