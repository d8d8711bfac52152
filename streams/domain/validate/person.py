"""Rules about the person, and about the shapes of codes."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from streams.domain.validate.rules import BEGAN, FEE, NOTHING, PERSON, SETTLEMENT, Finding, Rule, Subject
from streams.domain.violations import Level
from streams.spec.fields import ServiceCode
from streams.spec.identity import birth_date, sex, valid_resident_id

_RESIDENT: Final = "01"
_CARD_NUMBER: Final = re.compile(r"[A-Z]{1,2}[0-9]{6,8}")
_RESIDENT_LENGTH: Final = 18
# Identity documents whose number tells the type (PSN_CERT_TYPE) it must have.
_TYPE_OF_NUMBER: Final = (
    (re.compile(r"8[123][0-9]{15}[0-9X]"), ("17",), "港澳台居民居住证"),
    (re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?"), ("04", "05"), "港澳居民来往内地通行证"),
)
_TAIWAN: Final = re.compile(r"[0-9]{8}(?:[0-9]{2})?")
_TAIWAN_TYPE: Final = "06"
_PSN_TYPES_OF: Final = {"310": ("11", "12", "13", "34"), "390": ("14", "15", "16"), "340": ("13",)}
_OLDEST: Final = 130
_AGE: Final = "AGE"
_LABELS: Final = {"MDTRT_ID": "就诊ID", "PSN_NO": "人员编号", "CERTNO": "证件号码", "BRDY": "出生日期", "GEND": "性别"}
_LIST_CODES: Final = {
    "101": re.compile(r"[XZ][A-Z0-9]{22}(?:-.+)?"),
    "201": re.compile(r"[0-9]{15}(?:-.+)?"),
    "301": re.compile(r"C[0-9]{19}(?:[0-9-].*)?"),
}


def not_a_card(subject: Subject) -> tuple[Finding, ...]:
    """R19: a certificate of type resident ID (01) does not hold the number of a social-security card."""
    number = subject.values.get("CERTNO")
    if not number or subject.values.get("PSN_CERT_TYPE") != _RESIDENT or _CARD_NUMBER.fullmatch(number) is None:
        return NOTHING
    return (Finding(field="CERTNO", message="证件类型为居民身份证，但填写的是社会保障卡卡号"),)


def identity(subject: Subject) -> tuple[Finding, ...]:
    """IDENTITY: a resident ID has the right check digit (GB 11643); a number in the form of another document has that document's
    type.
    """
    number, kind = subject.values.get("CERTNO"), subject.values.get("PSN_CERT_TYPE")
    if not number or not kind:
        return NOTHING
    for shape, types, title in _TYPE_OF_NUMBER:
        if shape.fullmatch(number) is not None:
            right = kind in types
            return (
                NOTHING
                if right
                else (Finding(field="PSN_CERT_TYPE", message=f"号码形式属于{title}，证件类型应为 {'/'.join(types)}"),)
            )
    if kind == _RESIDENT and _CARD_NUMBER.fullmatch(number) is None and not valid_resident_id(number):
        return (Finding(field="CERTNO", message="居民身份证号码位数、出生日期或校验位不正确"),)
    if kind == _TAIWAN_TYPE and _TAIWAN.fullmatch(number) is None:
        return (Finding(field="CERTNO", message="台湾居民来往大陆通行证应为 8 或 10 位数字"),)
    return NOTHING


def insurance_fits_person(subject: Subject) -> tuple[Finding, ...]:
    """R15: the kind of person belongs to the kind of insurance."""
    insurance, person = subject.values.get("INSUTYPE"), subject.values.get("PSN_TYPE")
    kinds = _PSN_TYPES_OF.get(insurance or "")
    if kinds is None or not person or person[:2] in kinds:
        return NOTHING
    return (Finding(field="PSN_TYPE", message=f"险种 {insurance} 的人员类别应为 {'/'.join(kinds)} 开头"),)


def age_fits(subject: Subject) -> tuple[Finding, ...]:
    """R23: the age is a human's and follows from the birth date and the day of the visit or settlement."""
    age_text, born = subject.values.get("AGE"), subject.values.get("BRDY")
    if not age_text:
        return NOTHING
    age = Decimal(age_text)
    if not 0 <= age <= _OLDEST:
        return (Finding(field="AGE", message=f"年龄不在 0 到 {_OLDEST} 之间"),)
    day = subject.values.get("BEGNTIME") or subject.related(BEGAN) or subject.values.get("SETL_TIME")
    if not born or not day or abs(_years(born, day[:10]) - int(age)) <= 1:
        return NOTHING
    return (Finding(field="AGE", message="年龄与出生日期不符"),)


