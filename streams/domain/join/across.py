"""The rules across rows of a visit that only warn, R2 (`tallying`) and R25 (`reversing`): what ticks do about them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from connector.contract import TableRole
from streams.domain.join import reversals
from streams.domain.join.entries import visit_key_of
from streams.domain.join.remembered import Recall
from streams.domain.join.reversing import alone, cents_of
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallying import Counts, Tallying
from streams.domain.join.view import StateView
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import CompiledMapping
from streams.domain.validate.judge import REVERSED
from streams.domain.violations import OF_FIELD

WARNED: Final = f"warned_{REVERSED}"
"""Outcome: of a settlement it was counted that it takes back one that its visit does not have."""


class Across:
    """What one tick does about them."""

    def __init__(self, view: StateView, recall: Recall) -> None:
        self._view, self._recall = view, recall
        self._sums, self._reversed = Tallying(view), list[bytes]()

    def meets(self, keys: Iterable[bytes]) -> None:
        """Entries whose time is over, of these rules and of others."""
        self._sums.meets(keys)
        self._reversed += filter(reversals.is_reversal, keys)

    def tick(self, run: Counts, at: int, mappings: Mapping[str, CompiledMapping], *, most: int) -> None:
        """Count what is so after its time. most: so many of each rule."""
        self._sums.tick(run, at, mappings, most=most)
        of_visits: dict[tuple[bytes, str], list[bytes]] = defaultdict(list)
        for key in self._reversed[:most]:
            value = None if visit_key_of(key) in run.kept else self._view.get(key)
            if value is not None and reversals.load(value) <= at:
                of_visits[visit_key_of(key), reversals.source_in(key)].append(key)
        for (visit_key, source), keys in of_visits.items():
            run.take((key, None) for key in keys)
            if (mapping := mappings.get(source)) is not None and mapping.stated is not None:
                self._judge(run, Visit(visit_key, mapping, self._view, self._recall), keys)

    def _judge(self, run: Counts, visit: Visit, keys: Sequence[bytes]) -> None:
        """Count those of a visit's reversed settlements that stand alone. A mapping without the rule knows none."""
        stated, found = visit.mapping.stated, dict[int, set[bytes]]()
        assert stated is not None
        rows: list[StoredRow] = visit.rows(TableRole.SETTLEMENT)
        for where in map(reversals.row_of, keys):
            row = visit.at(where)
            cents = cents_of(stated, row)
            if cents not in found:
                found[cents] = {visit.place(one) for one in alone(rows, stated, -cents)} if cents < 0 else set()
            if where in found[cents]:
                run.count(WARNED)
                run.count(f"{OF_FIELD}{REVERSED} MEDFEE_SUMAMT")
