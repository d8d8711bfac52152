"""One value against one row of a field table (§3.3): the judge's own reading of the interface.

This is written apart from the sender's validation and shares nothing with it but the table of fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from streams.spec.fields import Field, FieldKind

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_FIRST_YEAR = 1900

ClosedLists = Mapping[str, frozenset[str]]
"""The allowed codes of each closed dictionary, by the dictionary's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong with a record."""

    field: str
    """Interface field; `""` for an unknown one."""
    kind: str
    """MISSING, TYPE, LENGTH, DECIMAL, DATE, DATETIME, CODE, UNKNOWN, INSTITUTION, REPEATED, R1, FROZEN or SHARE."""
    says: str
    """One Chinese sentence that never holds the value."""


def judge_value(field: Field, value: object, closed: ClosedLists) -> Finding | None:
    """The first thing wrong with a value that is present, or None. An optional field may be empty."""
    if not isinstance(value, str):
        return _finding(field, "TYPE", "必须为字符串")
    if not value.strip():
        return _finding(field, "MISSING", "为必填项,不能为空") if field.required else None
    match field.kind:
        case FieldKind.TEXT:
            return _judge_text(field, value, closed)
        case FieldKind.DECIMAL:
            return _judge_decimal(field, value)
        case FieldKind.DATE:
            return None if _is_date(value) else _finding(field, "DATE", "应为yyyy-MM-dd格式的有效日期")
        case FieldKind.DATETIME:
            return None if _is_datetime(value) else _finding(field, "DATETIME", "应为yyyy-MM-dd HH:mm:ss格式的有效时间")


def _judge_text(field: Field, value: str, closed: ClosedLists) -> Finding | None:
    if field.max_chars is not None and len(value) > field.max_chars:
        return _finding(field, "LENGTH", f"长度超过{field.max_chars}")
    if field.dictionary is not None and field.dictionary in closed and value not in closed[field.dictionary]:
        return _finding(field, "CODE", "不在数据字典中")
    return None


def _judge_decimal(field: Field, value: str) -> Finding | None:
    """Plain decimal text: `16,4` is at most 12 digits before the point and 4 after it."""
    parts = _DECIMAL.fullmatch(value)
    if parts is None:
        return _finding(field, "DECIMAL", "应为十进制数字")
    whole, fraction = parts[1], parts[2] or ""
    scale = field.scale or 0
    if len(fraction) > scale:
        return _finding(field, "DECIMAL", f"小数位数超过{scale}")
    if field.digits is not None and len("" if whole == "0" else whole) > field.digits - scale:
        return _finding(field, "DECIMAL", f"整数位数超过{field.digits - scale}")
    return None


def _is_date(value: str) -> bool:
    if not _DATE.fullmatch(value):
        return False
    try:
        return date.fromisoformat(value).year >= _FIRST_YEAR
    except ValueError:
        return False


def _is_datetime(value: str) -> bool:
    if not _DATETIME.fullmatch(value):
        return False
    try:
        return datetime.fromisoformat(value).year >= _FIRST_YEAR
    except ValueError:
        return False


def _finding(field: Field, kind: str, says: str) -> Finding:
    return Finding(field=field.name, kind=kind, says=f"字段【{field.name}】{says}")
