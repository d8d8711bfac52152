"""Tells which database row a dead letter is of, so that whoever mends or replays it finds the row, and what of that may be
shown.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from streams.domain.changes import RowChange, Truncated, dotted
from streams.domain.join.stored import StoredRow
from streams.domain.normalise.record import CompiledMapping, TableRule
from streams.domain.records import MissingLookup, RowOrigin
from streams.domain.roles import SERVICE_OF
from streams.spec.masking import show_key

_ALL_KEYS: Final = frozenset({"key", "visit_key", "record_key"})


def of_row(row: StoredRow, mapping: CompiledMapping, *, visit_key: bytes, record_key: str) -> RowOrigin:
    """The origin of a row that has its place in a visit. Where the mapping has its table no more, or never had (it is another
    source's), nothing of its keys may be shown.
    """
    rule = mapping.tables.get(row.table) if row.source == mapping.source else None
    return RowOrigin(
        source=row.source,
        table=row.table,
        key=row.key,
        visit_key=visit_key.decode(),
        position=dotted(row.position),
        record_key=record_key,
        personal=_ALL_KEYS if rule is None else frozenset(personal_keys(mapping, rule)),
    )


def of_change(change: RowChange | Truncated, mapping: CompiledMapping | None, rule: TableRule | None) -> RowOrigin:
    """The origin of a change without a place: what of its keys it carries, and of a table that is emptied only its name."""
    origin = RowOrigin(source=change.source, table=change.table, position=dotted(change.position))
    if mapping is None or rule is None or isinstance(change, Truncated):
        return origin
    key = tuple([value for name in rule.key if (value := change.row.get(name))])
    return RowOrigin(
        source=origin.source,
        table=origin.table,
        key=key if len(key) == len(rule.key) else (),
        visit_key=_visit_key(change, rule),
        position=origin.position,
        personal=frozenset(personal_keys(mapping, rule)),
    )


def _visit_key(change: RowChange, rule: TableRule) -> str:
    return (rule.visit_key is not None and rule.visit_key.of(change.row)) or ""


def names_of(rows: Iterable[StoredRow], mapping: CompiledMapping) -> str:
    """Table and key of rows, as they may be shown, in an order that says nothing. Their mapping knows their tables."""
    ordered = sorted(rows, key=lambda row: (row.table, row.key))
    return "、".join(_name_of(row, personal="key" in {*personal_keys(mapping, mapping.tables[row.table])}) for row in ordered)


def _name_of(row: StoredRow, *, personal: bool) -> str:
    # Behind a blank a key would look like a quoted value, and be masked.
    return f"{row.table}/{show_key('/'.join(row.key), personal=personal)}"


def name_of_missing(row: MissingLookup, mapping: CompiledMapping) -> str:
    """Table, columns and key of a lookup row that is not there, as they may be shown: `his.ward.code=W12`."""
    rule, role = mapping.lookups[row.lookup], f"lookup {row.lookup}"
    personal = mapping.is_personal([*row.places, *((role, column) for column in rule.key)])
    return f"{rule.name}.{','.join(rule.key)}={show_key('/'.join(row.key), personal=personal)}"


def personal_keys(mapping: CompiledMapping, rule: TableRule) -> Iterator[str]:
    """Which keys of a table's rows are somebody's name, number or address, because the mapping reports their columns as such."""
    if mapping.is_personal((rule.role, name) for name in rule.key):
        yield "key"
    # The same number stands in all tables of a visit, and only one of them may be where the report takes it from.
    if mapping.is_personal((one.role, name) for one in mapping.tables.values() if one.visit_key for name in one.visit_key.columns):
        yield "visit_key"
    compiled = mapping.records.get(mapping.services_of(rule.role)) if rule.role in SERVICE_OF else None
    if compiled is not None and mapping.is_personal(compiled.key_from):
        yield "record_key"
