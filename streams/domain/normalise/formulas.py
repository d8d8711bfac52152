"""Values that are made of several others: a product, a sum, an age, a part of a text. Exact, and never through a float.

A formula is a function of texts as capture writes them (None for NULL) to one text. Where one of them is NULL or blank there is no
value, for what is missing is not known to be zero; a mapping that knows better says so by `first_of` or `default` inside.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Final, TypeAlias

from streams.domain.normalise.numbers import EXACT, number_in
from streams.domain.normalise.unseen import is_blank

Value: TypeAlias = str | None
Day: TypeAlias = Callable[[str], str]
"""From a time as capture writes it to its day (`yyyy-MM-dd`). Raises Unfit."""

_CLOCK: Final = re.compile(r"([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2}))?(?:\.[0-9]+)?Z?")
_COMPACT_DAY: Final = re.compile(r"[0-9]{8}")


class NotComputable(Exception):
    """What a formula cannot be applied to. message: in Chinese, for whoever mends it; it must not hold the value."""

    def __init__(self, message: str, value: str) -> None:
        super().__init__()
        self.message = message
        self.value = value


@dataclass(frozen=True, slots=True)
class Product:
    """Of decimals, exact: it is rounded by the field's own conversion or not at all."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of all of them."""
        return _reckoned(EXACT.multiply, values)


@dataclass(frozen=True, slots=True)
class Sum:
    """Of decimals, exact."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of all of them."""
        return _reckoned(EXACT.add, values)


@dataclass(frozen=True, slots=True)
class Negated:
    """A decimal with the other sign."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of the only one."""
        numbers = _numbers(values)
        return None if numbers is None else f"{EXACT.minus(numbers[0]):f}"


@dataclass(frozen=True, slots=True)
class Age:
    """Full years between a birth and another day. Who is born on 29 February is a year older on 1 March of other years."""

    birth: Day
    at: Day

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of birth and day."""
        found = _days(values, (self.birth, self.at))
        if found is None:
            return None
        birth, at = found
        if at < birth:
            raise NotComputable("的计算基准日早于出生日期", f"{at}")
        return f"{at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))}"


@dataclass(frozen=True, slots=True)
class Days:
    """Days from one day to another by the calendar: 0 on the same day, unless a least number is given."""

    start: Day
    end: Day
    least: int = 0

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of first and last day."""
        found = _days(values, (self.start, self.end))
        if found is None:
            return None
        start, end = found
        if end < start:
            raise NotComputable("的结束日期早于开始日期", f"{end}")
        return f"{max((end - start).days, self.least)}"


@dataclass(frozen=True, slots=True)
class Part:
    """Characters of a text, from the first one (1) or a later one. What is too short has what is there of it."""

    first: int
    length: int | None

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of the only one."""
        (text,) = values
        if text is None:
            return None
        begin = self.first - 1
        return text.strip()[begin : None if self.length is None else begin + self.length]


@dataclass(frozen=True, slots=True)
class Join:
    """Texts one after the other."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of all of them."""
        parts = [value.strip() for value in values if value is not None and not is_blank(value)]
        return "".join(parts) if len(parts) == len(values) else None


@dataclass(frozen=True, slots=True)
class Present:
    """One of two codes: whether there is a value."""

    yes: str
    no: str

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of the only one."""
        (value,) = values
        return self.no if value is None or is_blank(value) else self.yes


@dataclass(frozen=True, slots=True)
class Clocked:
    """A time out of a day and a time of day that stand in two columns."""

    day: Day

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of day and time of day: `2024-01-01T08:30:00`."""
        day, clock = values
        if day is None or clock is None or is_blank(day) or is_blank(clock):
            return None
        found = _CLOCK.fullmatch(clock.strip())
        if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
            raise NotComputable("所取的时间列不是时分秒（HH:mm:ss）", clock.strip())
        return f"{self.day(_with_dashes(day.strip()))}T{found[1]:0>2}:{found[2]}:{found[3] or '00'}"


@dataclass(frozen=True, slots=True)
class Unless:
    """A value, where it is none of those by which a hospital writes NULL. A time at midnight is compared by its day."""

    nulls: frozenset[str]

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of the only one."""
        (value,) = values
        if value is None:
            return None
        said = value.strip()
        return None if said in self.nulls or _day_of_midnight(said) in self.nulls else value


@dataclass(frozen=True, slots=True)
class Translated:
    """A code of the hospital's in the interface's words, of a value that has a dictionary of its own."""

    convert: Callable[[str], str]
    """`""` for no value. Raises Unfit."""

    def __call__(self, values: Sequence[Value]) -> Value:
        """Of the only one."""
        (value,) = values
        return None if value is None else self.convert(value)


Formula: TypeAlias = Product | Sum | Negated | Age | Days | Part | Join | Present | Clocked | Unless | Translated


def _reckoned(of_two: Callable[[Decimal, Decimal], Decimal], values: Sequence[Value]) -> Value:
    """All of them, one after the other."""
    numbers = _numbers(values)
    return None if numbers is None else f"{reduce(of_two, numbers):f}"


def _numbers(values: Sequence[Value]) -> list[Decimal] | None:
    found = []
    for value in values:
        if value is None or is_blank(value):
            return None
        said = value.strip()
        number = number_in(said)
        if number is None:
            raise NotComputable("的计算项不是数字", said)
        found.append(number)
    return found


def _days(values: Sequence[Value], readers: Sequence[Day]) -> list[date] | None:
    found = []
    for value, reader in zip(values, readers, strict=True):
        if value is None or is_blank(value):
            return None
        found.append(date.fromisoformat(reader(_with_dashes(value.strip()))))
    return found


def _with_dashes(said: str) -> str:
    """Days as old systems write them (`20240101`) in the form that is read."""
    return f"{said[:4]}-{said[4:6]}-{said[6:]}" if _COMPACT_DAY.fullmatch(said) else said


_MIDNIGHT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[T ]00:00(?::00(?:\.0+)?)?Z?)")


def _day_of_midnight(said: str) -> str | None:
    found = _MIDNIGHT.fullmatch(said)
    return None if found is None else found[1]
