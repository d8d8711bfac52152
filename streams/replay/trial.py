"""The dry run of a replay: each order is folded as the join would fold it, over a copy of its state, and nothing is written."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.domain.changes import Incoming
from streams.domain.join import replaying
from streams.domain.join.entries import is_row, key_of, load, visit_key_of
from streams.domain.join.fold import Joiner
from streams.domain.join.results import Folded
from streams.domain.join.stored import StoredRow
from streams.domain.records import Header, Lookups
from streams.domain.replay import Replay, replay_value
from streams.domain.roles import ROW_INDEX
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.ports import TopicPartition
from streams.replay.plan import Outcome

_BEHIND_ALL = 1 << 60


class Tried(NamedTuple):
    """What would come of an order."""

    outcome: Outcome
    why: str
    """Class and rule of the refusal, or what is missing; `""` for nothing."""
    released: int = 0
    """How many other records would go with it, which wait for it."""
    is_told: bool = False
    """Whether the row has a letter of the join already that tells of this refusal."""


class Trial:
    """entries: the join's state of every visit that is tried. lookups: all rows of the lookup tables. now_ms: when it is."""

    def __init__(self, joiner: Joiner, entries: Mapping[bytes, bytes], lookups: Lookups, *, now_ms: int) -> None:
        self._joiner = joiner
        self._lookups = lookups
        self._now_ms = now_ms
        state = State(TopicPartition("visit.state", 0))
        state.apply(entries, position=None)
        self._view = Overlay(state)

    def tried(self, order: Replay) -> Tried:
        """What would come of an order, after those that were tried before it."""
        value = replay_value(order, at=self._now_ms)
        incoming = Incoming("visit.changes", 0, _BEHIND_ALL, order.visit.encode(), value, (), self._now_ms)
        before = self._row_of(order)
        folded = self._joiner.fold(incoming, self._view, self._lookups)
        self._view.apply(folded.state)
        told, now = _told(folded, order), self._row_of(order)
        is_told = before is not None and now is not None and bool(before.letter) and before.refused == now.refused
        return told._replace(is_told=is_told and told.outcome is Outcome.FAILS)

    def _row_of(self, order: Replay) -> StoredRow | None:
        mapping = self._joiner.mappings.get(order.source)
        rule = None if mapping is None else mapping.tables.get(order.table)
        if rule is None or rule.role not in ROW_INDEX:
            return None
        key = tuple([order.key.get(name, "") for name in rule.key])
        where = key_of(order.visit.encode(), rule.role, order.source, order.table, key)
        value = self._view.get(where)
        return None if value is None else load(where, value)


def rows_of(entries: Mapping[bytes, bytes]) -> dict[str, list[StoredRow]]:
    """The rows in state entries, by visit."""
    rows: dict[str, list[StoredRow]] = {}
    for key, value in entries.items():
        if is_row(key):
            rows.setdefault(visit_key_of(key).decode(errors="replace"), []).append(load(key, value))
    return rows


def _told(folded: Folded, order: Replay) -> Tried:
    for outcome, meant in _NOTHING.items():
        if folded.counts.get(outcome):
            return Tried(meant, "")
    own = [one for one in folded.ready if _is_of(one.tail, order)]
    if own:
        return Tried(Outcome.PASSES, "", len(folded.ready) - len(own))
    if refusals := [letter for letter in folded.dead if _is_of(letter.original_headers, order)]:
        return Tried(Outcome.FAILS, f"{refusals[0].dead_class.value} {refusals[0].rule}")
    if folded.closed and not order.is_of_ready:
        return Tried(Outcome.MENDED, "")
    if folded.counts.get("unchanged"):
        return Tried(Outcome.UNCHANGED, "")
    return Tried(Outcome.WAITS, "")


_NOTHING = {replaying.GONE: Outcome.GONE, replaying.STALE: Outcome.STALE, replaying.UNKNOWN: Outcome.UNKNOWN}


def _is_of(headers: Iterable[Header], order: Replay) -> bool:
    return order.headers[0] in headers
