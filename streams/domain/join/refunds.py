"""Rule R9: a refund line follows the line that it takes back, and takes back no more of an item than the visit was charged.

A refund line is a fee line with a negative amount; the item is its MED_LIST_CODG (guide 712).
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import StoredRow
from streams.domain.join.gathering import gather
from streams.domain.join.gone import record_of
from streams.domain.join.ledger import Charge, Item, Sum
from streams.domain.join.parts import Part
from streams.domain.join.visit import Visit, arrival
from streams.domain.normalise.compiled import value_of
from streams.domain.normalise.fields import FieldStep
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.sources import LookupUnknown, Reading, columns_of, lookups_of
from streams.domain.records import Lookups, Record, Refusal, SourceRows
from streams.domain.validate.judge import REFUNDS
from streams.domain.violations import DeadClass, Level, Unfit, Violation, seen
from streams.spec.fields import ServiceCode

CLAUSE: Final = "guide 712"
_ITEM: Final = "MED_LIST_CODG"
_AMOUNT: Final = "DET_ITEM_FEE_SUMAMT"
_MANY: Final = 100
"""More held refunds are looked up in the ledger, which is made for that of all lines; fewer are looked at one by one."""


def is_refund(record: Record) -> bool:
    """Whether a record takes money back."""
    return record.service is ServiceCode.FEE and record.amount.startswith("-")


def judge(visit: Visit, row: StoredRow, record: Record, lookups: Lookups) -> Record | Refusal | Part:
    """What becomes of a refund line that is about to be reported: its record, perhaps with a warning; a refusal; or the part that
    it must wait for.

    By default it waits until the line that it takes back was reported, and a refund of more than was charged only warns. A level
    that the site sets for R9 applies to both.
    """
    level = visit.mapping.dialect.levels.get(REFUNDS)
    if level == "off":
        return record
    item = (record.institution, orjson.loads(record.value).get(_ITEM))
    found, name = _reading(visit.mapping), record_of(record.institution, record.key)
    if found.alone:
        ledger = visit.made_ledger(_tag(found, lookups), partial(_charge, visit.mapping, found, lookups))
        told = ledger.sum_of(item, but=visit.place(row), record=name)
    else:
        told = _counted(visit, row, found, lookups, item=item, record=name)
    balance = told.balance + Decimal(record.amount)
    if not told.is_reported and level != "warn" and not row.emitted:
        return Part.UNREPORTED_LINE if told.is_awaited else Part.POSITIVE_LINE
    if balance >= 0:
        return record
    return _overdrawn(record, Level.REFUSE if level == "refuse" else Level.WARN)


def freed_by(visit: Visit, charged: Sequence[StoredRow], lookups: Lookups) -> Sequence[StoredRow]:
    """The refund lines that are held and may go, or wait for something else, after these lines changed."""
    if not visit.holds_refunds:
        return ()
    found = _reading(visit.mapping)
    items = [_charge(visit.mapping, found, lookups, row) for row in charged] if found.alone else [None]
    if None in items:
        return visit.waiting_refunds()
    charge_of, of = partial(_charge, visit.mapping, found, lookups), {charge.of for charge in items if charge is not None}
    ledger = visit.ledger(_tag(found, lookups), charge_of, make=visit.holds_refunds > _MANY)
    if ledger is not None:
        return visit.waiting_refunds(ledger.held(of))
    return [row for row in visit.waiting_refunds() if (charge := charge_of(row)) is None or charge.of in of]


class _Reads(NamedTuple):
    """How item and amount of a line are read."""

    item: FieldStep
    amount: FieldStep
    alone: bool
    """Whether both stand on the line itself, or are found by it, as a rule: then nothing else of the visit decides about them."""
    lookups: tuple[str, ...]


def _reading(mapping: CompiledMapping) -> _Reads:
    of = {step.name: step for step in mapping.records[ServiceCode.FEE].steps if step.name in {_ITEM, _AMOUNT}}
    alone = all(role is TableRole.FEE for step in of.values() for role, _ in columns_of(step.source))
    names = sorted({name for step in of.values() for name in lookups_of(step.source)})
    return _Reads(of[_ITEM], of[_AMOUNT], alone, tuple(names))


def _tag(found: _Reads, lookups: Lookups) -> object:
    """What charges depend on besides the lines."""
    return tuple([lookups.version(name) for name in found.lookups])


def _charge(mapping: CompiledMapping, found: _Reads, lookups: Lookups, row: StoredRow) -> Charge | None:
    """What a line charges, as it is now; None where nobody can say."""
    institution = mapping.institution(TableRole.FEE, row.columns)
    if institution is None:
        return None
    reading = Reading(SourceRows(fee=row.columns), lookups)
    reading.institution = mapping.institutions.get(institution)
    return _charge_of(row, found, reading, institution=institution)


def _charge_of(row: StoredRow, found: _Reads, reading: Reading, *, institution: str) -> Charge | None:
    try:
        item, amount = value_of(found.item, reading), Decimal(value_of(found.amount, reading) or 0)
    except (Unfit, LookupUnknown):
        return None
    is_awaited = row.is_awaited
    return Charge((institution, item), amount, row.reported_as, bool(row.emitted) and not is_awaited, is_awaited, arrival(row))


def _counted(  # noqa: PLR0913 - the same as the ledger's sums
    visit: Visit, row: StoredRow, found: _Reads, lookups: Lookups, *, item: Item, record: str
) -> Sum:
    """The same, where what is read of other rows of the visit decides about a line's item or amount: counted anew each time."""
    reported, awaited, balance, counted = False, False, Decimal(0), {record}
    for other in visit.rows(TableRole.FEE):
        institution = visit.mapping.institution(TableRole.FEE, other.columns)
        if institution != item[0] or institution is None or (other.table, other.key) == (row.table, row.key):
            continue
        reading = Reading(gather(visit, other, institution=institution).rows, lookups)
        reading.institution = visit.mapping.institutions.get(institution)
        charge = _charge_of(other, found, reading, institution=institution)
        if charge is None or charge.of != item:
            continue
        awaited |= charge.is_awaited and charge.amount > 0
        # Two rows may back one record, which was charged once.
        if charge.is_reported and charge.record not in counted:
            counted |= {charge.record} - {""}
            reported |= charge.amount > 0
            balance += charge.amount
    return Sum(is_reported=reported, is_awaited=awaited, balance=balance)


def _overdrawn(record: Record, level: Level) -> Record | Refusal:
    violation = Violation(
        field=_AMOUNT,
        rule=REFUNDS,
        level=level,
        dead_class=DeadClass.VALIDATION,
        clause=CLAUSE,
        masked=seen(_AMOUNT, record.amount),
        message="同一就诊同一项目的退费合计超过已收费用",
    )
    violations = (*record.warnings, violation)
    if level is Level.WARN:
        return record._replace(warnings=violations)
    return Refusal(
        service=record.service,
        institution=record.institution,
        key=record.key,
        violations=violations,
        mapping_version=record.mapping_version,
    )
