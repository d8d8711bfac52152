"""From source rows to one interface record: exact bytes, or all violations at once, or the lookup row that is not there yet.

Pure: the same rows, lookups, mapping and day give the same bytes.
"""

import hashlib
from datetime import date
from functools import partial
from typing import Final

import orjson

from connector.contract import UNAVAILABLE
from streams.domain.normalise.compiled import CompiledMapping, CompiledRecord, TableRule
from streams.domain.normalise.fields import Dialect, value_of
from streams.domain.normalise.formulas import NotComputable
from streams.domain.normalise.sources import LookupUnknown, Reading, reader
from streams.domain.normalise.unseen import hides, odd_texts
from streams.domain.records import Lookups, MissingLookup, Record, Refusal, SourceRows
from streams.domain.roles import ROLE_OF, ROW_INDEX
from streams.domain.validate.judge import TEXTS, judge
from streams.domain.validate.rules import RelatedField, Subject
from streams.domain.violations import DeadClass, Level, Unfit, Violation, missing
from streams.spec.fields import ServiceCode

__all__ = ["CompiledMapping", "TableRule", "missing_rows", "normalise", "record_key"]

_UNAVAILABLE: Final = UNAVAILABLE.encode()
_BRACKETS: Final = len(b"[]")


def normalise(
    mapping: CompiledMapping, service: ServiceCode, rows: SourceRows, lookups: Lookups, *, today: date
) -> Record | Refusal | MissingLookup:
    """Make one interface record from its rows.

    today: the day of the event, for rule R20. Returns Refusal with every violation at once, MissingLookup if a lookup row that a
    field needs is not known (yet).
    """
    compiled, reading = mapping.records[service], _reading(mapping, service, rows, lookups)
    institution = reading.institution
    try:
        values, value, violations = _made(compiled, reading, mapping.dialect)
        kind = mapping.care_kind(reading)
    except LookupUnknown as unknown:
        if institution is not None:
            return unknown.missing
        values, value, violations, kind = {}, b"{}", [], ""
    infno = mapping.infno[service].get(kind, "")
    if institution is None or not infno:
        violations.insert(0, _unplaced(known=institution is not None))
    related = partial(_related, compiled, reading)
    violations += judge(
        Subject(values, kind, today=today, options=mapping.dialect.options, related=related), compiled.rules, service
    )
    if len(value) + _BRACKETS > mapping.max_plain_bytes or value.find(_UNAVAILABLE) >= 0:
        violations += _unsendable(compiled, value, mapping.max_plain_bytes)
    if institution is None or (violations and any(violation.level is Level.REFUSE for violation in violations)):
        return _refusal(mapping, compiled, values, "" if institution is None else institution.code, violations=tuple(violations))
    return _record(compiled, values, value, of=(institution.code, infno, mapping.version), warnings=tuple(violations))


def _record(
    compiled: CompiledRecord, values: dict[str, str], value: bytes, *, of: tuple[str, str, str], warnings: tuple[Violation, ...]
) -> Record:
    """of: institution, business number and mapping."""
    institution, infno, mapping_version = of
    return Record(
        compiled.service,
        institution,
        infno,
        values[compiled.key],
        value,
        hashlib.blake2b(value, digest_size=16).hexdigest(),
        mapping_version,
        values.get(compiled.business_day, "")[:10],
        values.get(compiled.amount, ""),
        warnings,
    )


def missing_rows(mapping: CompiledMapping, service: ServiceCode, rows: SourceRows, lookups: Lookups) -> list[MissingLookup]:
    """The lookup rows that a record needs and that are not known, in the order of its fields."""
    record, reading, found = mapping.records[service], _reading(mapping, service, rows, lookups), []
    for step in (*record.steps, *record.related.values(), *([mapping.kind] if mapping.kind else [])):
        try:
            reader(step.source)(reading)
        except LookupUnknown as unknown:
            found.append(unknown.missing)
        except (NotComputable, Unfit):
            continue
    return found


def record_key(mapping: CompiledMapping, service: ServiceCode, rows: SourceRows, lookups: Lookups, *, field: str = "") -> str:
    """Value of the service's key field (or of `field`) that these rows give; empty where they give none that fits."""
    compiled, reading = mapping.records[service], _reading(mapping, service, rows, lookups)
    try:
        return next((value_of(step, reading) for step in compiled.steps if step.name == (field or compiled.key)), "")
    except (Unfit, LookupUnknown):
        return ""


