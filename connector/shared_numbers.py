"""Numbers that stand in two tables for the same institution: as records they would overwrite each other.

No value leaves a database but for a comparison with another one, and none is shown.
"""

from collections.abc import Mapping

from connector.findings import Finding, Severity
from connector.numbers import MOST, VISIT_KEY, Numbers
from connector.profiles import profile_of


def shared_numbers(first: Numbers, second: Numbers, *, passwords: Mapping[str, str]) -> tuple[Finding, ...]:
    """The finding about two columns whose values name records of one kind; nothing where no number stands in both. One query for a
    pair in one database; in two, of whatever kinds, the highest numbers of each are looked up in the other. passwords: by source
    name. Raises Unreachable, Misconfigured.
    """
    if unseen := [one for one in (first, second) if not profile_of(one.source.kind).looks]:
        return (_unseen(first, second, unseen[0]),)
    if first.place == second.place:
        found = profile_of(first.source.kind).numbers_in_both(first, second, password=passwords[first.source.name])
    else:
        there = _of_highest(first, second, passwords=passwords)
        found = _of_highest(second, first, passwords=passwords) if there == 0 else there
    if found is None:
        return (_unfinished(first, second),)
    return (_collide(first, second, found),) if found else ()


def _of_highest(numbers: Numbers, others: Numbers, *, passwords: Mapping[str, str]) -> int | None:
    """How many of the highest numbers of one database stand in the other, too; None where a look took too long."""
    highest = profile_of(numbers.source.kind).highest_numbers(numbers, password=passwords[numbers.source.name])
    if not highest:
        return None if highest is None else 0
    wanted = others.without_prefix(sorted({number for number, _ in highest}))
    if not wanted:
        return 0
    found = profile_of(others.source.kind).numbers_among(others, wanted, password=passwords[others.source.name])
    return None if found is None else len(highest & found)


def _collide(first: Numbers, second: Numbers, found: int) -> Finding:
    count = f"{found} or more" if found >= MOST else f"{found}"
    harm = (
        "the rows of both would be taken for one visit"
        if first.names == VISIT_KEY
        else f"as {first.names} each names two records, which would overwrite each other at the platform"
    )
    columns = " and ".join(f"{one.table}.{one.column}" for one in (first, second))
    setting = "prefix" if first.names == VISIT_KEY else "record_prefix"
    other = f"{first.source.name}: {first.table}.{first.column}"
    return Finding(
        where=f"{second.source.name}: {second.table}.{second.column}",
        what=f"has {count} numbers that also stand in {other} for the same institution: {harm}",
        mend=f"write `{setting}` for the tables in the mapping (docs/mapping.md), or take the {first.names} from a column that"
        f" shares no number with the other table's; shared now: {columns}",
    )


def _unseen(first: Numbers, second: Numbers, unseen: Numbers) -> Finding:
    return Finding(
        where=f"{second.source.name}: {second.table}.{second.column}",
        what=f"is not compared with {first.source.name}: {first.table}.{first.column}: this product does not log in to the database"
        f" of source {unseen.source.name}",
        mend="compare them there, or ask the vendor whether a number can stand in both",
        severity=Severity.WARNS,
    )


def _unfinished(first: Numbers, second: Numbers) -> Finding:
    return Finding(
        where=f"{second.source.name}: {second.table}.{second.column}",
        what=f"could not be compared with {first.source.name}: {first.table}.{first.column} in the time that a query may take",
        mend="ask the vendor whether a number can stand in both; an index on each column helps, then check again",
        severity=Severity.WARNS,
    )
