"""What Kafka Connect's answers look like, and how anything else is told: a login page, a proxy, another service. Pure.

Every reader gives what the answer says, or raises `NotConnect`: no answer of another form is taken for one of Connect's.
"""

import json
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from connector.exchange import MOST_BYTES, Answer, bare
from connector.plan import redact_text

T = TypeVar("T")

_LONGEST_TRACE = 4_000
"""Debezium says what is lost, and what to do, behind some 600 characters about the place in the log."""
_DONE: Final = (202, 204)
_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}
_TITLE = re.compile(r"<title[^>]*>([^<]{1,80})</title>", re.IGNORECASE)


class NotConnect(Exception):
    """What answers is not Connect, or its answer is not whole. The text says what came and what belongs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A connector that Connect can start."""

    class_name: str
    """Its Java class."""
    version: str | None
    """As it tells it; None where it tells none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a Connect says of itself."""

    version: str
    """Of the worker that answers."""
    cluster: str
    """Id of the brokers' cluster that it works with; `""` where it tells none."""
    date: str | None
    """Its clock, as HTTP's `Date` has it; None where it tells none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigError:
    """One option that Connect does not accept, and why."""

    key: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """One task of a connector."""

    number: int
    state: str
    worker: str
    trace: str | None
    """First line of the error that ended it, without secrets; None where none did."""


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
        """Whether the connector and all its tasks run. One that lost its database counts as running, because it tries again in
        silence.
        """
        return self.state == "RUNNING" and bool(self.tasks) and all(task.state == "RUNNING" for task in self.tasks)

    @property
    def failure(self) -> str | None:
        """Why the connector or one of its tasks failed; None where none did."""
        parts = [(self.state, self.trace), *((task.state, task.trace) for task in self.tasks)]
        return next((trace or "failed without a word" for state, trace in parts if state == "FAILED"), None)


def nothing(answer: Answer) -> None:
    """The answer to an order that was taken: 202 or 204, and no body. A login page has a body and 200."""
    if answer.status not in _DONE or answer.body.strip():
        raise NotConnect(f"{_content(answer)} where 202 or 204 and nothing belong")


def said(answer: Answer) -> str:
    """What Connect says of an order that it carried out."""
    return _member(_document(answer), "message", str)


def own_error(answer: Answer) -> str:
    """Connect's own words in an answer of 400 and above; a proxy's page has another form."""
    found = _document(answer)
    _member(found, "error_code", int)
    return _member(found, "message", str)


def about_of(answer: Answer) -> About:
    """What is told at the root of the interface."""
    found = _document(answer)
    cluster = _as(found, dict).get("kafka_cluster_id")
    return About(version=_member(found, "version", str), cluster=f"{cluster or ''}", date=answer.headers.get("date"))


def names_of(answer: Answer) -> tuple[str, ...]:
    """Names of the connectors."""
    return tuple(_as(name, str, f"[{at}]") for at, name in enumerate(_as(_document(answer), list)))


def plugins_of(answer: Answer) -> tuple[Plugin, ...]:
    """The connectors that can be started; one class can be there in several versions."""
    return tuple(_plugin(plugin, f"[{at}]") for at, plugin in enumerate(_as(_document(answer), list)))


def config_of(answer: Answer, connector: str) -> dict[str, str]:
    """A connector's configuration. Connect always puts its name into it."""
    return _config(_document(answer), connector)


def created_of(answer: Answer, connector: str) -> None:
    """Check the answer to a configuration that was put: it repeats the configuration."""
    _config(_member(_document(answer), "config", dict), connector)


def errors_of(answer: Answer) -> tuple[ConfigError, ...]:
    """What is wrong with a configuration, option by option."""
    errors = []
    for at, entry in enumerate(_member(_document(answer), "configs", list)):
        place = f"configs[{at}]"
        value = _as(entry, dict, place).get("value")
        if value is None:
            continue
        key = _member(value, "name", str, f"{place}.value")
        told = [_as(text, str, f"{place}.value.errors") for text in _member(value, "errors", list, f"{place}.value")]
        if told:
            errors.append(ConfigError(key=key, messages=tuple(map(redact_text, told))))
    return tuple(errors)


def status_of(answer: Answer, connector: str) -> ConnectorStatus:
    """States of a connector and its tasks."""
    found = _document(answer)
    whole = _member(found, "connector", dict)
    return ConnectorStatus(
        connector=_named(found, connector),
        state=_member(whole, "state", str, "connector"),
        worker=_member(whole, "worker_id", str, "connector"),
        trace=_first_cause(whole, "connector"),
        tasks=tuple(_task(task, f"tasks[{at}]") for at, task in enumerate(_member(found, "tasks", list))),
    )


def _plugin(plugin: object, place: str) -> Plugin:
    class_name = _member(plugin, "class", str, place)
    told = _as(plugin, dict, place).get("version") is not None
    return Plugin(class_name=class_name, version=_member(plugin, "version", str, place) if told else None)


def _task(task: object, place: str) -> TaskStatus:
    return TaskStatus(
        number=_member(task, "id", int, place),
        state=_member(task, "state", str, place),
        worker=_member(task, "worker_id", str, place),
        trace=_first_cause(task, place),
    )


def _config(found: object, connector: str) -> dict[str, str]:
    config = {key: _as(value, str, key) for key, value in _as(found, dict).items() if value is not None}
    _named(config, connector)
    return config


def _named(found: object, connector: str) -> str:
    name = _member(found, "name", str)
    if name != connector:
        raise NotConnect(f"`name` is another than {connector}, which was asked for")
    return name


def _document(answer: Answer) -> object:
    """The JSON of an answer."""
    if answer.status < 200 or 300 <= answer.status < 400 or len(answer.body) > MOST_BYTES or not answer.body.strip():
        raise NotConnect(f"{_content(answer)} where JSON belongs")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as exc:
        raise NotConnect(f"{_content(answer)} where JSON belongs") from exc


def _content(answer: Answer) -> str:
    """What came, in words."""
    start = answer.body[:4096].decode("utf-8", "replace").strip()
    location = answer.headers.get("location")
    if 300 <= answer.status < 400:
        return f"a redirect to {bare(location or 'nowhere')}, which is not followed,"
    if len(answer.body) > MOST_BYTES:
        return f"more than {MOST_BYTES >> 20} MiB"
    if start.startswith("<"):
        title = _TITLE.search(start)
        return "a page of HTML" + (f" ({' '.join(title[1].split())})" if title else "")
    try:
        return _KINDS[type(json.loads(answer.body))] if start else "nothing"
    except (ValueError, RecursionError):
        return "what is no JSON or breaks off"


def _member(holder: object, name: str, kind: type[T], place: str = "") -> T:
    inside = f"{place}.{name}" if place else name
    return _as(_as(holder, dict, place).get(name), kind, inside)


def _as(value: object, kind: type[T], place: str = "") -> T:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise NotConnect(f"{_KINDS[type(value)]} where {_KINDS[kind]} belongs{f', at `{place}`' if place else ''}")


def _first_cause(holder: object, place: str) -> str | None:
    """The first line of a Java trace, and the last cause where that says more."""
    if not _as(holder, dict, place).get("trace"):
        return None
    lines = _member(holder, "trace", str, place).splitlines()
    causes = [line for line in lines if line.startswith("Caused by: ")]
    told = lines[0] if not causes else f"{lines[0]}; {causes[-1].lower()[:1]}{causes[-1][1:]}"
    return redact_text(told)[:_LONGEST_TRACE]
