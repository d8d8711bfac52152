"""From the text of a database value to the text that the interface wants, field by field.

Database values are what capture writes: `2024-01-01Z` for a DATE, `2024-01-01T10:00:00.5Z` for a zone-less timestamp (wall clock,
in spite of the Z) and for a timestamptz (an instant, in UTC), decimals and integers as text. Text columns may hold dates and
numbers too. Nothing here goes through a float or a naive time.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Final, TypeAlias

from streams.domain.records import DeadClass, Level, Violation
from streams.spec.fields import Field, FieldKind
from streams.spec.masking import mask, mask_text

Convert: TypeAlias = Callable[[str], str]
"""A conversion of one field: text to text, `""` for no value. Raises Unfit."""


_LONGEST_SEEN: Final = 100


class Unfit(Exception):
    """A value that the interface does not take (or, with `value`, takes with a warning)."""

    def __init__(self, violation: Violation, value: str = "") -> None:
        super().__init__()
        self.violation = violation
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A mapping's dictionary: HIS code to interface code; `default` for every other code, None refuses it."""

    name: str
    codes: Mapping[str, str]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How one field is converted. instant: times carry a zone and are shown in the site's. default: where there is no value."""

    read_as: FieldKind
    instant: bool = False
    fen: bool = False
    round: bool = False
    trim: bool = True
    pad_zeros: bool = False
    truncate: bool = False
    translation: Translation | None = None
    default: str | None = None


def seen(field_name: str, value: str) -> str:
    """A value as a violation shows it: masked as its field demands, and as its content does where a column was mapped wrongly."""
    return mask_text(mask(field_name, value))[:_LONGEST_SEEN]


def unfit(field: Field, rule: str, *, value: str, message: str, dead_class: DeadClass = DeadClass.VALIDATION) -> Unfit:
    """A value that is refused. message: for the clerk, after the field's label; without the value."""
    return Unfit(
        Violation(
            field=field.name,
            rule=rule,
            level=Level.REFUSE,
            dead_class=dead_class,
            clause=field.clause,
            masked=seen(field.name, value),
            message=f"{field.label}{message}",
        )
    )


def translated(field: Field, translation: Translation) -> Convert:
    """HIS codes to interface codes."""
    codes, default = translation.codes, translation.default

    def convert(raw: str) -> str:
        value = raw.strip()
        if not value:
            return ""
        found = codes.get(value, default)
        if found is not None:
            return found
        message = f"的院内代码在映射字典 {translation.name} 中没有对应的接口代码，请补充字典"
        raise unfit(field, "DICTIONARY", value=value, message=message, dead_class=DeadClass.DICTIONARY)

    return convert


def padded(codes: Mapping[str, str]) -> Convert:
    """Puts back zeros lost in front of a code, where exactly one code of the list is meant and the raw one is none."""
    restored: dict[str, str] = {}
    doubtful: set[str] = set()
    for code in codes:
        short = code
        while short.startswith("0") and len(short) > 1:
            short = short[1:]
            if restored.setdefault(short, code) != code:
                doubtful.add(short)
    wanted = {short: code for short, code in restored.items() if short not in doubtful and short not in codes}
    return lambda value: wanted.get(value, value)


def text(field: Field, *, trim: bool, truncate: bool) -> Convert:
    """A text within the interface's length, counted in characters."""
    longest = field.max_chars if field.max_chars is not None else 1 << 30

    def convert(raw: str) -> str:
        value = raw.strip() if trim else raw if raw.strip() else ""
        if len(value) <= longest:
            return value
        if truncate:
            return value[:longest].rstrip() if trim else value[:longest]
        raise unfit(field, "LENGTH", value=value, message=f"共 {len(value)} 个字符，超过接口允许的 {longest} 个")

    return convert


_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_HUNDREDTH: Final = Decimal("0.01")
_LONGEST_NUMBER: Final = 60
# Wide enough for any number of that length: nothing is rounded but by `quantize`, where it shows.
_EXACT: Final = Context(prec=200, Emax=999, Emin=-999, traps=[InvalidOperation])


