"""Probes as a pod's template asks for them, and what a kubelet makes of their answers."""

import http
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.images.failed import Failed

KINDS: Final = ("startup", "liveness", "readiness")
_KINDLY: Final = range(http.HTTPStatus.OK, http.HTTPStatus.BAD_REQUEST)
_CURRENT: Final = {"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
"""What a server fills in where a template says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe of a container. Times in seconds."""

    kind: str
    initial_delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int
    action: Mapping[str, Any]

    def ask(self, host: str, ports: Mapping[str, int], execute: Callable[[Sequence[str], float], bool]) -> bool:
        """Whether the container answers well. host: the pod's address. Raises Failed for an action that is not known here."""
        match self.action:
            case {"httpGet": asked}:
                return _answers(asked, host, _port(asked["port"], ports), self.timeout_s)
            case {"tcpSocket": asked}:
                return _listens(host, _port(asked["port"], ports), self.timeout_s)
            case {"exec": asked}:
                return execute(asked["command"], self.timeout_s)
        raise Failed(f"a probe that is not known here: {self.action}")


@dataclass(slots=True)
class Count:
    """What became of a probe: answers of one kind in a row decide."""

    probe: Probe
    holds: bool | None
    """None: not known yet."""
    asked: int = 0
    answered: int = 0
    """Times that it was asked, and that the answer was a good one."""
    _row: int = 0
    _last: bool | None = None

    def take(self, *, good: bool) -> None:
        """Count an answer."""
        self.asked, self.answered = self.asked + 1, self.answered + good
        self._row = self._row + 1 if good == self._last else 1
        self._last = good
        if self._row >= (self.probe.successes if good else self.probe.failures):
            self.holds = good


def probes_of(container: Mapping[str, Any]) -> dict[str, Count]:
    """Those of a container, by kind. One without a startup probe has started, and one is alive until it fails."""
    first = {"startup": None, "liveness": True, "readiness": False}
    return {kind: Count(_probe(kind, container[f"{kind}Probe"]), first[kind]) for kind in KINDS if f"{kind}Probe" in container}


def _probe(kind: str, said: Mapping[str, Any]) -> Probe:
    times = {name: said.get(name, usual) for name, usual in _CURRENT.items()}
    return Probe(
        kind=kind,
        initial_delay_s=times["initialDelaySeconds"],
        period_s=times["periodSeconds"],
        timeout_s=times["timeoutSeconds"],
        successes=times["successThreshold"],
        failures=times["failureThreshold"],
        action={name: value for name, value in said.items() if name not in _CURRENT},
    )


def _port(said: int | str, ports: Mapping[str, int]) -> int:
    """A number, or the name of a container's port."""
    if isinstance(said, int):
        return said
    if said not in ports:
        raise Failed(f"a probe asks port {said}, and the container names {sorted(ports)}")
    return ports[said]


def _answers(asked: Mapping[str, Any], host: str, port: int, timeout_s: float) -> bool:
    to = asked.get("host", host)
    if asked.get("scheme") == "HTTPS":
        unverified = ssl._create_unverified_context()  # as a kubelet does
        link: http.client.HTTPConnection = http.client.HTTPSConnection(to, port, timeout=timeout_s, context=unverified)
    else:
        link = http.client.HTTPConnection(to, port, timeout=timeout_s)
    try:
        headers = {one["name"]: one["value"] for one in asked.get("httpHeaders", [])}
        link.request("GET", asked.get("path", "/"), headers=headers)
        return link.getresponse().status in _KINDLY
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def _listens(host: str, port: int, timeout_s: float) -> bool:
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False
