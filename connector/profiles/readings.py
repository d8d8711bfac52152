"""What is said of columns whose type cannot be what is read from them, or holds less or more than that. Pure, and the same for each
kind of database.
"""

from collections.abc import Iterator
from typing import Final

from connector.contract import CapturedTable, Reading
from connector.findings import Finding, Severity
from connector.profiles.seen import ColumnOf, Seen, Sort

_NUMBERS: Final = frozenset[Sort]({"whole", "decimals", "binary"})
_READABLE: Final[dict[tuple[str, str | None], frozenset[Sort]]] = {
    ("decimal", None): _NUMBERS,
    ("decimal", "fen"): _NUMBERS,
    ("date", None): frozenset({"day", "moment"}),
    ("date", "unix"): _NUMBERS,
    ("date", "format"): _NUMBERS,
    ("date", "compact"): _NUMBERS | {"day", "moment"},
    ("text", None): _NUMBERS | {"truth"},
}
"""Beside texts, which may hold anything. A datetime is read from what a date is."""
_CAPTURED: Final[dict[Sort, str]] = {
    "span": "as so many microseconds",
    "bytes": "as base64",
    "document": "as JSON, or the database's own form of it",
}
"""How capture writes what has no text of its own."""
_AS_A_TIME: Final = "as capture writes it, `2024-01-01T08:00:00Z`"
_WRITE: Final = {
    ("date", None): "or say how it stands there: `time: {unix: s}` (or ms), `time: {format: yyyyMMdd}`",
    ("date", "unix"): "or leave `unix` out where the column is a date or time itself",
    ("date", "format"): "or leave `format` out: capture writes each date and time of a database in the same form",
    ("text", None): "or write `as: date` or `as: datetime` for the field",
}


def check_readings(wanted: CapturedTable, column: ColumnOf) -> Iterator[Finding]:
    """Check that columns can be what the mapping reads them as."""
    for reading in wanted.readings:
        seen = column(wanted.name, reading.column)
        if seen is None or seen.sort is None or seen.sort == "text":
            continue
        of_kind = ("date" if reading.kind == "datetime" else reading.kind, reading.form)
        if seen.sort not in _READABLE[of_kind]:
            yield _other(wanted, reading, seen, _WRITE.get(of_kind))
        elif reading.kind == "datetime" and seen.sort == "day":
            yield _without_clock(wanted, reading, seen.shown)
        elif reading.form == "fen" and seen.sort == "decimals":
            yield _hundredths(wanted, reading, seen.shown)
        elif reading.exact and reading.form is None and seen.sort == "binary":
            yield _inexact(wanted, reading, seen.shown)


def _other(wanted: CapturedTable, reading: Reading, seen: Seen, write: str | None) -> Finding:
    shown = f"reported {_CAPTURED.get(seen.sort or 'moment', _AS_A_TIME)}" if reading.kind == "text" else "refused"
    form = f", by `{reading.form}`" if reading.form in ("unix", "format", "fen") else ""
    if seen.sort in _CAPTURED:
        write = "or have the hospital's software keep its text"
    return Finding(
        where=f"{wanted.name}.{reading.column}",
        what=f"is {seen.shown}, and {reading.field} is read from it as {reading.kind}{form}: every value would be {shown}",
        mend=f"map the column that holds it{'' if write is None else f', {write}'}",
        severity=Severity.WARNS if reading.kind == "text" else Severity.BLOCKS,
    )


def _without_clock(wanted: CapturedTable, reading: Reading, shown: str) -> Finding:
    """About a day that is read as a time of day."""
    return Finding(
        where=f"{wanted.name}.{reading.column}",
        what=f"is {shown}, and {reading.field} is a time of day: every one would be reported as 00:00:00",
        mend="map the column that has the time of day, or both (`{date: …, clock: …}`); where the hospital keeps none, it stays so",
        severity=Severity.WARNS,
    )


def _hundredths(wanted: CapturedTable, reading: Reading, shown: str) -> Finding:
    """About an amount with decimals that is said to count fen."""
    return Finding(
        where=f"{wanted.name}.{reading.column}",
        what=f"is {shown}, and {reading.field} is read from it in fen: 12.50 would be reported as 0.125 yuan",
        mend="leave `money: fen` out, unless the hospital keeps whole fen in it",
        severity=Severity.WARNS,
    )


def _inexact(wanted: CapturedTable, reading: Reading, shown: str) -> Finding:
    """About a binary fraction of which every digit is reported."""
    return Finding(
        where=f"{wanted.name}.{reading.column}",
        what=f"is {shown}, and every digit of it is reported as {reading.field}: 0.1 + 0.2 stands there as"
        " 0.30000000000000004, which has more decimals than the interface, and the record is refused",
        mend="write `round: true` for the field in the mapping",
        severity=Severity.WARNS,
    )
