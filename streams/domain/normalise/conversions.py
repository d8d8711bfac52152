"""From the text of a database value to the text that the interface wants, field by field.

Database values are what capture writes: decimals and integers as text; dates and times as `streams.domain.normalise.moments` says.
Text columns may hold dates and numbers too. Nothing here goes through a float.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

from streams.domain.normalise.numbers import EXACT, number_in
from streams.domain.normalise.unseen import is_blank
from streams.domain.violations import DeadClass, unfit
from streams.spec.fields import Field, FieldKind

Convert: TypeAlias = Callable[[str], str]
"""A conversion of one field: text to text, `""` for no value. Raises Unfit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A dictionary of a mapping, from HIS codes to interface codes."""

    name: str
    """Its name in the mapping."""
    codes: Mapping[str, str]
    """Interface code by HIS code."""
    default: str | None
    """Interface code for every other HIS code; None refuses those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How one field is converted."""

    read_as: FieldKind
    """What the database's value is read as."""
    instant: bool = False
    """Times carry a zone and are shown in the site's; otherwise they are shown as they are stored."""
    fen: bool = False
    """Amounts are hundredths of a yuan."""
    round: bool = False
    """Decimals that the interface has no room for are rounded half up; otherwise they are refused."""
    trim: bool = True
    """White space at both ends of a text is dropped."""
    pad_zeros: bool = False
    """Zeros that a code lost at its front are put back."""
    truncate: bool = False
    """A text that is too long is cut; otherwise it is refused."""
    translation: Translation | None = None
    """Dictionary of the mapping; None for values that are taken as they are."""
    default: str | None = None
    """Value where the source has none."""
    written: str = ""
    """How times stand in the column, where not as databases write them: a pattern such as `yyyyMMddHH:mm:ss`."""
    unix: Literal["s", "ms"] | None = None
    """Times are seconds or milliseconds since 1970."""
    compact: bool = False
    """UUIDs are written in 25 characters."""


def translated(field: Field, translation: Translation) -> Convert:
    """HIS codes to interface codes."""
    codes, default = translation.codes, translation.default

    def convert(raw: str) -> str:
        value = raw.strip()
        if is_blank(value):
            return ""
        found = codes.get(value, default)
        if found is not None:
            return found
        message = f"的院内代码在映射字典 {translation.name} 中没有对应的接口代码，请补充字典"
        raise unfit(field, "DICTIONARY", value=value, message=message, dead_class=DeadClass.DICTIONARY)

    return convert


def padded(codes: Mapping[str, str]) -> Convert:
    """Puts back zeros that a code lost at its front (`3` → `03`): only where the raw value is no code itself and exactly one code
    can be meant.
    """
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
        value = raw.strip() if trim else raw
        if is_blank(value):
            return ""
        if len(value) <= longest:
            return value
        if truncate:
            return value[:longest].rstrip() if trim else value[:longest]
        raise unfit(field, "LENGTH", value=value, message=f"共 {len(value)} 个字符，超过接口允许的 {longest} 个")

    return convert


_HUNDREDTH: Final = Decimal("0.01")


def decimal(field: Field, *, fen: bool, rounded: bool) -> Convert:
    """A plain decimal with exactly the interface's decimals: `12.5` becomes `12.50`. `-0` becomes `0`."""
    scale = field.scale or 0
    whole_digits = (field.digits or 0) - scale
    quantum = Decimal(1).scaleb(-scale)

    def exact(raw: str) -> str:
        stripped = raw.strip()
        if is_blank(stripped):
            return ""
        number = number_in(stripped)
        if number is None:
            raise unfit(field, "DECIMAL", value=stripped, message="不是数字")
        number = EXACT.multiply(number, _HUNDREDTH) if fen else number
        try:
            fitted = number.quantize(quantum, rounding=ROUND_HALF_UP, context=EXACT)
        except InvalidOperation:
            raise unfit(field, "DECIMAL", value=stripped, message=f"整数部分超过 {whole_digits} 位") from None
        if fitted != number and not rounded:
            # The hospital keeps what it keeps: whether it is rounded for the interface is for the mapping to say.
            message = f"的小数位数超过接口允许的 {scale} 位，请在映射中写明 round: true，或核对所取的列"
            raise unfit(field, "DECIMAL", value=stripped, message=message, dead_class=DeadClass.MAPPING)
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
