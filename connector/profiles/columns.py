"""What is said of columns of a mapping that a database does not have, whatever its kind."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.findings import Finding, Severity

_REPORTED: Final = frozenset({TableRole.VISIT, TableRole.SETTLEMENT, TableRole.FEE})


def missing_column(wanted: CapturedTable, column: str, known: Collection[str]) -> Finding:
    """The finding about a column that a table does not have. known: those that it has."""
    correct = "correct the column's name in the mapping, in the catalogue's upper and lower case"
    own = f"; where {wanted.name} has it elsewhere or not at all, other than the tables of its role, say so in its `fields` there"
    return Finding(
        where=f"{wanted.name}.{column}",
        what=f"does not exist{nearest(column, known)}",
        mend=correct + (own if wanted.role in _REPORTED else ""),
    )


def unlisted(source: CaptureSource, known: Collection[str]) -> Iterator[Finding]:
    """The findings about tables of a sharded name that the mapping does not list. known: all tables of the database."""
    listed = {table.name for table in source.tables}
    for pattern in source.sharded:
        before, _, after = pattern.partition("*")
        for name in sorted(set(known) - listed):
            shard = name.removeprefix(before).removesuffix(after)
            if name == f"{before}{shard}{after}" and shard:
                yield Finding(
                    where=name,
                    what=f"is there, and `shards` of {pattern} does not list {shard}: nothing of it is captured",
                    mend=f"add {shard} to `shards` in the mapping, then prepare and apply (`yibao source prepare`, `yibao connector"
                    " apply`); where it holds none of these rows, name the shards so that `*` does not mean it",
                    severity=Severity.WARNS,
                )


def nearest(name: str, known: Collection[str]) -> str:
    """The name that is most like this one, as the end of a sentence; `""` where none is."""
    folded = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"; the nearest is {folded[close[0]]}" if close else ""
