"""What the lines of a visit charge, and how they come into its sums (`streams.domain.join.ledger`)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from connector.contract import TableRole
from streams.domain.join.gathering import gather
from streams.domain.join.ledger import Line, Sum, line_of
from streams.domain.join.stored import Charge, Item, StoredRow
from streams.domain.join.visit import Visit
from streams.domain.normalise.fields import FieldStep, value_of
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.sources import LookupUnknown, Reading, columns_of
from streams.domain.records import Lookups, SourceRows
from streams.domain.violations import Unfit
from streams.spec.fields import ServiceCode

ITEM: Final = "MED_LIST_CODG"
AMOUNT: Final = "DET_ITEM_FEE_SUMAMT"
SUMMED: Final = "summed"
"""Outcome: a change was put into the sums of its visit."""

_FEE: Final = TableRole.FEE


class _Reads(NamedTuple):
    """How item and amount of a line are read."""

    item: FieldStep
    amount: FieldStep
    alone: bool
    """Whether both stand on the line itself, or are found by it, as a rule: then nothing else of the visit decides about them."""


class Charging:
    """mappings: by source name. few: a visit of more lines has sums once a refund is weighed; of fewer, its lines are looked at.
    many: a visit of more lines has sums before: making them of all its lines at its first refund would take long.
    """

    def __init__(self, mappings: Mapping[str, CompiledMapping], *, few: int, many: int) -> None:
        self._reads = {source: _reads(mapping) for source, mapping in mappings.items() if ServiceCode.FEE in mapping.records}
        self._few, self._many = few, many

    def count(self, visit: Visit, lookups: Lookups, *, weighed: bool = False) -> bool:
        """Put the lines into the sums that the fold changed; whether there are sums. weighed: a refund is about to be, for which a
        long stay needs them, whoever left it without.
        """
        if not (visit.has_ledger or self._begins(visit, weighed=weighed)):  # as nearly all
            visit.uncounted.clear()
            return False
        ledger = visit.ledger
        if not ledger.is_kept and self._begins(visit, weighed=weighed):
            ledger.begin()
            for where, row in visit.lines():
                self._put(visit, where, row, lookups)
        elif ledger.is_kept:
            for where in visit.uncounted:
                self._put(visit, where, visit.changed[where], lookups)
        visit.uncounted.clear()
        return ledger.is_kept

    def sum_of(self, visit: Visit, row: StoredRow, lookups: Lookups, *, item: Item, record: str) -> Sum:
        """What all lines of an item say to one of them. record: which that is, or will be."""
        if self.count(visit, lookups, weighed=True) and not visit.is_emptied:
            return visit.ledger.sum_of(item, but=visit.place(row), record=record)
        return self._looked_at(visit, row, lookups, item=item, record=record)

    def charge_of(self, visit: Visit, row: StoredRow, lookups: Lookups) -> Charge | None:
        """What a line charges, as it is now; None where nobody can say."""
        institution, reads = visit.mapping.institution(_FEE, row.columns), self._reads[visit.mapping.source]
        if institution is None:
            return None
        rows = (
            SourceRows(fee=row.columns, tables=("", "", row.table))
            if reads.alone
            else gather(visit, row, institution=institution).rows
        )
        reading = Reading(rows, lookups)
        reading.institution = visit.mapping.institutions.get(institution)
        try:
            return Charge(institution, value_of(reads.item, reading), value_of(reads.amount, reading) or "0")
        except (Unfit, LookupUnknown):
            return None

    def _begins(self, visit: Visit, *, weighed: bool) -> bool:
        lines = visit.lines_known
        return not visit.is_emptied and (weighed if lines is None else lines > (self._few if weighed else self._many))

    def _put(self, visit: Visit, where: bytes, row: StoredRow, lookups: Lookups) -> None:
        charge = self.charge_of(visit, row, lookups) if visit.stands(row) else None
        if charge != row.charge:
            row = visit.changed[where] = row._replace(charge=charge)
        visit.ledger.put(where, row)

    def _looked_at(self, visit: Visit, row: StoredRow, lookups: Lookups, *, item: Item, record: str) -> Sum:
        """The same where there are no sums that are true: looked at anew each time."""
        awaited, reported = False, dict[str | bytes, Line]()
        for other in visit.rows(_FEE):
            charge = other.charge or self.charge_of(visit, other, lookups)
            if charge is None or charge.item_of != item or (other.table, other.key) == (row.table, row.key):
                continue
            line = line_of(visit.place(other), other._replace(charge=charge), shared=True)
            assert line is not None
            awaited |= line.is_awaited and line.amount > 0
            # Two rows may back one record, which was charged once.
            if line.is_reported and line.record != record:
                reported.setdefault(line.record, line)
        amounts = [line.amount for line in reported.values()]
        return Sum(is_reported=any(amount > 0 for amount in amounts), is_awaited=awaited, balance=sum(amounts, Decimal(0)))


def _reads(mapping: CompiledMapping) -> _Reads:
    of = {step.name: step for step in mapping.records[ServiceCode.FEE].steps if step.name in {ITEM, AMOUNT}}
    alone = all(role is _FEE for step in of.values() for role, _ in columns_of(step.source))
    return _Reads(of[ITEM], of[AMOUNT], alone)
