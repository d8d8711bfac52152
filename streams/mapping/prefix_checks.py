"""What a mapping must get right about prefixes, so that numbers which they tell apart can never meet."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from connector.contract import TableRole
from streams.domain.roles import REPORTED
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import Document


def check_prefixes(document: Document, written: MappingFile) -> None:
    """Note prefixes of which one is the beginning of another one: `I` and 12 would be `I1` and 2."""
    visits = {index: table.prefix for index, table in enumerate(written.tables) if table.prefix is not None}
    _apart(document, "prefix", visits)
    for one in REPORTED:
        _apart(document, "record_prefix", record_prefixes(written, one.role))


def record_prefixes(written: MappingFile, role: TableRole) -> dict[int, str]:
    """By the place of the tables of a role in the file, what stands before the numbers of their records, where anything does."""
    tables = ((index, table) for index, table in enumerate(written.tables) if table.role is role)
    return {index: table.record_prefix for index, table in tables if table.record_prefix is not None}


def may_meet(one: str, other: str) -> bool:
    """Whether numbers with these prefixes may be the same text: one of them begins with the other."""
    return one.startswith(other) or other.startswith(one)


def _apart(document: Document, setting: str, prefixes: Mapping[int, str]) -> None:
    for index, shorter, longer in _meeting(prefixes):
        document.report(
            ("tables", index, setting),
            f"`{longer}` begins with `{shorter}` of another table, so that `{longer}1` may be a number of either; write prefixes of"
            " which none begins with another one, such as of one length",
        )


def _meeting(prefixes: Mapping[int, str]) -> Iterator[tuple[int, str, str]]:
    for (index, one), (other_index, other) in combinations(prefixes.items(), 2):
        if one != other and may_meet(one, other):
            yield (index, other, one) if one.startswith(other) else (other_index, one, other)
