"""What a person may end of what waits in the join: found by the index of its state, read from the topic, as orders for the join."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.join.releasing import is_releasable
from streams.domain.join.stored import StoredRow
from streams.domain.normalise.record import CompiledMapping
from streams.domain.release import Release
from streams.explain.decoding import gone_in, row_in
from streams.explain.logs import Logs
from streams.explain.places import Place
from streams.explain.subject import Keys
from streams.explain.waits import WITHDRAWAL, kind_of

_AT_ONCE: Final = 2_000
_WAITING: Final = """
SELECT partition, offset, part FROM entries WHERE part <> '' AND (? = '' OR source = ?) AND since <= ? ORDER BY since, key
"""


class Chosen(NamedTuple):
    """Which waits are meant. `""`: all."""

    kind: str = ""
    """What is waited for, as `yibao join pending` names it."""
    source: str = ""
    """Source in site.yaml."""
    institution: str = ""
    """FIXMEDINS_CODE."""
    visit: str = ""
    """Key of the visit."""
    row: str = ""
    """Key of the row in its table; of several columns joined by `/`."""
    before: int = 1 << 60
    """That began until then (ms)."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Chosen(kind={self.kind!r}, source={self.source!r}, institution={self.institution!r})"


@dataclass(slots=True, kw_only=True)
class Releasable:
    """What was found of it."""

    plan: str
    """Id of the run."""
    orders: list[Release] = field(default_factory=list)
    """What may be ended, the wait that began first being first."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same by kind and institution."""
    told: int = 0
    """So many rows were told before, and wait on: their letters are there."""
    left: Counter[str] = field(default_factory=Counter)
    """By kind, what no person may end."""

    def take(self, visit: str, row: StoredRow, institution: str, key: Mapping[str, str] | None) -> None:
        """A row that is meant. key: its key by column; None where the mapping does not know it."""
        if row.refused:
            self.told += 1
        elif key is None or not is_releasable(row.waits_for):
            self.left[kind_of(row.waits_for)] += 1
        else:
            self.counts[kind_of(row.waits_for), institution] += 1
            self.orders.append(Release(row.source, row.table, key, visit, self.plan, row.waits_for, row.since))


def releasable(logs: Logs, keys: Keys, mappings: Mapping[str, CompiledMapping], chosen: Chosen, *, plan: str) -> Releasable:
    """What is meant. plan: id of the run. Raises as `Logs.state`."""

    def question(index: sqlite3.Connection) -> list[Place]:
        asked = index.execute(_WAITING, (chosen.source, chosen.source, chosen.before))
        return [Place(*place) for *place, part in asked if chosen.kind in ("", kind_of(part))]

    found = Releasable(plan=plan)
    for message in _read(logs, logs.state(question)):
        visit, row, gone = _visit(message), row_in(message), gone_in(message)
        if chosen.visit not in ("", visit):
            continue
        if gone is not None and not chosen.row and chosen.institution in ("", gone.record.partition("/")[0]):
            found.left[WITHDRAWAL] += 1
        elif row is not None and row.waits_for and chosen.row in ("", "/".join(row.key)):
            institution = row.reported_as.partition("/")[0] or keys.institution(row.source, row.role, row.columns)
            if chosen.institution in ("", institution):
                found.take(visit, row, institution, _key(row, mappings))
    return found


def standing(logs: Logs, orders: Iterable[Release]) -> int:
    """How many of these waits were not ended. Raises as `Logs.state`."""
    wanted = {(one.visit, one.source, one.table, tuple(one.key.values())): one for one in orders}

    def question(index: sqlite3.Connection) -> list[Place]:
        return [Place(*place) for *place, _ in index.execute(_WAITING, ("", "", 1 << 60))]

    still = 0
    for message in _read(logs, logs.state(question)):
        row = row_in(message)
        order = None if row is None else wanted.get((_visit(message), row.source, row.table, row.key))
        if row is not None and order is not None:
            still += not row.refused and (row.waits_for, row.since) == (order.part, order.since)
    return still


def _read(logs: Logs, places: list[Place]) -> Iterator[Incoming]:
    """What stands at these places, in their order. What is not there any more was written anew, or went, a moment ago."""
    for first in range(0, len(places), _AT_ONCE):
        some = places[first : first + _AT_ONCE]
        there = {Place(one.partition, one.offset): one for one in logs.at(logs.topics.state, {*some})}
        yield from (there[place] for place in some if place in there)


def _key(row: StoredRow, mappings: Mapping[str, CompiledMapping]) -> dict[str, str] | None:
    """A row's key by column; None where the mapping does not know its table, or knows another key."""
    mapping = mappings.get(row.source)
    rule = None if mapping is None else mapping.tables.get(row.table)
    return None if rule is None or len(rule.key) != len(row.key) else dict(zip(rule.key, row.key, strict=True))


def _visit(message: Incoming) -> str:
    return visit_key_of(message.key or b"").decode()
