"""Rules about the course of a visit: its times, its stay, its diagnosis."""

import re
from datetime import date
from typing import Final

from streams.domain.validate.rules import BEGAN, ENDED, NOTHING, SETTLED, Check, Finding, RelatedField, Rule, Subject
from streams.domain.violations import Level
from streams.spec.fields import FieldKind, ServiceCode
from streams.spec.interface import SERVICES

OLDEST_DAY: Final = "1900-01-01"
_ICD_10: Final = re.compile(r"[A-Z][0-9]{2}(?:[.+*†][0-9A-Za-z.+*†xX]*)?")
_DEATH: Final = "5"
_IN_HOSPITAL: Final = "1"
_BED_FEE: Final = "01"
_MED_MATERNITY_OUT, _MED_MATERNITY_IN = "51", "52"


def within_years(service: ServiceCode) -> Check:
    """R20: every date lies between 1900 and tomorrow."""
    kinds = (FieldKind.DATE, FieldKind.DATETIME)
    labels = {field.name: field.label for field in SERVICES[service].fields if field.kind in kinds}
    names = tuple(labels)

    def check(subject: Subject) -> tuple[Finding, ...]:
        values, end = subject.values, subject.first_impossible_day
        found = NOTHING
        for name in names:
            value = values.get(name)
            if value and not OLDEST_DAY <= value < end:
                found += (Finding(field=name, message=f"{labels[name]}早于 1900 年或晚于明天"),)
        return found

    return check


def fee_in_order(subject: Subject) -> tuple[Finding, ...]:
    """R22 for a fee line: the visit begins, the fee occurs, the settlement is made."""
    occurred = subject.values.get("FEE_OCUR_TIME")
    if not occurred:
        return NOTHING
    found = NOTHING
    began = subject.related(BEGAN)
    if began and began > occurred:
        found += (Finding(field="FEE_OCUR_TIME", message="费用发生时间早于就诊开始时间"),)
    settled = subject.related(SETTLED)
    if settled and occurred > settled:
        found += (Finding(field="FEE_OCUR_TIME", message="费用发生时间晚于结算时间"),)
    return found


def settlement_in_order(subject: Subject) -> tuple[Finding, ...]:
    """R22 for a settlement: it is made after the visit began."""
    settled, began = subject.values.get("SETL_TIME"), subject.related(BEGAN)
    if not settled or not began or began <= settled:
        return NOTHING
    return (Finding(field="SETL_TIME", message="结算时间早于就诊开始时间"),)


def visit_in_order(subject: Subject) -> tuple[Finding, ...]:
    """R22 for a visit: it ends after it began; it has a date of death only where the way of leaving is death; it has an end exactly
    where the patient is no longer in hospital.
    """
    values = subject.values
    began, ended, state = values.get("BEGNTIME"), values.get("ENDTIME"), values.get("INHOSP_STAS")
    found = NOTHING
    if began and ended and ended < began:
        found += (Finding(field="ENDTIME", message="结束时间早于开始时间"),)
    if values.get("DIE_DATE") and values.get("DSCG_WAY") != _DEATH:
        found += (Finding(field="DIE_DATE", message="有死亡日期，但离院方式不是死亡（5）"),)
    if state and (state == _IN_HOSPITAL) == bool(ended):
        found += (Finding(field="INHOSP_STAS", message="在院状态与结束时间不一致（在院无结束时间，出院有结束时间）"),)
    return found


def diagnosis(subject: Subject) -> tuple[Finding, ...]:
    """R13: an inpatient who was discharged has a main diagnosis, in the shape of ICD-10."""
    code = subject.values.get("DSCG_MAINDIAG_CODE")
    if code:
        fits = _ICD_10.fullmatch(code) is not None
        return NOTHING if fits else (Finding(field="DSCG_MAINDIAG_CODE", message="住院主诊断代码不是 ICD-10 格式"),)
    if subject.kind == "inpatient" and subject.values.get("ENDTIME"):
        return (Finding(field="DSCG_MAINDIAG_CODE", message="住院患者已出院，缺少住院主诊断代码"),)
    return NOTHING


