"""What is said of columns whose type holds less, or more, than the field that is read from them."""

from connector.contract import CapturedTable
from connector.findings import Finding, Severity


def without_clock(wanted: CapturedTable, column: str, shown: str) -> Finding:
    """The finding about a day that is read as a time of day. shown: its type, as a person writes it."""
    return Finding(
        where=f"{wanted.name}.{column}",
        what=f"is {shown}, and {wanted.moments[column]} is a time of day: every one would be reported as 00:00:00",
        mend="map the column that has the time of day, or both (`{date: …, clock: …}`); where the hospital keeps none, it stays so",
        severity=Severity.WARNS,
    )


def inexact(wanted: CapturedTable, column: str, shown: str) -> Finding:
    """The finding about a binary fraction of which every digit is reported."""
    return Finding(
        where=f"{wanted.name}.{column}",
        what=f"is {shown}, and every digit of it is reported as {wanted.amounts[column]}: 0.1 + 0.2 stands there as"
        " 0.30000000000000004, which has more decimals than the interface, and the record is refused",
        mend="write `round: true` for the field in the mapping",
        severity=Severity.WARNS,
    )
