"""Whether a record goes that is not what was handed on of its row last.

Where the mapping has it so (`records.SERVICE.corrections: dead_letter`), what was reported and is another content now is told to a
person, and goes once that person orders it to be tried again. What comes back as it was reported is told no more. Nobody here knows
what the platform made of a record that was handed on: of one that it refused the mended version waits likewise.
"""

from typing import Final

from streams.domain.join import refunds
from streams.domain.join.charging import Charging
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.told import Told
from streams.domain.join.visit import Visit
from streams.domain.records import Lookups, Record, Refusal
from streams.domain.violations import DeadClass, Level, Violation

RULE: Final = "CORRECTION"
_MESSAGE: Final = "已上报的记录内容有变化，按映射设置未自动更正；核对后在处理决定中选“重报”即上报新内容，改回原内容则自动关闭"


def judged(  # noqa: PLR0913 - what goes, and what decides
    told: Told, visit: Visit, row: StoredRow, record: Record, lookups: Lookups, *, charging: Charging
) -> Record | Refusal | Part:
    """The record where it may go; else why it does not, or what it waits for (rule R9). row: with what was handed on of it last."""
    if row.emitted and visit.mapping.records[record.service].holds_corrections and not _is_ordered(told, visit, row):
        return _held(record)
    return refunds.judge(visit, row, record, lookups, charging=charging) if refunds.is_refund(record) else record


def _is_ordered(told: Told, visit: Visit, row: StoredRow) -> bool:
    """Whether a person saw this content, in the letter that the row has, or orders what was not reported yet to be made anew."""
    replaying = told.replaying
    if replaying is None or visit.place(row) != replaying.where:
        return False
    return not row.letter or replaying.order.letter in ("", row.letter)


def _held(record: Record) -> Refusal:
    changed = Violation(
        field="",
        rule=RULE,
        level=Level.REFUSE,
        dead_class=DeadClass.CORRECTION,
        clause="",
        masked=record.content_hash,  # each content is told once
        message=_MESSAGE,
    )
    return Refusal(
        service=record.service,
        institution=record.institution,
        key=record.key,
        violations=(changed,),
        mapping_version=record.mapping_version,
    )
