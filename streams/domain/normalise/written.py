"""Values in forms that hospitals gave them: times by a pattern or as seconds since 1970, UUIDs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from streams.domain.normalise.conversions import Convert
from streams.domain.normalise.unseen import is_blank
from streams.domain.violations import DeadClass, Unfit, unfit
from streams.spec.fields import Field

_PARTS: Final = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second", "SSS": ""}
_PART: Final = re.compile("yyyy|MM|dd|HH|mm|SSS|ss")
_DAY: Final = ("year", "month", "day")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE: Final = re.compile(r"-?[0-9]{1,17}")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_COMPACT: Final = 25
"""Characters of base 36 that hold 128 bits."""


def pattern_of(written: str) -> re.Pattern[str] | None:
    """What a pattern such as `yyyyMMddHH:mm:ss` matches; None where it has letters that stand for nothing, a part twice, or no
    whole day.
    """
    named = [_PARTS[part] for part in _PART.findall(written) if _PARTS[part]]
    rest = _PART.sub("", written)
    if (
        len(set(named)) < len(named)
        or not {*_DAY} <= {*named}
        or any(one.isalnum() for one in rest if one.isascii() and one != "T")
    ):
        return None
    return re.compile(_PART.sub(lambda found: _group(found[0]), re.escape(written)))


def _group(part: str) -> str:
    return f"(?P<{_PARTS[part]}>[0-9]{{{len(part)}}})" if _PARTS[part] else f"[0-9]{{{len(part)}}}"


def in_pattern(field: Field, written: str) -> Convert:
    """Times that stand in a column by a pattern, as databases write them. The pattern must be one (`pattern_of`)."""
    pattern = pattern_of(written)
    assert pattern is not None

    def convert(raw: str) -> str:
        value = raw.strip()
        if is_blank(value):
            return ""
        found = pattern.fullmatch(value)
        if found is None:
            raise _unread(field, value, f"不是映射所写的形式 {written}")
        parts = found.groupdict()
        day = "-".join(parts[name] for name in _DAY)
        return f"{day}T{parts.get('hour') or '00'}:{parts.get('minute') or '00'}:{parts.get('second') or '00'}"

    return convert


def since_1970(field: Field, unit: Literal["s", "ms"]) -> Convert:
    """Seconds or milliseconds since 1970 as the instants that databases write. Parts of a second are dropped."""
    per_second = 1 if unit == "s" else 1000

    def convert(raw: str) -> str:
        value = raw.strip()
        if is_blank(value):
            return ""
        if _WHOLE.fullmatch(value) is None:
            raise _unread(field, value, "不是自 1970 年起的整数时间")
        try:
            moment = _EPOCH + timedelta(seconds=int(value) // per_second)
        except OverflowError:
            raise _unread(field, value, "不是自 1970 年起的时间，请核对单位（s 或 ms）") from None
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1000 else _raise(field, value)

    return convert


def _raise(field: Field, value: str) -> str:
    raise _unread(field, value, "不是自 1970 年起的时间，请核对单位（s 或 ms）")


def compact_uuid(field: Field) -> Convert:
    """A UUID, with dashes or without, as 25 digits of base 36: `uuid_of` gives it back."""

    def convert(raw: str) -> str:
        value = raw.strip()
        if is_blank(value):
            return ""
        try:
            number = UUID(value).int
        except ValueError:
            raise _unread(field, value, "不是 UUID，不能按 compact: uuid 缩写") from None
        digits = ""
        for _ in range(_COMPACT):
            number, digit = divmod(number, len(_DIGITS))
            digits = _DIGITS[digit] + digits
        return digits

    return convert


def uuid_of(compact: str) -> str:
    """The UUID, with dashes, that was written in 25 characters. Raises ValueError where it is none."""
    if len(compact) != _COMPACT:
        raise ValueError(f"is no UUID in {_COMPACT} characters")
    return f"{UUID(int=int(compact, len(_DIGITS)))}"


def _unread(field: Field, value: str, message: str) -> Unfit:
    return unfit(field, "MAPPING", value=value, message=message, dead_class=DeadClass.MAPPING)
