"""Rule R9: a refund line follows the line that it takes back, and takes back no more of an item than the visit was charged.

A refund line is a fee line with a negative amount; the item is its MED_LIST_CODG (guide 712).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import orjson

from streams.domain.join.charging import AMOUNT, ITEM, Charging
from streams.domain.join.gone import record_of
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.records import Lookups, Record, Refusal
from streams.domain.validate.judge import REFUNDS
from streams.domain.violations import DeadClass, Level, Violation, seen
from streams.spec.fields import ServiceCode

CLAUSE: Final = "guide 712"


def is_refund(record: Record) -> bool:
    """Whether a record takes money back."""
    return record.service is ServiceCode.FEE and record.amount.startswith("-")


def judge(visit: Visit, row: StoredRow, record: Record, lookups: Lookups, *, charging: Charging) -> Record | Refusal | Part:
    """What becomes of a refund line that is about to be reported: its record, perhaps with a warning; a refusal; or the part that
    it must wait for.

    By default it waits until the line that it takes back was reported, and a refund of more than was charged only warns. A level
    that the site sets for R9 applies to both.
    """
    level = visit.mapping.dialect.levels.get(REFUNDS)
    if level == "off":
        return record
    item, name = orjson.loads(record.value).get(ITEM) or "", record_of(record.institution, record.key)
    told = charging.sum_of(visit, row, lookups, item=(record.institution, item), record=name)
    balance = told.balance + Decimal(record.amount)
    if not told.is_reported and level != "warn" and not row.emitted:
        return Part.UNREPORTED_LINE if told.is_awaited else Part.POSITIVE_LINE
    if balance >= 0:
        return record
    return _overdrawn(record, Level.REFUSE if level == "refuse" else Level.WARN)


def freed_by(visit: Visit, charged: Sequence[StoredRow], lookups: Lookups, *, charging: Charging) -> Sequence[StoredRow]:
    """The refund lines that are held and may go, or wait for something else, after these lines changed."""
    if not visit.holds_refunds:
        return ()
    charging.count(visit, lookups)
    charges = [charging.charge_of(visit, row, lookups) for row in charged]
    if None in charges:
        return visit.waiting_refunds()
    items = {charge.item_of for charge in (*charges, *(row.charge for row in charged)) if charge is not None}
    held = ((row, row.charge or charging.charge_of(visit, row, lookups)) for row in visit.waiting_refunds(items))
    return [row for row, charge in held if charge is None or charge.item_of in items]


def _overdrawn(record: Record, level: Level) -> Record | Refusal:
    violation = Violation(
        field=AMOUNT,
        rule=REFUNDS,
        level=level,
        dead_class=DeadClass.VALIDATION,
        clause=CLAUSE,
        masked=seen(AMOUNT, record.amount),
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