def decimal(field: Field, *, fen: bool, rounded: bool) -> Convert:
    """A plain decimal with exactly the interface's decimals: `12.5` becomes `12.50`. `-0` becomes `0`."""
    scale = field.scale or 0
    whole_digits = (field.digits or 0) - scale
    quantum = Decimal(1).scaleb(-scale)

    def exact(raw: str) -> str:
        stripped = raw.strip()
        if not stripped:
            return ""
        if len(stripped) > _LONGEST_NUMBER or _DECIMAL.fullmatch(stripped) is None:
            raise unfit(field, "DECIMAL", value=stripped, message="不是数字")
        number = _EXACT.multiply(Decimal(stripped), _HUNDREDTH) if fen else Decimal(stripped)
        try:
            fitted = number.quantize(quantum, rounding=ROUND_HALF_UP, context=_EXACT)
        except InvalidOperation:
            raise unfit(field, "DECIMAL", value=stripped, message=f"整数部分超过 {whole_digits} 位") from None
        if fitted != number and not rounded:
            raise unfit(field, "DECIMAL", value=stripped, message=f"的小数位数超过接口允许的 {scale} 位")
        if fitted and fitted.adjusted() >= whole_digits:
            raise unfit(field, "DECIMAL", value=stripped, message=f"整数部分超过 {whole_digits} 位")
        return f"{fitted or abs(fitted):f}"

    def convert(raw: str) -> str:
        # Most values only lack zeros at the end, or have too many; telling that is five times cheaper than a Decimal.
        whole, point, fraction = raw.partition(".")
        if (
            len(whole) <= whole_digits
            and whole.isdecimal()
            and raw.isascii()
            and (whole[0] != "0" or len(whole) == 1)
            and (fraction.isdecimal() or not point)
            and not fraction[scale:].strip("0")
        ):
            if len(fraction) == scale:
                return raw
            return f"{whole}.{fraction[:scale]:0<{scale}}" if scale else whole
        return exact(raw)

    return exact if fen else convert


_DAY: Final = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_AFTER_SECONDS: Final = frozenset({"Z", "."})
_CLOCK: Final = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?"
_MOMENT: Final = re.compile(rf"{_DAY}(?:[T ]{_CLOCK})? ?(Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?")
_LIKE_A_DATE: Final = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}.*|[0-9]{8}|[0-9]{14}")


def _is_written_by_capture(raw: str) -> bool:
    """`2024-01-01T10:00:00Z`, with or without a fraction. What the digits say is for `fromisoformat`, which knows the calendar; the
    marks keep out the other forms that it reads too.
    """
    return (
        raw[19:20] in _AFTER_SECONDS
        and raw[10] == "T"
        and raw[4] == raw[7] == "-"
        and raw[13] == raw[16] == ":"
        and raw[-1] == "Z"
        and (len(raw) == 20 or (raw[20:-1].isdecimal() and raw.isascii()))
    )


def wall_day(field: Field) -> Convert:
    """The day of a date, or of a zone-less time, as it is stored."""
    moment = wall_time(field)

    def convert(raw: str) -> str:
        if len(raw) == 11 and raw[10] == "Z" and raw[4] == raw[7] == "-":
            try:
                date.fromisoformat(raw[:10])
            except ValueError:
                raise _not_a_time(field, raw) from None
            return raw[:10]
        return moment(raw)[:10]

    return convert


def wall_time(field: Field) -> Convert:
    """A zone-less time as it is stored. A date alone is its midnight; fractions of a second are dropped."""

    def convert(raw: str) -> str:
        if _is_written_by_capture(raw):
            try:
                datetime.fromisoformat(raw[:19])
            except ValueError:
                raise _not_a_time(field, raw) from None
            return f"{raw[:10]} {raw[11:19]}"
        value = raw.strip()
        return _wall(field, value) if value else ""

    return convert


def _wall(field: Field, value: str) -> str:
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise _not_a_time(field, value)
    if found[7] not in (None, "Z"):
        raise unfit(field, _rule(field), value=value, message="带有时区，请在映射中写明 time: instant")
    return _shown(_moment(field, value, found))


def _shown(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")[:19]


def _rule(field: Field) -> str:
    return "DATE" if field.kind is FieldKind.DATE else "DATETIME"


def _moment(field: Field, value: str, found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (int(found[group] or 0) for group in range(1, 7))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise _not_a_time(field, value) from None


def _not_a_time(field: Field, value: str) -> Unfit:
    if _LIKE_A_DATE.fullmatch(value) is None:
        return unfit(field, _rule(field), value=value, message="不是日期时间")
    return unfit(field, "R20", value=value, message="不是补零的有效日期（yyyy-MM-dd HH:mm:ss）")


def instant_day(field: Field, zone: tzinfo) -> Convert:
    """The day on which an instant falls in the site's zone."""
    convert = instant_time(field, zone)
    return lambda raw: convert(raw)[:10]


def instant_time(field: Field, zone: tzinfo) -> Convert:
    """An instant as the clocks of the site's zone showed it. Fractions of a second are dropped."""

    def convert(raw: str) -> str:
        if _is_written_by_capture(raw):
            try:
                return datetime.fromisoformat(f"{raw[:19]}+00:00").astimezone(zone).isoformat(" ")[:19]
            except (ValueError, OverflowError):
                raise _not_a_time(field, raw) from None
        value = raw.strip()
        if not value:
            return ""
        found = _MOMENT.fullmatch(value)
        if found is None:
            raise _not_a_time(field, value)
        if found[7] is None or found[4] is None:
            raise unfit(field, _rule(field), value=value, message="没有时区，请在映射中写明 time: wall")
        moment = _moment(field, value, found)
        try:
            moment -= _offset(found[7])
            return _shown(moment.astimezone(zone))
        except OverflowError:
            raise _not_a_time(field, value) from None

    return convert


def _offset(written: str) -> timedelta:
    if written == "Z":
        return timedelta(0)
    digits = written[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return size if written[0] == "+" else -size
