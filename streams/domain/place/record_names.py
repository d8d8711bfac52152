"""By what the place stage knows that two rows are the same record: as far as a row itself tells it.

Where a record's number is its row's key, and no other table has such records, the row's place says it all. Where the number stands
in another column, or rows of several tables can be one record, it is made as the join makes it. Where it stands in the visit's or
the settlement's row, nothing is known here but the row's place.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from streams.domain.images import text_of
from streams.domain.normalise.compiled import CompiledRecord, TableRule, value_of
from streams.domain.normalise.record import CompiledMapping
from streams.domain.normalise.sources import Column, Constant, FirstOf, LookupUnknown, Reading, Source
from streams.domain.place.ended_entries import Name
from streams.domain.records import Row, SourceRows
from streams.domain.roles import ROW_INDEX, SERVICE_OF
from streams.domain.violations import Unfit
from streams.errors import Rejected


class _NoLookups:
    def find(self, name: str, key: tuple[str, ...]) -> None:
        """Nothing is known."""
        del name, key


_NO_LOOKUPS: Final = _NoLookups()
_ROWS: Final = range(len(ROW_INDEX))


class RecordName:
    """Of the rows of one table. columns: those that it is made from."""

    __slots__ = ("_index", "_mapping", "_role", "_service", "_step", "columns")

    def __init__(self, mapping: CompiledMapping, table: TableRule, compiled: CompiledRecord) -> None:
        self._mapping = mapping
        self._role = table.role
        self._service = SERVICE_OF[table.role].value
        self._index = ROW_INDEX[table.role]
        self._step = next(step for step in compiled.steps if step.name == compiled.key)
        institution = mapping.belonging.columns.get(table.role)
        places = {*columns_in(self._step.source), *(() if institution is None else (institution,))}
        self.columns = tuple(sorted(places))

    def differs(self, one: Mapping[str, object], other: Mapping[str, object]) -> bool:
        """Whether two images of a row may be two records."""
        return any(one.get(column) != other.get(column) for column in self.columns)

    def of(self, image: Mapping[str, object]) -> Name | None:
        """Service, institution and number of the record of a row; None where it is none yet."""
        step = self._step
        try:
            row: Row = {column: text_of(image.get(column)) for column in self.columns}
            if step.read is None:
                raw = row[step.column]
                number = ("" if raw is None else step.convert(raw)) or step.default
            else:
                number = value_of(
                    step, Reading(SourceRows(*(row if index == self._index else None for index in _ROWS)), _NO_LOOKUPS)
                )
        except (Rejected, Unfit, LookupUnknown):
            return None
        institution = self._mapping.institution(self._role, row)
        return (self._service, institution, number) if number and institution is not None else None


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
    elif isinstance(source, FirstOf):
        for one in source.sources:
            yield from columns_in(one)


def _named(mapping: CompiledMapping) -> Iterator[tuple[TableRule, CompiledRecord]]:
    for table in mapping.tables.values():
        compiled = mapping.records.get(SERVICE_OF[table.role]) if table.role in SERVICE_OF else None
        step = None if compiled is None else next((step for step in compiled.steps if step.name == compiled.key), None)
        if compiled is None or step is None or not _stands_in(step.source, table):
            continue
        by_place = step.read is None and (step.column,) == table.key and step.longest >= 0 and step.default is None
        if table.beside or not by_place:
            yield table, compiled


def _stands_in(source: Source, table: TableRule) -> bool:
    """Whether a value is made from the table's own rows alone."""
    match source:
        case Column():
            return source.role is table.role
        case FirstOf():
            return all(_stands_in(one, table) or isinstance(one, Constant) for one in source.sources)
        case _:
            return False
