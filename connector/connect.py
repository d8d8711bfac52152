"""Kafka Connect's REST interface: one method for each endpoint that is used, and one place where a call can fail."""

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote, urlsplit

from connector.errors import Misconfigured, Refused, Unreachable
from connector.plan import redact_text

_LONGEST_TRACE = 500
_NOT_FOUND = 404
_BUSY = (409, 503)
"""409: the workers are sharing out the work. 503: a worker is still starting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where Connect is and how to be let in. ca_file: certificates that its own is checked against, None for the system's.
    busy_s: how long a rebalancing cluster is waited for.
    """

    url: str
    timeout_s: float = 30.0
    validate_timeout_s: float = 90.0
    busy_s: float = 60.0
    ca_file: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigError:
    """What Connect holds against one option."""

    key: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """One task. trace: first line of what ended it, without secrets."""

    number: int
    state: str
    worker: str
    trace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorStatus:
    """A connector as Connect reports it."""

    connector: str
    state: str
    worker: str
    trace: str | None
    tasks: tuple[TaskStatus, ...]

    @property
    def running(self) -> bool:
        """The connector and all its tasks run. Says nothing about the database: a lost one is retried in silence."""
        return self.state == "RUNNING" and bool(self.tasks) and all(task.state == "RUNNING" for task in self.tasks)

    @property
    def failure(self) -> str | None:
        """Why the connector or a task failed, None while none did."""
        parts = [(self.state, self.trace), *((task.state, task.trace) for task in self.tasks)]
        return next((trace or "failed without a word" for state, trace in parts if state == "FAILED"), None)


