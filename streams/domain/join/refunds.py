"""Rule R9: a refund line follows the line that it takes back, and takes back no more of an item than the visit was charged.

A refund line is a fee line with a negative amount; the item is its MED_LIST_CODG (guide 712).
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import StoredRow
from streams.domain.join.gathering import gather
from streams.domain.join.gone import record_of
from streams.domain.join.parts import Part
from streams.domain.join.visit import Visit
from streams.domain.normalise.compiled import value_of
from streams.domain.normalise.sources import LookupUnknown, Reading, columns_of
from streams.domain.records import Lookups, Record, Refusal, SourceRows
from streams.domain.validate.judge import REFUNDS
from streams.domain.violations import DeadClass, Level, Unfit, Violation, seen
from streams.spec.fields import ServiceCode

CLAUSE: Final = "guide 712"
_ITEM: Final = "MED_LIST_CODG"
_AMOUNT: Final = "DET_ITEM_FEE_SUMAMT"


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
    reported, awaited, balance = False, False, Decimal(record.amount)
    counted = {record_of(record.institution, record.key)}
    for other, amount in _charges(visit, row, record, lookups):
        awaited |= other.is_awaited and amount > 0
        # Two rows may back one record, which was charged once.
        if other.emitted and not other.is_awaited and other.reported_as not in counted:
            counted |= {other.reported_as} - {""}
            reported |= amount > 0
            balance += amount
    if not reported and level != "warn" and not row.emitted:
        return Part.UNREPORTED_LINE if awaited else Part.POSITIVE_LINE
    if balance >= 0:
        return record
    return _overdrawn(record, Level.REFUSE if level == "refuse" else Level.WARN)


def _charges(visit: Visit, row: StoredRow, record: Record, lookups: Lookups) -> Iterator[tuple[StoredRow, Decimal]]:
    """The visit's other lines of the same item at the same institution, with their amounts."""
    item = orjson.loads(record.value).get(_ITEM)
    steps = {step.name: step for step in visit.mapping.records[ServiceCode.FEE].steps if step.name in {_ITEM, _AMOUNT}}
    # As a rule both stand on the line itself, or are found by it: then nothing else of the visit needs to be gathered.
    alone = all(role is TableRole.FEE for step in steps.values() for role, _ in columns_of(step.source))
    for other in visit.rows(TableRole.FEE):
        institution = visit.mapping.institution(TableRole.FEE, other.columns)
        if institution != record.institution or (other.table, other.key) == (row.table, row.key):
            continue
        rows = SourceRows(fee=other.columns) if alone else gather(visit, other, institution=institution).rows
        reading = Reading(rows, lookups)
        reading.institution = visit.mapping.institutions.get(record.institution)
        try:
            if value_of(steps[_ITEM], reading) == item:
                yield other, Decimal(value_of(steps[_AMOUNT], reading) or 0)
        except (Unfit, LookupUnknown):
            continue


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
