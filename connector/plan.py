"""What applying a connector's configuration would change, and what each change costs. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Config: TypeAlias = Mapping[str, str]

_SECRET = re.compile(r"password|secret|\btoken\b|sasl\.jaas|credential", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^{}]+\}")
_ITEMS = re.compile(r"[,;]")


class Action(StrEnum):
    """What has to be done to a connector."""

    CREATE = "create"
    UNCHANGED = "unchanged"
    UPDATE = "update"


class Cost(StrEnum):
    """What a change costs.

    NOTE: nothing is lost. RESNAPSHOT: existing rows must be read again by hand. LOSS: the position in the database's log, or the
    order within a visit, is lost; it is refused unless it was asked for.
    """

    NOTE = "note"
    RESNAPSHOT = "resnapshot"
    LOSS = "loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """Something that a person should know before a change is applied."""

    cost: Cost
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One option that differs; None where it is absent. Secrets are redacted."""

    key: str
    live: str | None
    desired: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorPlan:
    """The difference between a desired and a live configuration."""

    connector: str
    """Name in Kafka Connect."""
    source: str
    """The database that it captures."""
    action: Action
    """What has to be done."""
    changes: tuple[Change, ...]
    """The options that differ."""
    consequences: tuple[Consequence, ...]
    """What a person should know before."""
    read_again: tuple[str, ...] = ()
    """Tables of which capture has not read the rows, or not all columns, that it captures from then on."""

    @property
    def loses(self) -> bool:
        """Whether applying it loses a position or an order."""
        return any(consequence.cost is Cost.LOSS for consequence in self.consequences)


def plan_connector(connector: str, *, source: str, desired: Config, live: Config | None) -> ConnectorPlan:
    """Compare a desired configuration with the live one; `live` is None where there is no such connector. Connect's own option
    `name` does not count as a difference.
    """
    if live is None:
        return ConnectorPlan(
            connector=connector,
            source=source,
            action=Action.CREATE,
            changes=(),
            consequences=(
                Consequence(
                    cost=Cost.NOTE,
                    what="every row of the captured tables is read, unless a position is still stored; then changes follow",
                ),
            ),
        )
    there = {key: value for key, value in live.items() if key != "name"}
    keys = sorted(key for key in desired.keys() | there.keys() if desired.get(key) != there.get(key))
    changes = tuple(_change(key, live=there.get(key), desired=desired.get(key)) for key in keys)
    return ConnectorPlan(
        connector=connector,
        source=source,
        action=Action.UPDATE if changes else Action.UNCHANGED,
        changes=changes,
        consequences=tuple(_consequences(keys, live=there, desired=desired)),
        read_again=tuple(_to_be_read(live=there, desired=desired)),
    )


def redact(key: str, value: str | None) -> str | None:
    """A value fit to be shown: a secret option keeps only a reference to a config provider."""
    if value is None or not _SECRET.search(key) or _REFERENCE.fullmatch(value):
        return value
    return "***"


def redact_text(text: str) -> str:
    """Free text of Connect or Debezium with the values behind `password=` and the like hidden."""
    return re.sub(r"(?i)((?:password|secret|token)[\w.]*['\"]?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)", r"\1***", text)


def _change(key: str, *, live: str | None, desired: str | None) -> Change:
    return Change(key=key, live=redact(key, live), desired=redact(key, desired))


def _consequences(keys: list[str], *, live: Config, desired: Config) -> Iterator[Consequence]:
    for key in keys:
        if key in _LOSSES:
            yield Consequence(cost=Cost.LOSS, what=f"{key}: {_LOSSES[key]}")
        elif re.fullmatch(r"transforms\.\w+\.partition\.(topic\.num|hash\.function|payload\.fields)", key) and key in live:
            yield Consequence(
                cost=Cost.LOSS, what=f"{key}: later rows of a visit would go to another partition than its earlier ones"
            )
    yield from _of_list("table.include.list", live=live, desired=desired, noun="tables")
    yield from _of_list("column.include.list", live=live, desired=desired, noun="columns")
    if "message.key.columns" in keys:
        yield Consequence(cost=Cost.NOTE, what="message.key.columns: later rows carry another message key than earlier ones")
    if "publication.name" in keys:
        yield Consequence(cost=Cost.NOTE, what="publication.name: changes that only the old publication carries are not captured")


_LOSSES = {
    "topic.prefix": "the stored position belongs to the old name; all rows are read again, under a source unknown to the join",
    "slot.name": "a new slot starts at now; what changed since the old slot's position is never captured",
    "database.hostname": "the stored position is one of the other server's log",
    "database.dbname": "the stored position and the slot belong to the other database",
    "connector.class": "another kind of database has other positions",
}


def _of_list(key: str, *, live: Config, desired: Config, noun: str) -> Iterator[Consequence]:
    before, after = _entries(live.get(key)), _entries(desired.get(key))
    if added := _added(key, live=live, desired=desired):
        yield Consequence(
            cost=Cost.RESNAPSHOT,
            what=f"{noun} added: {', '.join(added)}; their existing rows arrive only after a snapshot on demand",
        )
    if removed := [entry for entry in before if entry not in after]:
        yield Consequence(cost=Cost.NOTE, what=f"{noun} no longer captured: {', '.join(removed)}")


def _to_be_read(*, live: Config, desired: Config) -> Iterator[str]:
    tables = _added("table.include.list", live=live, desired=desired)
    of_columns = [column.rpartition(".")[0] for column in _added("column.include.list", live=live, desired=desired)]
    yield from dict.fromkeys((*tables, *of_columns))


def _added(key: str, *, live: Config, desired: Config) -> list[str]:
    before = _entries(live.get(key))
    return [entry for entry in _entries(desired.get(key)) if entry not in before]


def _entries(text: str | None) -> list[str]:
    return [entry.replace("\\", "") for entry in _ITEMS.split(text)] if text else []