def _reading(mapping: CompiledMapping, service: ServiceCode, rows: SourceRows, lookups: Lookups) -> Reading:
    """What the sources of a record read from, with its institution where somebody registered it."""
    reading, role = Reading(rows, lookups), ROLE_OF[service]
    code = mapping.institution(role, reading.rows[ROW_INDEX[role]])
    reading.institution = None if code is None else mapping.institutions.get(code)
    return reading


def _refusal(
    mapping: CompiledMapping,
    compiled: CompiledRecord,
    values: dict[str, str],
    institution: str,
    *,
    violations: tuple[Violation, ...],
) -> Refusal:
    return Refusal(
        service=compiled.service,
        institution=institution,
        key=values.get(compiled.key, ""),
        violations=violations,
        mapping_version=mapping.version,
    )


def _made(compiled: CompiledRecord, reading: Reading, dialect: Dialect) -> tuple[dict[str, str], bytes, list[Violation]]:
    """The values of a record, its bytes, and what is wrong with it: made by the fast function, or, where that finds a fault or the
    bytes hide something, by the loop that finds all faults.
    """
    try:
        values = compiled.fill(reading)
    except Unfit:
        values = None
    if values is not None and not hides(value := orjson.dumps(values)):
        return values, value, []
    values, violations = thoroughly(compiled, reading, dialect.blank)
    violations += odd_texts((step.field for step in compiled.steps), values, dialect.levels.get(TEXTS))
    return values, orjson.dumps(values), violations


def _related(compiled: CompiledRecord, reading: Reading, key: RelatedField) -> str | None:
    """A field of another record of the visit, made from the same rows; None where it has no value that fits."""
    step = compiled.related.get(key)
    if step is None:
        return None
    try:
        return value_of(step, reading) or None
    except (Unfit, LookupUnknown):
        return None


def thoroughly(compiled: CompiledRecord, reading: Reading, blank: str | None) -> tuple[dict[str, str], list[Violation]]:
    """The values that fit, in the interface's order, and what is wrong with the others."""
    values: dict[str, str] = {}
    violations: list[Violation] = []
    for step in compiled.steps:
        value = ""
        try:
            value = value_of(step, reading)
            if not value and step.field.required and (reading.institution is not None or not step.of_institution):
                violations.append(missing(step.field))
        except Unfit as unfit:
            violations.append(unfit.violation)
            value = unfit.value
        if value:
            values[step.name] = value
        elif blank is not None and not step.field.required:
            values[step.name] = blank
    return values, violations


def _unplaced(*, known: bool) -> Violation:
    """Why a record has no envelope: its institution is not known, or (known) its kind of care is not."""
    if not known:
        return _unmapped("FIXMEDINS_CODE", "UNKNOWN_INSTITUTION", "数据行所属机构未在站点配置中登记")
    return _unmapped("MED_TYPE", "UNKNOWN_KIND", "无法判断门诊、住院或药店，请检查映射的 kind")


def _unsendable(compiled: CompiledRecord, value: bytes, allowed: int) -> list[Violation]:
    """What stands in the way of sending these bytes at all."""
    found = []
    if len(value) + _BRACKETS > allowed:
        found.append(_oversize(compiled, len(value) + _BRACKETS, allowed))
    if _UNAVAILABLE in value:
        message = "含有未随变更送达的大字段（TOAST），请将表设为 REPLICA IDENTITY FULL"
        found.append(_unmapped(compiled.key, "UNAVAILABLE_VALUE", message))
    return found


def _unmapped(field: str, rule: str, message: str) -> Violation:
    return Violation(
        field=field,
        rule=rule,
        level=Level.REFUSE,
        dead_class=DeadClass.MAPPING,
        clause="",
        masked="",
        message=message,
    )


def _oversize(compiled: CompiledRecord, measured: int, allowed: int) -> Violation:
    return Violation(
        field=compiled.key,
        rule="OVERSIZE",
        level=Level.REFUSE,
        dead_class=DeadClass.OVERSIZE,
        clause="§3.2.1 data",
        masked=str(measured),
        message=f"单条记录 {measured} 字节，超过一次上报可容纳的 {allowed} 字节",
    )
