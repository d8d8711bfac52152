"""The value of a field that stands in a record's own row: known before the row's visit and any lookup are."""

from collections.abc import Callable
from typing import Final

from streams.domain.normalise.compiled import CompiledMapping, TableRule
from streams.domain.normalise.fields import FieldStep, value_of
from streams.domain.normalise.sources import LookupUnknown, Reading
from streams.domain.records import Row, SourceRows
from streams.domain.roles import ROW_INDEX
from streams.domain.violations import Unfit


class _NoLookups:
    """What a row says by itself needs none."""

    def find(self, name: str, key: tuple[str, ...]) -> None:
        """Nothing is known."""
        del name, key


_NO_LOOKUPS: Final = _NoLookups()
_PLACES: Final = range(len(ROW_INDEX))


def own_value(mapping: CompiledMapping, step: FieldStep, table: TableRule) -> Callable[[Row, str | None], str]:
    """A function that finds the value of a field in a row of this table and its institution; empty where it has none, or none that
    can be reported.
    """
    place = ROW_INDEX[table.role]
    visit, settlement, fee = (table.name if at == place else "" for at in _PLACES)
    tables = (visit, settlement, fee)
    column, convert, default = step.column, step.convert, step.default or ""
    if step.read is None and step.row == place:

        def plain(row: Row, institution: str | None) -> str:
            del institution
            raw = row.get(column)
            try:
                return ("" if raw is None else convert(raw)) or default
            except Unfit:
                return ""

        return plain

    def found(row: Row, institution: str | None) -> str:
        of_visit, of_settlement, of_fee = (row if at == place else None for at in _PLACES)
        reading = Reading(SourceRows(of_visit, of_settlement, of_fee, tables), _NO_LOOKUPS)
        reading.institution = None if institution is None else mapping.institutions.get(institution)
        try:
            return value_of(step, reading)
        except (Unfit, LookupUnknown):
            return ""

    return found
