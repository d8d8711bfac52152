"""Bring the connectors of a site to what its files say: plan, check, put, and wait until they run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connector.connect import Connect, ConnectorStatus
from connector.contract import CaptureSource, Topics
from connector.errors import Refused
from connector.plan import Action, ConnectorPlan, Cost, plan_connector
from connector.render import ConnectSettings, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connector is waited for. settled_s: it must run so long without falling, for a task can fail just after it ran."""

    running_s: float = 90.0
    settled_s: float = 3.0
    poll_s: float = 0.3


class Reconciler:
    """Applies the sources of a site to one Connect cluster."""

    def __init__(
        self,
        connect: Connect,
        *,
        topics: Topics,
        partitions: int,
        settings: ConnectSettings,
        patience: Patience | None = None,
    ) -> None:
        self._connect = connect
        self._topics = topics
        self._partitions = partitions
        self._settings = settings
        self._patience = patience or Patience()

    def plan(self, source: CaptureSource) -> ConnectorPlan:
        """What applying this source would change; nothing is touched."""
        connector = self._topics.connector(source.name)
        return plan_connector(connector, source=source.name, desired=self._desired(source), live=self._connect.config(connector))

    def apply(self, source: CaptureSource, *, accept_loss: bool = False) -> ConnectorPlan:
        """Make it so and wait until it runs; an unchanged connector is only looked at. Raises Refused where it cannot."""
        plan = self.plan(source)
        if plan.action is Action.UNCHANGED:
            self._refuse_failed(plan.connector, self._connect.status(plan.connector))
            return plan
        if plan.loses and not accept_loss:
            losses = "; ".join(told.what for told in plan.consequences if told.cost is Cost.LOSS)
            raise Refused(f"connector {plan.connector}: not changed, because {losses}. If that is meant: --accept-loss")
        desired = self._desired(source)
        self._validate(plan.connector, desired)
        self._connect.put_config(plan.connector, desired)
        self._wait(plan.connector)
        return plan

    def status(self, sources: Sequence[CaptureSource]) -> Mapping[str, ConnectorStatus | None]:
        """By source: what Connect says of its connector, None where there is none."""
        return {source.name: self._connect.status(self._topics.connector(source.name)) for source in sources}

    def _desired(self, source: CaptureSource) -> dict[str, str]:
        return render(source, self._topics, partitions=self._partitions, connect=self._settings)

    def _validate(self, connector: str, desired: Mapping[str, str]) -> None:
        plugin = desired["connector.class"]
        if plugin not in self._connect.plugins():
            raise Refused(f"connector {connector}: Connect has no plugin {plugin}; put Debezium's archive under its plugin.path")
        errors = self._connect.validate(connector, desired)
        if errors:
            told = "\n".join(f"  {error.key}: {' '.join(error.messages)}" for error in errors)
            raise Refused(f"connector {connector}: Connect refuses the configuration, nothing was changed:\n{told}")

    @staticmethod
    def _refuse_failed(connector: str, status: ConnectorStatus | None) -> None:
        if status is not None and status.failure is not None:
            raise Refused(f"connector {connector} failed: {status.failure}; mend the cause, then: yibao connector restart")

    def _wait(self, connector: str, clock: Callable[[], float] = time.monotonic) -> None:
        started = clock()
        runs_since: float | None = None
        while True:
            status, now = self._connect.status(connector), clock()
            self._refuse_failed(connector, status)
            if status is None or not status.running:
                runs_since = None
            elif runs_since is None:
                runs_since = now
            elif now - runs_since >= self._patience.settled_s:
                return
            if now - started > self._patience.running_s:
                state = "absent" if status is None else status.state
                raise Refused(f"connector {connector} does not run after {self._patience.running_s:.0f} s; its state is {state}")
            time.sleep(self._patience.poll_s)
