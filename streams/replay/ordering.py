"""From a dead letter to the order that tries its record again: which row it is of."""

from collections.abc import Mapping
from typing import Final

import orjson

from streams.deadletter.record import DeadLetterView
from streams.domain.join.gone import record_of
from streams.domain.join.replaying import BY
from streams.domain.join.stored import StoredRow
from streams.domain.normalise.record import CompiledMapping
from streams.domain.replay import Replay
from streams.domain.violations import DeadClass
from streams.replay.plan import Depth, Outcome

_NEVER: Final = frozenset({DeadClass.WITHDRAWN.value})
"""Of these the record is at the platform, and its row is gone: a person tells the platform."""
_OF_PLATFORM: Final = DeadClass.REJECTED.value


class Ordering:
    """mappings: of the site, by source. rows: of a visit, what the join remembers."""

    def __init__(self, mappings: Mapping[str, CompiledMapping], rows: Mapping[str, list[StoredRow]]) -> None:
        self._mappings = mappings
        self._rows = rows

    def order(self, letter: DeadLetterView, *, plan: str, depth: Depth) -> Replay | Outcome:
        """The order for a letter, or why there is none."""
        if letter.dead_class in _NEVER or (depth is Depth.RESEND and letter.dead_class != _OF_PLATFORM):
            return Outcome.EXCLUDED
        visit, found = visit_of(letter), self.row_of(letter)
        if found is None or not visit:
            return Outcome.UNKNOWN
        source, table, key = found
        order = Replay(source, table, key, visit, plan, letter.id, letter.replay_count, letter.first_failed_at)
        return as_it_was(order, letter) if depth is Depth.RESEND else order

    def row_of(self, letter: DeadLetterView) -> tuple[str, str, Mapping[str, str]] | None:
        """Source, table and key of the row of a letter about a record; None where nobody remembers it."""
        return self._handed_on(letter, visit_of(letter)) if letter.stage == "deliver" else self._row(letter)

    def _row(self, letter: DeadLetterView) -> tuple[str, str, Mapping[str, str]] | None:
        """The row of a letter of the join, as its document names it."""
        try:
            named = orjson.loads(letter.value or b"")["row"]
            source, table, values = named["source"], named["table"], [f"{one}" for one in named["key"]]
            columns = self._mappings[source].tables[table].key
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
        return (source, table, dict(zip(columns, values, strict=True))) if len(columns) == len(values) else None

    def _handed_on(self, letter: DeadLetterView, visit: str) -> tuple[str, str, Mapping[str, str]] | None:
        """The row that was handed on as the record of this letter."""
        record = record_of(letter.institution, _header(letter, "record-key"))
        for row in self._rows.get(visit, ()):
            mapping = self._mappings.get(row.source)
            if mapping is None or row.deleted or row.reported_as != record or row.table not in mapping.tables:
                continue
            if mapping.services_of(row.role).value == letter.service:
                return row.source, row.table, dict(zip(mapping.tables[row.table].key, row.key, strict=True))
        return None


def as_it_was(order: Replay, letter: DeadLetterView) -> Replay:
    """The order for the record that the platform refused, once more as it was: only where nothing else was handed on since."""
    return order._replace(resend=letter.content_hash, position=_header(letter, BY) or _header(letter, "position"))


def visit_of(letter: DeadLetterView) -> str:
    """The visit in whose lane a letter was written; `""` where it does not say."""
    return (letter.key or b"").decode(errors="replace") if letter.service else ""


def _header(letter: DeadLetterView, name: str) -> str:
    return next((value.decode(errors="replace") for other, value in letter.original_headers if other == name and value), "")