def stay_days(began: str, ended: str) -> int:
    """Days of a stay: the first counts, the last does not; a stay within one day is one day (guide 623)."""
    return max(1, (date.fromisoformat(ended[:10]) - date.fromisoformat(began[:10])).days)


def days_agree(subject: Subject) -> tuple[Finding, ...]:
    """R14 for a visit: IPT_DAYS agrees with begin and end."""
    values = subject.values
    began, ended, stated = values.get("BEGNTIME"), values.get("ENDTIME"), values.get("IPT_DAYS")
    if not (began and ended and stated) or int(stated) == stay_days(began, ended):
        return NOTHING
    return (Finding(field="IPT_DAYS", message=f"住院天数与起止时间不符，应为 {stay_days(began, ended)} 天（算头不算尾）"),)


def bed_days(subject: Subject) -> tuple[Finding, ...]:
    """R14 for a fee line: not more bed days than the stay has had days."""
    values = subject.values
    if values.get("MED_CHRGITM_TYPE") != _BED_FEE or subject.kind != "inpatient":
        return NOTHING
    count = subject.money("CNT")
    began, ended = subject.related(BEGAN), subject.related(ENDED)
    if not count or not began or not ended or count[0] <= stay_days(began, ended):
        return NOTHING
    return (Finding(field="CNT", message=f"床位费数量超过住院天数 {stay_days(began, ended)}"),)


def maternity(subject: Subject) -> tuple[Finding, ...]:
    """R16: maternity care belongs to insurance 310; an inpatient birth says what kind of birth it was."""
    values = subject.values
    kind = values.get("MED_TYPE", "")
    if kind not in (_MED_MATERNITY_OUT, _MED_MATERNITY_IN):
        return NOTHING
    found = NOTHING
    if values.get("INSUTYPE") != "310":
        found += (Finding(field="INSUTYPE", message="生育类就诊的险种应为 310"),)
    if kind == _MED_MATERNITY_IN:
        wanted = ("MATN_TYPE", "BIRCTRL_MATN_DATE", "LATECHB_FLAG", "PRET_FLAG")
        found += tuple(Finding(field=name, message="生育住院（52）应填写此项") for name in wanted if not values.get(name))
    return found


def _rule(  # noqa: PLR0913 - one parameter for each part of a rule
    rule_id: str,
    service: ServiceCode,
    check: Check,
    *,
    title: str,
    clause: str,
    level: Level = Level.WARN,
    related: tuple[RelatedField, ...] = (),
) -> Rule:
    return Rule(id=rule_id, level=level, services=frozenset({service}), clause=clause, title=title, check=check, related=related)


_IN_ORDER: Final = "begin ≤ fee ≤ settlement, begin ≤ end"
_VISIT, _SETTLEMENT, _FEE = ServiceCode.VISIT, ServiceCode.SETTLEMENT, ServiceCode.FEE

STAY_RULES: Final = (
    _rule("R13", _VISIT, diagnosis, title="discharge diagnosis", clause="§3.3.3 #58"),
    _rule("R14", _VISIT, days_agree, title="days of the stay", clause="guide 623"),
    _rule("R14", _FEE, bed_days, title="bed days within the stay", clause="guide 623", related=(BEGAN, ENDED)),
    _rule("R16", _VISIT, maternity, title="maternity", clause="§3.3.3 #76-81"),
    *(
        _rule("R20", service, within_years(service), title="1900 to tomorrow", clause="guide 1432", level=Level.REFUSE)
        for service in ServiceCode
    ),
    _rule("R22", _VISIT, visit_in_order, title=_IN_ORDER, clause="§3.3.3 #39-40"),
    _rule(
        "R22",
        _SETTLEMENT,
        settlement_in_order,
        title=_IN_ORDER,
        clause="§3.3.2 #17",
        related=(BEGAN,),
    ),
    _rule("R22", _FEE, fee_in_order, title=_IN_ORDER, clause="§3.3.1 #3", related=(BEGAN, SETTLED)),
)
