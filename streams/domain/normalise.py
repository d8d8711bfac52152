"""From source rows to one interface record: exact bytes, or all violations at once, or the lookup row that is not there yet.

Pure: the same rows, lookups, mapping and day give the same bytes.
"""

import hashlib
from datetime import date
from functools import partial
from typing import Final, NamedTuple

import orjson

from connector.contract import UNAVAILABLE, TableRole
from streams.domain.conversions import Unfit
from streams.domain.plans import ROLES, CompiledMapping, RecordPlan, TableRule
from streams.domain.records import DeadClass, Level, Lookups, MissingLookup, Record, Refusal, SourceRows, Violation
from streams.domain.rules import Subject
from streams.domain.sources import Institution, LookupUnknown, Reading
from streams.domain.validate import judge, missing
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

__all__ = ["CompiledMapping", "TableRule", "normalise"]

_BUSINESS_DAY: Final = {ServiceCode.VISIT: "BEGNTIME", ServiceCode.SETTLEMENT: "SETL_TIME", ServiceCode.FEE: "FEE_OCUR_TIME"}
_AMOUNT: Final = {ServiceCode.VISIT: "", ServiceCode.SETTLEMENT: "MEDFEE_SUMAMT", ServiceCode.FEE: "DET_ITEM_FEE_SUMAMT"}
_UNAVAILABLE: Final = UNAVAILABLE.encode()
_BRACKETS: Final = len(b"[]")


def normalise(
    mapping: CompiledMapping, service: ServiceCode, rows: SourceRows, lookups: Lookups, *, today: date
) -> Record | Refusal | MissingLookup:
    """Make one interface record from its rows.

    today: the day of the event, for rule R20. Returns Refusal with every violation at once, MissingLookup if a lookup row that a
    field needs is not known (yet).
    """
    role = ROLES[service]
    own = rows.visit if role is TableRole.VISIT else rows.settlement if role is TableRole.SETTLEMENT else rows.fee
    institution = mapping.institutions.get(mapping.institution(role, own or {}) or "")
    reading = Reading(rows, institution, lookups)
    plan = mapping.plans[service]
    try:
        values, violations = _fields(plan, reading, mapping.dialect.blank)
        kind = mapping.care_kind(institution, reading)
    except LookupUnknown as unknown:
        return unknown.missing
    infno = mapping.infno[service].get(kind, "")
    if institution is None:
        violations.insert(0, _unmapped("FIXMEDINS_CODE", "UNKNOWN_INSTITUTION", "数据行所属机构未在站点配置中登记"))
    elif not infno:
        violations.insert(0, _unmapped("MED_TYPE", "UNKNOWN_KIND", "无法判断门诊、住院或药店，请检查映射的 kind"))
    related = partial(mapping.related, reading)
    subject = Subject(values, kind, today=today, options=mapping.dialect.options, related=related)
    violations += judge(subject, plan.rules, service)
    return _outcome(mapping, plan, _Made(values, violations, institution, infno))


def _fields(plan: RecordPlan, reading: Reading, blank: str | None) -> tuple[dict[str, str], list[Violation]]:
    """The values that fit, in the interface's order, and what is wrong with the others."""
    values: dict[str, str] = {}
    violations: list[Violation] = []
    rows = reading.rows
    for name, row, column, read, convert, longest, default, field, of_institution in plan.steps:
        raw = rows[row].get(column) if read is None else read(reading)
        try:
            if raw is None:
                value = ""
            elif longest < 0 or len(value := raw.strip()) > longest:
                value = convert(raw)
        except Unfit as unfit:
            violations.append(unfit.violation)
            value = unfit.value
        else:
            value = value or default or ""
            if not value and field.required and (reading.institution is not None or not of_institution):
                violations.append(missing(field))
        if value:
            values[name] = value
        elif blank is not None and not field.required:
            values[name] = blank
    return values, violations


class _Made(NamedTuple):
    values: dict[str, str]
    violations: list[Violation]
    institution: Institution | None
    infno: str


def _outcome(mapping: CompiledMapping, plan: RecordPlan, made: _Made) -> Record | Refusal:
    values, violations, institution, infno = made
    service = plan.service
    key = values.get(SERVICES[service].key, "")
    value = orjson.dumps(values)
    if len(value) + _BRACKETS > mapping.max_plain_bytes:
        violations.append(_oversize(service, len(value) + _BRACKETS, mapping.max_plain_bytes))
    if _UNAVAILABLE in value:
        message = "含有未随变更送达的大字段（TOAST），请将表设为 REPLICA IDENTITY FULL"
        violations.append(_unmapped(SERVICES[service].key, "UNAVAILABLE_VALUE", message))
    if institution is None or (violations and any(violation.level is Level.REFUSE for violation in violations)):
        code = "" if institution is None else institution.code
        return Refusal(service=service, institution=code, key=key, violations=tuple(violations), mapping_version=mapping.version)
    return Record(
        service=service,
        institution=institution.code,
        infno=infno,
        key=key,
        value=value,
        content_hash=hashlib.blake2b(value, digest_size=16).hexdigest(),
        mapping_version=mapping.version,
        business_day=values.get(_BUSINESS_DAY[service], "")[:10],
        amount=values.get(_AMOUNT[service], ""),
        warnings=tuple(violations),
    )


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


def _oversize(service: ServiceCode, measured: int, allowed: int) -> Violation:
    return Violation(
        field=SERVICES[service].key,
        rule="OVERSIZE",
        level=Level.REFUSE,
        dead_class=DeadClass.OVERSIZE,
        clause="§3.2.1 data",
        masked=str(measured),
        message=f"单条记录 {measured} 字节，超过一次上报可容纳的 {allowed} 字节",
    )
