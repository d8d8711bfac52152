"""Which record a row claims, as far as the row itself and its header say so: known before it has found its visit."""

from collections.abc import Callable
from typing import Final, NamedTuple

from streams.domain.keys import SEPARATOR
from streams.domain.normalise.compiled import CompiledMapping, TableRule, key_step, may_share_a_record
from streams.domain.normalise.own_values import own_value
from streams.domain.normalise.sources import in_table, values_of
from streams.domain.records import Row
from streams.domain.roles import REPORTED, ROW_INDEX, SERVICE_OF


class ClaimOf(NamedTuple):
    """How to find the record that a row claims."""

    columns: tuple[str, ...]
    """What it is made of."""
    of: Callable[[Row], str | None]
    """Finds what names the record of a row, among all records of a source; None where nothing does, or the row is not reported."""

    def __repr__(self) -> str:
        """Without what a function was made from."""
        return f"ClaimOf(columns={self.columns!r})"


_PREFIX: Final = {one.role: one.prefix for one in REPORTED}


def claim_of(mapping: CompiledMapping, table: TableRule) -> ClaimOf | None:
    """How to find the record that a row of this table claims; None where no two rows can claim one, or where that does not stand
    in the row itself or in its header: institution and key may be another row's.
    """
    if not may_share_a_record(mapping.records, table) or table.renumbered is not None:
        return None  # which record a line took over is not in its row; its numbers are told apart from all others'
    role, step = table.role, key_step(mapping.records[SERVICE_OF[table.role]])
    places = [*values_of(in_table(step.source, role, table.name))]
    column = mapping.belonging.columns.get(role)
    if not places or any(of != role for of, _ in places):
        return None
    index, named = ROW_INDEX[role], f"{_PREFIX[role]}{SEPARATOR}"
    key_in = own_value(mapping, step, table)

    def claim(row: Row) -> str | None:
        institution = mapping.institution(role, row)
        if institution is None or (index == 0 and not mapping.visit_required(institution)):
            return None
        key = key_in(row, institution)
        return f"{named}{institution}/{key}" if key else None

    return ClaimOf((*(name for _, name in places), *(() if column is None else (column,))), claim)
