"""Where a change belongs: its visit, its row, and the row to remember after it."""

from dataclasses import dataclass
from typing import Final

from connector.contract import UNAVAILABLE, Op
from streams.domain.again import after
from streams.domain.changes import RowChange
from streams.domain.join.entries import StoredRow
from streams.domain.keys import names_something
from streams.domain.normalise.record import TableRule
from streams.domain.records import Row
from streams.domain.violations import DeadClass

_DELETE: Final = Op.DELETE
_READ: Final = Op.READ
_seen_whole: Final[dict[frozenset[str], tuple[str, ...]]] = {}
"""By expected columns: the column names of the last row that had all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaceable:
    """Why a change has no place in a visit."""

    dead_class: DeadClass
    rule: str
    message: str


UNAVAILABLE_VALUE: Final = Unplaceable(
    dead_class=DeadClass.SCHEMA_DRIFT,
    rule="UNAVAILABLE_VALUE",
    message="大字段未随变更送达且无历史值（TOAST），请将表设为 REPLICA IDENTITY FULL",
)


def truncated(table: str) -> Unplaceable:
    """A whole table that was emptied: it is in no visit, or in all."""
    message = f"表 {table} 被 TRUNCATE 清空，已上报的记录需人工处理"
    return Unplaceable(dead_class=DeadClass.WITHDRAWN, rule="TRUNCATE", message=message)


def place(change: RowChange, rule: TableRule | None) -> tuple[bytes, tuple[str, ...]] | Unplaceable:
    """Visit key and row key of a change, or why it has none."""
    if rule is None or rule.visit_key is None:
        message = f"表 {change.table} 未在映射中登记"
        return Unplaceable(dead_class=DeadClass.MAPPING, rule="UNKNOWN_TABLE", message=message)
    # A delete carries only what the replica identity holds: the columns that matter are remembered.
    expected = frozenset({*rule.key, rule.visit_key}) if change.op is _DELETE else rule.columns
    if not _has(change.row, expected):
        message = f"表 {change.table} 的变更缺少列：{'、'.join(sorted(expected - change.row.keys()))}"
        return Unplaceable(dead_class=DeadClass.SCHEMA_DRIFT, rule="MISSING_COLUMN", message=message)
    visit_key, key = change.row[rule.visit_key], [change.row[name] for name in rule.key]
    if not names_something(visit_key):
        message = f"表 {change.table} 的就诊关联列 {rule.visit_key} 为空或含控制字符"
        return Unplaceable(dead_class=DeadClass.MAPPING, rule="NO_VISIT_KEY", message=message)
    if not all(map(names_something, key)):
        message = f"表 {change.table} 的主键列为空或含控制字符"
        return Unplaceable(dead_class=DeadClass.MAPPING, rule="NO_KEY", message=message)
    return f"{visit_key}".encode(), tuple([f"{part}" for part in key])


def _has(row: Row, expected: frozenset[str]) -> bool:
    """Whether a row has all expected columns. Most rows of a table have the same columns in the same order, and comparing with the
    last row's names takes a third of the time of looking up each one.
    """
    names = tuple(row)
    if _seen_whole.get(expected) == names:
        return True
    if not expected <= row.keys():
        return False
    _seen_whole[expected] = names
    return True


def stored(change: RowChange, rule: TableRule, *, key: tuple[str, ...], before: StoredRow | None, offset: int) -> StoredRow | None:
    """The row to remember after a change, with the history of the row before; the row before itself where it was read again as it
    is known. None where a value was not sent (TOAST) and is not known from before either. offset: of the change's message.
    """
    deleted = change.op is _DELETE
    columns = {} if deleted else _filled(change, rule, before)
    if columns is None:
        return None
    if before is None:
        return StoredRow(
            rule.role, change.source, rule.name, key, columns, change.position, change.committed_at, offset, change.mark, deleted
        )
    if change.op is _READ and not before.deleted and columns == before.columns:
        return before  # its offset and position, too, stay those of the change that brought this content
    mark = after(change.mark, before.mark)
    changed = before.changed(columns, position=change.position, committed_at=change.committed_at, offset=offset, mark=mark)
    return changed._replace(deleted=True, waits_for="", since=0, deadline=0) if deleted else changed


def _filled(change: RowChange, rule: TableRule, before: StoredRow | None) -> Row | None:
    row = change.row
    found = row if len(row) == len(rule.columns) else {name: row[name] for name in rule.columns}
    if UNAVAILABLE not in found.values():
        return found
    columns = dict(found)
    for name, value in found.items():
        if value == UNAVAILABLE:
            sources = (change.before or {}, {} if before is None else before.columns)
            known = next((row[name] for row in sources if row.get(name, UNAVAILABLE) != UNAVAILABLE), UNAVAILABLE)
            if known == UNAVAILABLE:
                return None
            columns[name] = known
    return columns
