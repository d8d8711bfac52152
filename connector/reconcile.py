"""Bring the connectors of a site to what its files say: plan, check, put, and wait until they run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connector.connect import ConfigError, Connect, ConnectorStatus
from connector.contract import CaptureSource, Topics
from connector.errors import Refused
from connector.findings import Finding, Severity
from connector.plan import Action, ConnectorPlan, Cost, plan_connector
from connector.plugins import plugin_finding
from connector.profiles import profile_of
from connector.remedies import remedy_of
from connector.render import ConnectSettings, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connector is waited for, in seconds."""

    running_s: float = 90.0
    """Longest wait until a connector runs, or is gone."""
    settled_s: float = 3.0
    """How long a state must last before it counts: a task can fail just after it began to run."""
    poll_s: float = 0.3
    """Pause between two looks."""


class Reconciler:
    """Applies the sources of a site to one Connect cluster."""

    def __init__(
        self,
        connect: Connect,
        *,
        topics: Topics,
        settings: ConnectSettings,
        patience: Patience | None = None,
    ) -> None:
        self._connect = connect
        self._topics = topics
        self._settings = settings
        self._patience = patience or Patience()

    def plan(self, source: CaptureSource) -> ConnectorPlan:
        """What applying this source would change; nothing is touched."""
        connector = self._topics.connector(source.name)
        return plan_connector(connector, source=source.name, desired=self._desired(source), live=self._connect.config(connector))

    def plugin_finding(self, source: CaptureSource) -> Finding | None:
        """What stands against the plugin that Connect has for this source. Raises Refused when it has none."""
        profile, plugins = profile_of(source.kind), self._connect.plugins()
        if all(plugin.class_name != profile.connector_class for plugin in plugins):
            connector = self._topics.connector(source.name)
            raise Refused(
                f"connector {connector}: Connect has no plugin {profile.connector_class}; put under plugin.path of every "
                f"Connect worker {profile.plugin_is}, and restart them"
            )
        return plugin_finding(plugins, profile)

    def failure_finding(self, source: CaptureSource, plan: ConnectorPlan) -> Finding | None:
        """That its connector has failed. What changes it may be what mends it; where nothing would change, a person has to."""
        status = self._connect.status(plan.connector)
        if status is None or status.failure is None:
            return None
        severity = Severity.BLOCKS if plan.action is Action.UNCHANGED else Severity.WARNS
        mend = remedy_of(status.failure, source)
        return Finding(where=f"connector {plan.connector}", what=f"has failed: {status.failure}", mend=mend, severity=severity)

    def refusals(self, source: CaptureSource) -> tuple[ConfigError, ...]:
        """What Connect would hold against this source; it logs in to the database for that. It must have the plugin."""
        return self._connect.validate(self._topics.connector(source.name), self._desired(source))

    def apply(self, source: CaptureSource, *, accept_loss: bool = False) -> ConnectorPlan:
        """Create or change the source's connector and wait until it runs. One that needs no change is only checked for a failure.

        Raises Refused when it cannot be done, and when it would lose a position or an order without `accept_loss`.
        """
        plan = self.plan(source)
        self._demand_plugin(plan, source)
        if plan.action is Action.UNCHANGED:
            _refuse_failed(plan, self._connect.status(plan.connector), source)
            return plan
        if plan.loses and not accept_loss:
            losses = "; ".join(told.what for told in plan.consequences if told.cost is Cost.LOSS)
            raise Refused(f"connector {plan.connector}: not changed, because {losses}. If that is meant: --accept-loss")
        desired = self._desired(source)
        self._validate(plan.connector, desired)
        before = self._connect.status(plan.connector)
        self._connect.put_config(plan.connector, desired)
        if before is not None and before.failure is not None:
            self._connect.restart(plan.connector, only_failed=True)
        self._wait(plan, source)
        return plan

    def status(self, sources: Sequence[CaptureSource]) -> Mapping[str, ConnectorStatus | None]:
        """By source: what Connect says of its connector, None where there is none."""
        return {source.name: self._connect.status(self._topics.connector(source.name)) for source in sources}

    def delete(self, source: CaptureSource) -> None:
        """Remove a source's connector and wait until Connect no longer lists it. Raises Refused when it is still listed after
        `running_s`.
        """
        connector = self._topics.connector(source.name)
        self._connect.delete(connector)
        until = time.monotonic() + self._patience.running_s
        while self._connect.status(connector) is not None:
            if time.monotonic() > until:
                raise Refused(f"connector {connector} is still there {self._patience.running_s:.0f} s after it was deleted")
            time.sleep(self._patience.poll_s)

    def forget(self, source: CaptureSource) -> None:
        """Let a connector forget how far it was and begin anew: it reads every row. Raises Refused when it does not within
        `running_s`.
        """
        connector = self._topics.connector(source.name)
        self._connect.stop(connector)
        until = time.monotonic() + self._patience.running_s
        while True:
            try:
                self._connect.forget_offsets(connector)
                break
            except Refused:  # its tasks are still ending
                if time.monotonic() > until:
                    raise
                time.sleep(self._patience.poll_s)
        self._connect.resume(connector)
        self._wait(self.plan(source), source)

    def _desired(self, source: CaptureSource) -> dict[str, str]:
        return render(source, self._topics, connect=self._settings)

    def _demand_plugin(self, plan: ConnectorPlan, source: CaptureSource) -> None:
        if finding := self.plugin_finding(source):
            raise Refused(f"connector {plan.connector}: {finding.where}, {finding.what}; {finding.mend}")

    def _validate(self, connector: str, desired: Mapping[str, str]) -> None:
        if errors := self._connect.validate(connector, desired):
            told = "\n".join(f"  {error.key}: {' '.join(error.messages)}" for error in errors)
            raise Refused(f"connector {connector}: Connect refuses the configuration, nothing was changed:\n{told}")

    def _wait(self, plan: ConnectorPlan, source: CaptureSource) -> None:
        """Wait until one state has lasted `settled_s`: just after a change Connect still reports the old state."""
        started = since = time.monotonic()
        standing: str | None = None
        while True:
            status, now = self._connect.status(plan.connector), time.monotonic()
            state = _state(status)
            if state != standing:
                standing, since = state, now
            if state in ("running", "failed") and now - since >= self._patience.settled_s:
                return _refuse_failed(plan, status, source)
            if now - started > self._patience.running_s:
                raise Refused(f"connector {plan.connector} does not run after {self._patience.running_s:.0f} s; it is {state}")
            time.sleep(self._patience.poll_s)


def _state(status: ConnectorStatus | None) -> str:
    if status is None:
        return "absent"
    if status.failure is not None:
        return "failed"
    return "running" if status.running else "not running yet"


def _refuse_failed(plan: ConnectorPlan, status: ConnectorStatus | None, source: CaptureSource) -> None:
    if status is not None and status.failure is not None:
        raise Refused(f"connector {plan.connector} failed: {status.failure}; {remedy_of(status.failure, source)}")
