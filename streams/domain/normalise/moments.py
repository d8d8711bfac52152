"""From the text of a database's date or time to the text that the interface wants.

Capture writes `2024-01-01Z` for a DATE, `2024-01-01T10:00:00.5Z` for a zone-less timestamp (wall clock, in spite of the Z) and for
a timestamptz (an instant, in UTC). Text columns may hold dates too. Nothing here goes through a naive time.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from streams.domain.normalise.conversions import Convert
from streams.domain.normalise.unseen import is_blank
from streams.domain.violations import DeadClass, Unfit, unfit
from streams.spec.fields import Field, FieldKind

_DAY: Final = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_CLOCK: Final = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?"
_MOMENT: Final = re.compile(rf"{_DAY}(?:[T ]{_CLOCK})? ?(Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?")
_AFTER_A_DAY: Final = frozenset({"", "Z"})
_REMEMBERED_HOURS: Final = 8192
_ENDS: Final = ("00:00", "59:59")
_MINUTES: Final = frozenset(f":{minute:02}:{second:02}" for minute in range(60) for second in range(60))
_LIKE_A_DATE: Final = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}.*|[0-9]{8}|[0-9]{14}")


def _marks_of_capture(raw: str) -> bool:
    """Whether the separators are those of `2024-01-01T10:…`. `fromisoformat` checks the digits against the calendar, but reads
    other forms too; this keeps those out.
    """
    return raw[10] == "T" and raw[4] == raw[7] == "-"


def _is_zulu(end: str) -> bool:
    """Whether what follows the seconds is `Z`, perhaps behind a fraction."""
    return end == "Z" or (end[:1] == "." and end[-1] == "Z" and end[1:-1].isdecimal() and end.isascii())


class _Hours(dict[str, str | None]):
    """How an hour such as `2024-01-01T10` is shown, remembered. None where a time in it must be converted the long way: for what is
    no hour, and for hours in which the zone's clocks change or show other minutes than UTC.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self._zone = zone

    def __missing__(self, hour: str) -> str | None:
        if len(self) >= _REMEMBERED_HOURS:
            self.clear()
        shown = self[hour] = self._shown(hour)
        return shown

    def _shown(self, hour: str) -> str | None:
        if not _marks_of_capture(f"{hour}:"):
            return None
        try:
            first, last = (
                datetime.fromisoformat(f"{hour}:{rest}+00:00").astimezone(self._zone).isoformat(" ")[:19] for rest in _ENDS
            )
        except (ValueError, OverflowError):
            return None
        return first[:13] if (first[13:], last[13:]) == (f":{_ENDS[0]}", f":{_ENDS[1]}") and first[:13] == last[:13] else None


@lru_cache(8)
def _hours(zone: tzinfo) -> _Hours:
    """All fields of a zone remember together: a visit's times fall into few hours."""
    return _Hours(zone)


def _shortly(hours: _Hours, raw: str) -> str | None:
    """A time as capture writes it, converted the short way; None where it has another form or needs the long way."""
    minutes, end = raw[13:19], raw[19:]
    if minutes in _MINUTES and (end == "Z" or _is_zulu(end)) and (shown := hours[raw[:13]]) is not None:
        return shown + minutes
    return None


def wall_day(field: Field) -> Convert:
    """The day of a date, or of a zone-less time, as it is stored."""
    moment = wall_time(field)

    def convert(raw: str) -> str:
        if raw[10:] in _AFTER_A_DAY and raw[4:5] == raw[7:8] == "-":
            try:
                date.fromisoformat(raw[:10])
            except ValueError:
                raise _not_a_time(field, raw) from None
            return raw[:10]
        return moment(raw)[:10]

    return convert


def wall_time(field: Field) -> Convert:
    """A zone-less time as it is stored. A date alone is its midnight; fractions of a second are dropped."""
    hours = _hours(UTC)

    def convert(raw: str) -> str:
        if (shown := _shortly(hours, raw)) is not None:
            return shown
        value = raw.strip()
        return _wall(field, value) if value else ""

    return convert


def _wall(field: Field, value: str) -> str:
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise _not_a_time(field, value)
    if found[7] not in (None, "Z"):
        raise _unread(field, _rule(field), value, "带有时区，请在映射中写明 time: instant")
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
    """A text that names no moment. In the form that is read, it is a day or hour that there is none of, and the hospital's to mend;
    in any other form the mapping's, which takes it from a column that it cannot read.
    """
    if _MOMENT.fullmatch(value) is not None:
        return unfit(field, "R20", value=value, message="不是补零的有效日期（yyyy-MM-dd HH:mm:ss）")
    if _LIKE_A_DATE.fullmatch(value) is None:
        return _unread(field, _rule(field), value, "不是日期时间，请核对映射所取的列")
    return _unread(field, "R20", value, "不是补零的有效日期（yyyy-MM-dd HH:mm:ss），请在映射中改取可读的列")


def _unread(field: Field, rule: str, value: str, message: str) -> Unfit:
    """A time in a form that the mapping does not read."""
    return unfit(field, rule, value=value, message=message, dead_class=DeadClass.MAPPING)


def instant_day(field: Field, zone: tzinfo) -> Convert:
    """The day on which an instant falls in the site's zone."""
    convert = instant_time(field, zone)
    return lambda raw: convert(raw)[:10]


def instant_time(field: Field, zone: tzinfo) -> Convert:
    """An instant as the clocks of the site's zone showed it. Fractions of a second are dropped."""
    hours = _hours(zone)

    def convert(raw: str) -> str:
        if (shown := _shortly(hours, raw)) is not None:
            return shown
        value = raw.strip()
        if is_blank(value):
            return ""
        found = _MOMENT.fullmatch(value)
        if found is None:
            raise _not_a_time(field, value)
        if found[7] is None or found[4] is None:
            raise _unread(field, _rule(field), value, "没有时区，请在映射中写明 time: wall")
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