def _years(born: str, day: str) -> int:
    first, then = date.fromisoformat(born), date.fromisoformat(day)
    return then.year - first.year - ((then.month, then.day) < (first.month, first.day))


def number_fits(subject: Subject) -> tuple[Finding, ...]:
    """R23: birth date and sex are those of the resident ID."""
    values = subject.values
    number = values.get("CERTNO", "")
    if values.get("PSN_CERT_TYPE") != _RESIDENT or len(number) != _RESIDENT_LENGTH:
        return NOTHING
    found = NOTHING
    stated = birth_date(number)
    if stated is not None and values.get("BRDY") and values["BRDY"] != stated.isoformat():
        found += (Finding(field="BRDY", message="出生日期与居民身份证号码不符"),)
    if values.get("GEND") in ("1", "2") and sex(number) not in (None, values["GEND"]):
        found += (Finding(field="GEND", message="性别与居民身份证号码不符"),)
    return found


def same_person(subject: Subject) -> tuple[Finding, ...]:
    """R23: a settlement names the visit, and the person, that its visit names."""
    found = NOTHING
    for name, label in _LABELS.items():
        own, other = subject.values.get(name), subject.related((ServiceCode.VISIT, name))
        if own and other and own != other:
            found += (Finding(field=name, message=f"结算的{label}与就诊的{label}不一致"),)
    own, other = subject.values.get(_AGE), subject.related((ServiceCode.VISIT, _AGE))
    if own and other and abs(Decimal(own) - Decimal(other)) > 1:  # a birthday may lie between the two
        found += (Finding(field=_AGE, message="结算的年龄与就诊的年龄不一致"),)
    return found


def list_code(subject: Subject) -> tuple[Finding, ...]:
    """CODES: the code of a national list has the shape of its list (drugs, services, consumables)."""
    code, kind = subject.values.get("MED_LIST_CODG"), subject.values.get("LIST_TYPE")
    shape = _LIST_CODES.get(kind or "")
    if shape is None or not code or shape.fullmatch(code) is not None:
        return NOTHING
    return (Finding(field="MED_LIST_CODG", message=f"医疗目录编码不是目录类别 {kind} 的编码格式"),)


_SAME: Final = tuple((ServiceCode.VISIT, name) for name in (*_LABELS, _AGE))

PERSON_RULES: Final = (
    Rule(id="R15", level=Level.WARN, services=PERSON, clause="guide 1.2.4", title="insurance, person", check=insurance_fits_person),
    Rule(id="R19", level=Level.REFUSE, services=PERSON, clause="guide 867", title="no card number as ID", check=not_a_card),
    Rule(id="R23", level=Level.WARN, services=PERSON, clause="§3.3.2 #11", title="age", check=age_fits, related=(BEGAN,)),
    Rule(id="R23", level=Level.WARN, services=PERSON, clause="GB 11643", title="birth date, sex and ID", check=number_fits),
    Rule(
        id="R23",
        level=Level.WARN,
        services=SETTLEMENT,
        clause="§3.3.2 #2-11",
        title="one visit, one person",
        check=same_person,
        related=_SAME,
    ),
    Rule(id="IDENTITY", level=Level.WARN, services=PERSON, clause="GB 11643", title="identity number", check=identity),
    Rule(id="CODES", level=Level.WARN, services=FEE, clause="§3.3.1 #20", title="national list code", check=list_code),
)
