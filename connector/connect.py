"""Kafka Connect's REST interface: one method for each endpoint that is used, and one place where a call can fail."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

from connector.answers import (
    About,
    ConfigError,
    ConnectorStatus,
    NotConnect,
    Plugin,
    TaskStatus,
    about_of,
    config_of,
    created_of,
    errors_of,
    names_of,
    nothing,
    own_error,
    plugins_of,
    said,
    status_of,
)
from connector.errors import CaptureError, Misconfigured, Refused, Unreachable
from connector.exchange import PROXY_LOGIN, Access, Answer, Link

__all__ = ["Access", "ConfigError", "Connect", "ConnectorStatus", "Plugin", "TaskStatus"]

T = TypeVar("T")

_NOT_FOUND = 404
_BUSY = (409, 503)
"""409: the workers are sharing out the work. 503: a worker is still starting."""
_FAILED = 500
_REBALANCES = "a rebalance is expected"
"""What Connect says with 500 of a request that came while it shares out the work: nothing of it was done."""
_VALIDATION_TIMES = 3
"""Connect asks the database before it answers."""


class _Absent(Refused):
    """Connect knows no such connector."""


class Connect:
    """A client of one Connect cluster. Every method raises Unreachable (no answer of Connect came), Misconfigured (the login was
    refused) or Refused (Connect says no).
    """

    def __init__(self, access: Access, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._access = access
        self._pause = pause
        self._link = Link(access)

    def about(self) -> About:
        """What Connect says of itself."""
        return self._ask("GET", "/", about_of)

    def names(self) -> tuple[str, ...]:
        """Names of the connectors."""
        return self._ask("GET", "/connectors", names_of)

    def plugins(self) -> tuple[Plugin, ...]:
        """The connectors that can be started, as the worker that answers has them."""
        return self._ask("GET", "/connector-plugins", plugins_of)

    def config(self, connector: str) -> dict[str, str] | None:
        """The configuration that is in force, None where there is no such connector."""
        try:
            return self._ask("GET", f"{_path(connector)}/config", lambda answer: config_of(answer, connector))
        except _Absent:
            return None

    def put_config(self, connector: str, config: Mapping[str, str]) -> None:
        """Create the connector, or replace its whole configuration."""
        self._ask("PUT", f"{_path(connector)}/config", lambda answer: created_of(answer, connector), body=config)

    def validate(self, connector: str, config: Mapping[str, str]) -> tuple[ConfigError, ...]:
        """What Connect and the connector find wrong with a configuration. The connector tries to log in to the database."""
        plugin = config["connector.class"].rpartition(".")[2]
        path = f"/connector-plugins/{quote(plugin)}/config/validate"
        return self._ask("PUT", path, errors_of, body={"name": connector, **config}, times=_VALIDATION_TIMES)

    def status(self, connector: str) -> ConnectorStatus | None:
        """States of the connector and its tasks, None where there is no such connector."""
        try:
            return self._ask("GET", f"{_path(connector)}/status", lambda answer: status_of(answer, connector))
        except _Absent:
            return None

    def restart(self, connector: str, *, only_failed: bool) -> None:
        """Start the connector and its tasks again; with `only_failed` only those that failed."""
        flag = "true" if only_failed else "false"
        path = f"{_path(connector)}/restart?includeTasks=true&onlyFailed={flag}"
        self._ask("POST", path, lambda answer: status_of(answer, connector))

    def pause(self, connector: str) -> None:
        """Let the tasks rest; they keep their position and their connection."""
        self._ask("PUT", f"{_path(connector)}/pause", nothing)

    def resume(self, connector: str) -> None:
        """Go on after a pause or a stop."""
        self._ask("PUT", f"{_path(connector)}/resume", nothing)

    def stop(self, connector: str) -> None:
        """End the tasks; the configuration and the position are kept."""
        self._ask("PUT", f"{_path(connector)}/stop", nothing)

    def delete(self, connector: str) -> None:
        """Remove the connector. Its stored position stays, and so does the replication slot in the database."""
        self._ask("DELETE", _path(connector), nothing)

    def forget_offsets(self, connector: str) -> None:
        """Remove the stored position of a connector that is stopped. Refused while a task of it still ends."""
        self._ask("DELETE", f"{_path(connector)}/offsets", said)

    def _ask(
        self, method: str, path: str, read: Callable[[Answer], T], *, body: Mapping[str, str] | None = None, times: int = 1
    ) -> T:
        """One call, its answer read by `read`. Raises Unreachable for an answer that no Connect gives."""
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        answer = self._settled(method, path, sent, timeout_s=times * self._access.timeout_s)
        try:
            if answer.status >= 400:
                raise self._refusal(method, path, answer)
            return read(answer)
        except NotConnect as odd:
            raise Unreachable(
                f"{self._link.where(method, path)}: no answer of Kafka Connect came, but HTTP {answer.status} with "
                f"{self._link.shown(f'{odd}')}; check connect.url in site.yaml (host, port, path prefix), whether Connect is still "
                "starting, and whether a login page or a proxy stands before it (connect.user, connect.token_file, connect.proxy)"
            ) from odd

    def _settled(self, method: str, path: str, body: bytes | None, *, timeout_s: float) -> Answer:
        """The answer once the cluster no longer says that it is busy, or after `busy_s`."""
        began, waited, delay = time.monotonic(), 0.0, 0.25
        while True:
            answer = self._link.exchange(method, path, body=body, timeout_s=timeout_s)
            if not _busy(answer) or max(waited, time.monotonic() - began) >= self._access.busy_s:
                return answer
            self._pause(delay)
            waited, delay = waited + delay, min(delay * 2, 2.0)

    def _refusal(self, method: str, path: str, answer: Answer) -> CaptureError:
        """What an answer of 400 and above means. Raises NotConnect where no Connect gave it."""
        where = self._link.where(method, path)
        if answer.status in (401, 403, 407):
            return Misconfigured(f"{where}: HTTP {answer.status}, not let in; {self._ways_in(answer)}")
        told = self._link.shown(own_error(answer)) or "no reason given"
        if answer.status == _NOT_FOUND:
            if path == "/connectors":
                raise NotConnect("no list of connectors, which every Connect has")
            self.names()  # the answer to a wrong path looks the same, and then this fails
            return _Absent(f"{where}: Kafka Connect answers {answer.status}: {told}")
        hint = "; the workers are still sharing out the work, try again" if _busy(answer) else ""
        return Refused(f"{where}: Kafka Connect answers {answer.status}: {told}{hint}")

    def _ways_in(self, answer: Answer) -> str:
        if answer.status == 407:
            return PROXY_LOGIN
        if self._access.token is not None:
            return "check connect.token_file"
        if self._access.user is not None:
            return "check connect.user and connect.password_file"
        return "set connect.user and connect.password_file, or connect.token_file"


def _path(connector: str) -> str:
    return f"/connectors/{quote(connector, safe='')}"


def _busy(answer: Answer) -> bool:
    """Whether Connect itself asks for patience. A proxy's page with the same number is told at once."""
    if answer.status not in (*_BUSY, _FAILED):
        return False
    try:
        told = own_error(answer)
    except NotConnect:
        return False
    return answer.status in _BUSY or _REBALANCES in told