class Connect:
    """A client of one Connect cluster. Every method raises Unreachable, Misconfigured (not let in) or Refused."""

    def __init__(self, access: Access, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._access = access
        self._pause = pause
        self._parts = urlsplit(access.url)

    def plugins(self) -> tuple[str, ...]:
        """Classes of the connectors that can be started."""
        listed = cast("list[Mapping[str, str]]", self._call("GET", "/connector-plugins"))
        return tuple(plugin["class"] for plugin in listed)

    def config(self, connector: str) -> dict[str, str] | None:
        """The live configuration, None where there is no such connector."""
        return cast("dict[str, str] | None", self._call("GET", f"/connectors/{quote(connector)}/config", absent_ok=True))

    def put_config(self, connector: str, config: Mapping[str, str]) -> None:
        """Create the connector, or replace its configuration whole."""
        self._call("PUT", f"/connectors/{quote(connector)}/config", body=config)

    def validate(self, connector: str, config: Mapping[str, str]) -> tuple[ConfigError, ...]:
        """What Connect and the connector hold against a configuration. The connector tries to log in to the database."""
        plugin = config["connector.class"].rpartition(".")[2]
        answer = self._call(
            "PUT",
            f"/connector-plugins/{quote(plugin)}/config/validate",
            body={"name": connector, **config},
            timeout_s=self._access.validate_timeout_s,
        )
        entries = [
            entry["value"] for entry in cast("Mapping[str, list[Mapping[str, Mapping[str, object] | None]]]", answer)["configs"]
        ]
        return tuple(
            ConfigError(
                key=f"{entry['name']}", messages=tuple(redact_text(f"{text}") for text in cast("list[str]", entry["errors"]))
            )
            for entry in entries
            if entry and entry["errors"]
        )

    def status(self, connector: str) -> ConnectorStatus | None:
        """States of the connector and its tasks, None where there is no such connector."""
        answer = self._call("GET", f"/connectors/{quote(connector)}/status", absent_ok=True)
        return None if answer is None else _status(cast("Mapping[str, object]", answer))

    def restart(self, connector: str, *, only_failed: bool) -> None:
        """Start the connector and its tasks again; with `only_failed` those that failed."""
        flag = "true" if only_failed else "false"
        self._call("POST", f"/connectors/{quote(connector)}/restart?includeTasks=true&onlyFailed={flag}")

    def pause(self, connector: str) -> None:
        """Hold the tasks; they keep their place and their connection."""
        self._call("PUT", f"/connectors/{quote(connector)}/pause")

    def resume(self, connector: str) -> None:
        """Go on after a pause or a stop."""
        self._call("PUT", f"/connectors/{quote(connector)}/resume")

    def stop(self, connector: str) -> None:
        """End the tasks; the configuration and the place are kept."""
        self._call("PUT", f"/connectors/{quote(connector)}/stop")

    def delete(self, connector: str) -> None:
        """Remove the connector. Its stored position stays, and the slot in the database too."""
        self._call("DELETE", f"/connectors/{quote(connector)}")

    def _call(
        self, method: str, path: str, *, body: Mapping[str, str] | None = None, absent_ok: bool = False, timeout_s: float = 0.0
    ) -> object:
        waited, delay = 0.0, 0.25
        while True:
            status, text = self._exchange(method, path, body, timeout_s or self._access.timeout_s)
            if status not in _BUSY or waited >= self._access.busy_s:
                break
            self._pause(delay)
            waited, delay = waited + delay, min(delay * 2, 2.0)
        if status == _NOT_FOUND and absent_ok:
            return None
        if status >= 400:
            raise self._refusal(method, path, status, text)
        return json.loads(text) if text else None

    def _exchange(self, method: str, path: str, body: Mapping[str, str] | None, timeout_s: float) -> tuple[int, str]:
        connection = self._connection(timeout_s)
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self._authorization()}
        try:
            connection.request(
                method,
                self._parts.path.rstrip("/") + path,
                body=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
                headers=headers,
            )
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as exc:
            reason = f"{exc}" or type(exc).__name__
            raise Unreachable(
                f"{method} {self._access.url}{path}: Kafka Connect does not answer ({reason}); check connect.url and that it runs",
            ) from exc
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme != "https":
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        try:
            context = ssl.create_default_context(cafile=self._access.ca_file)
        except OSError as exc:  # also ssl.SSLError
            raise Misconfigured(f"connect.ca_file: {self._access.ca_file} holds no certificates ({exc.strerror})") from exc
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)

    def _authorization(self) -> dict[str, str]:
        if self._access.user is None:
            return {}
        pair = f"{self._access.user}:{self._access.password or ''}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _refusal(self, method: str, path: str, status: int, text: str) -> Refused | Misconfigured:
        where = f"{method} {self._access.url}{path}: Kafka Connect answers {status}"
        if status in (401, 403):
            return Misconfigured(f"{where}; check connect.user and connect.password_file")
        try:
            told = json.loads(text).get("message", "")
        except (ValueError, AttributeError):
            told = text
        lines = redact_text(f"{told}").strip().splitlines()
        hint = "; the workers are still sharing out the work, try again" if status in _BUSY else ""
        return Refused(f"{where}: {' '.join(lines)[:600] or 'no reason given'}{hint}")


def _status(answer: Mapping[str, object]) -> ConnectorStatus:
    whole = cast("Mapping[str, str]", answer["connector"])
    tasks = cast("list[Mapping[str, str]]", answer["tasks"])
    return ConnectorStatus(
        connector=f"{answer['name']}",
        state=whole["state"],
        worker=whole["worker_id"],
        trace=_first_cause(whole.get("trace")),
        tasks=tuple(
            TaskStatus(number=int(task["id"]), state=task["state"], worker=task["worker_id"], trace=_first_cause(task.get("trace")))
            for task in tasks
        ),
    )


def _first_cause(trace: str | None) -> str | None:
    """The first line of a Java trace, and the last cause where that says more."""
    if not trace:
        return None
    lines = trace.splitlines()
    causes = [line for line in lines if line.startswith("Caused by: ")]
    told = lines[0] if not causes else f"{lines[0]}; {causes[-1].lower()[:1]}{causes[-1][1:]}"
    return redact_text(told)[:_LONGEST_TRACE]
