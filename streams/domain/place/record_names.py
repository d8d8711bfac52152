"""By what the place stage knows that two rows are the same record: as far as a row itself tells it.

Where a record's number is its row's key, and no other table has such records, the row's place says it all. Where the number stands
in another column, or rows of several tables can be one record, it is made as the join makes it. Where it stands in the visit's or
the settlement's row, nothing is known here but the row's place.
"""

from collections.abc import Iterator, Mapping

from streams.domain.images import text_of
from streams.domain.normalise.compiled import CompiledRecord, TableRule, key_step
from streams.domain.normalise.own_values import own_value
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.sources import (
    ByTable,
    Column,
    Computed,
    Constant,
    FirstOf,
    InstitutionValue,
    LookupColumn,
    Prefixed,
    Source,
    Switch,
    in_table,
    parts_of,
)
from streams.domain.place.ended_entries import Name
from streams.domain.records import Row
from streams.domain.roles import SERVICE_OF
from streams.errors import Rejected


class RecordName:
    """Of the rows of one table. columns: those that it is made from."""

    __slots__ = ("_mapping", "_number", "_role", "_service", "columns")

    def __init__(self, mapping: CompiledMapping, table: TableRule, compiled: CompiledRecord) -> None:
        self._mapping = mapping
        self._role = table.role
        self._service = SERVICE_OF[table.role].value
        step = key_step(compiled)
        self._number = own_value(mapping, step, table)
        institution = mapping.belonging.columns.get(table.role)
        places = {*columns_in(in_table(step.source, table.role, table.name)), *(() if institution is None else (institution,))}
        self.columns = tuple(sorted(places))

    def differs(self, one: Mapping[str, object], other: Mapping[str, object]) -> bool:
        """Whether two images of a row may be two records."""
        for column in self.columns:  # noqa: SIM110 - this runs for every row
            if one.get(column) != other.get(column):
                return True
        return False

    def of(self, image: Mapping[str, object]) -> Name | None:
        """Service, institution and number of the record of a row; None where it is none yet."""
        try:
            row: Row = {column: text_of(image.get(column)) for column in self.columns}
        except Rejected:
            return None
        institution = self._mapping.institution(self._role, row)
        if institution is None or not (number := self._number(row, institution)):
            return None
        return self._service, institution, number


def record_names(mappings: Mapping[str, CompiledMapping]) -> Mapping[tuple[str, str], RecordName]:
    """By source and table, of those whose rows' places do not say it."""
    return {
        (source, table.name): RecordName(mapping, table, compiled)
        for source, mapping in mappings.items()
        for table, compiled in _named(mapping)
    }


def columns_in(source: Source) -> Iterator[str]:
    """The columns in which a value stands."""
    if isinstance(source, Column):
        yield source.name
    for one in parts_of(source):
        yield from columns_in(one)


def _named(mapping: CompiledMapping) -> Iterator[tuple[TableRule, CompiledRecord]]:
    for table in mapping.tables.values():
        compiled = mapping.records.get(SERVICE_OF[table.role]) if table.role in SERVICE_OF else None
        step = None if compiled is None else next((step for step in compiled.steps if step.name == compiled.key), None)
        if compiled is None or step is None or table.renumbered is not None or not _stands_in(step.source, table):
            continue
        by_place = step.read is None and (step.column,) == table.key and step.longest >= 0 and step.default is None
        if table.beside or not by_place:
            yield table, compiled


def _stands_in(source: Source, table: TableRule) -> bool:
    """Whether a value is made from the table's own rows alone."""
    match read := in_table(source, table.role, table.name):
        case Column() as column:
            return column.role is table.role
        case Prefixed() as number:
            return number.role is table.role and _stands_in(number.source, table)
        case FirstOf() | Computed() | Switch() | ByTable():
            return all(_stands_in(one, table) or isinstance(one, Constant) for one in parts_of(read))
        case Constant() | InstitutionValue() | LookupColumn():
            return False
