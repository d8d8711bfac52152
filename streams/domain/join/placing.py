"""Where a change belongs: its visit, its row, and the row to remember after it."""

from dataclasses import dataclass
from typing import Final, cast

from connector.contract import UNAVAILABLE, Op, TableRole
from streams.domain.again import after
from streams.domain.changes import RowChange
from streams.domain.join.stored import StoredRow
from streams.domain.keys import is_of_header, names_something
from streams.domain.normalise.record import TableRule
from streams.domain.normalise.renumbered import Renumbered
from streams.domain.records import Row
from streams.domain.told import AMBIGUOUS_HEADER, HEADER_WITHOUT_VISIT, MISSING_HEADER
from streams.domain.unsent import whole
from streams.domain.violations import DeadClass

_CREATE: Final = Op.CREATE
_DELETE: Final = Op.DELETE
_READ: Final = Op.READ
_HEADER: Final = TableRole.HEADER
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
    if rule is None or (rule.visit_key is None and not rule.header):
        message = f"表 {change.table} 未在映射中登记"
        return Unplaceable(dead_class=DeadClass.MAPPING, rule="UNKNOWN_TABLE", message=message)
    if change.told is not None or rule.header or rule.role is _HEADER:
        return _told(change, rule)
    assert rule.visit_key is not None
    # A delete carries only what the replica identity holds: the columns that matter are remembered.
    expected = frozenset({*rule.key, *rule.visit_key.columns}) if change.op is _DELETE else rule.columns
    if not _has(change.row, expected):
        return _missing(change, expected)
    visit_key, key = rule.visit_key.of(change.row), tuple(map(change.row.__getitem__, rule.key))
    if visit_key is None:
        return _nowhere(change, rule)
    if not all(map(names_something, key)):
        return _unnamed(change)
    return visit_key.encode(), cast("tuple[str, ...]", key)


def _told(change: RowChange, rule: TableRule) -> tuple[bytes, tuple[str, ...]] | Unplaceable:
    """Of a row under a header, or of a header, the place stage says where it belongs, or why nowhere."""
    told = change.told
    expected = frozenset(rule.key) if change.op is _DELETE else rule.columns
    if told is None or told.visit is None:
        expected = frozenset(name for name in expected if not is_of_header(name))
    if not _has(change.row, expected):
        return _missing(change, expected)
    key = [change.row[name] for name in rule.key]
    if not all(map(names_something, key)):
        return _unnamed(change)
    if told is not None and told.visit is not None:
        return told.visit.encode(), tuple([f"{part}" for part in key])
    if told is not None and told.why in _HEADERS:
        dead_class, message = _HEADERS[told.why]
        # Behind a blank a key would look like a quoted value, and be masked.
        return Unplaceable(dead_class=dead_class, rule=told.why, message=f"{message}：{told.header}")
    return UNAVAILABLE_VALUE if UNAVAILABLE in change.row.values() else _nowhere(change, rule)


_HEADERS: Final = {
    MISSING_HEADER: (DeadClass.JOIN_INCOMPLETE, "等待超时，缺少所属单据（R24）"),
    HEADER_WITHOUT_VISIT: (DeadClass.JOIN_INCOMPLETE, "等待超时，所属单据没有就诊号（R24）"),
    AMBIGUOUS_HEADER: (DeadClass.AMBIGUOUS, "所属单据有多条且不一致，无法确定属于哪次就诊（R24）"),
}
"""By what the place stage says: the class of the letter, and what a clerk is told."""


def _missing(change: RowChange, expected: frozenset[str]) -> Unplaceable:
    message = f"表 {change.table} 的变更缺少列：{'、'.join(sorted(expected.difference(change.row)))}"
    return Unplaceable(dead_class=DeadClass.SCHEMA_DRIFT, rule="MISSING_COLUMN", message=message)


def _nowhere(change: RowChange, rule: TableRule) -> Unplaceable:
    columns = (*rule.header, *(rule.visit_key.columns if rule.visit_key else ()))
    message = f"表 {change.table} 的就诊关联列 {'、'.join(columns)} 为空或含控制字符"
    return Unplaceable(dead_class=DeadClass.MAPPING, rule="NO_VISIT_KEY", message=message)


def _unnamed(change: RowChange) -> Unplaceable:
    message = f"表 {change.table} 的主键列为空或含控制字符"
    return Unplaceable(dead_class=DeadClass.MAPPING, rule="NO_KEY", message=message)


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
    # What a row is created over is another row.
    known = {} if before is None or change.op is _CREATE else before.columns
    columns = {} if deleted else whole(change, rule.columns, known)
    if columns is None:
        return None
    if before is not None and rule.renumbered is not None and change.op is not _CREATE and columns:
        columns = _with_number(columns, before, rule.renumbered)
    if before is None:
        return StoredRow(
            rule.role, change.source, rule.name, key, columns, change.position, change.committed_at, offset, change.mark, deleted
        )
    if change.op is _READ and not before.deleted and columns == before.columns:
        return before  # its offset and position, too, stay those of the change that brought this content
    mark = after(change.mark, before.mark)
    changed = before.changed(columns, position=change.position, committed_at=change.committed_at, offset=offset, mark=mark)
    return changed._replace(deleted=True, waits_for="", since=0, deadline=0) if deleted else changed


def _with_number(columns: Row, before: StoredRow, of: Renumbered) -> Row:
    """What stands in a line now, with the number that it took over (`streams.domain.join.renumbering`)."""
    number = before.columns.get(of.number)
    taken = not before.deleted and before.beneath is None and number != before.key[0]
    return {**columns, of.number: number} if taken else columns


def own_columns(row: StoredRow, rule: TableRule) -> Row:
    """What stands in a row in the database."""
    of = rule.renumbered
    return row.columns if of is None else {**row.columns, of.number: row.key[0]}
