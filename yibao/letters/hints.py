"""What a letter about a missing row may come from, besides the hospital's data: capture has not seen the row."""

from collections.abc import Iterable

from connector.contract import CapturedTable, CaptureSource, TableRole
from streams.deadletter.record import DeadLetterView
from streams.domain.several_roles import in_database
from streams.domain.violations import DeadClass

_ROLES = {"MISSING_VISIT": TableRole.VISIT, "MISSING_SETTLEMENT": TableRole.SETTLEMENT}


def hint_of(letter: DeadLetterView, sources: Iterable[CaptureSource]) -> str:
    """The tables to read again where the database has the row that is missing; `""` for a letter about anything else."""
    if letter.dead_class != DeadClass.JOIN_INCOMPLETE:
        return ""
    own = [source for source in sources if letter.row_source in ("", source.name)]
    commands = [f"yibao resnapshot {table} --source {source.name} --wait" for source in own for table in _tables(letter, source)]
    if not commands:
        return ""
    return f"where the database has the missing row, capture may not have seen it: {'; '.join(commands)}"


def _tables(letter: DeadLetterView, source: CaptureSource) -> list[str]:
    """Those in which the missing row would stand."""
    if letter.rule == "MISSING_HEADER":
        under = {name for table in source.tables if table.name == in_database(letter.row_table) for name in table.under}
        return sorted(under)
    return [table.name for table in source.tables if _is_missed(letter, table)]


def _is_missed(letter: DeadLetterView, table: CapturedTable) -> bool:
    if letter.rule == "MISSING_LOOKUP":
        return table.lookup is not None and (letter.message.endswith(f"：{table.lookup}") or f"：{table.name}." in letter.message)
    return _ROLES.get(letter.rule) in (table.role, *table.further)
