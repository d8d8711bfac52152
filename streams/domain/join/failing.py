"""What is to be said of a row that has no record, or whose record is not sent."""

from typing import Protocol

from streams.domain.changes import Incoming
from streams.domain.join.letters import FailedRow
from streams.domain.join.origin import of_row
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import record_key
from streams.domain.records import Lookups, SourceRows


class Judged(Protocol):
    """The message that is folded, and what is known beside it."""

    incoming: Incoming
    lookups: Lookups


def failed_row(run: Judged, visit: Visit, row: StoredRow, rows: SourceRows, *, key: str | None = None) -> FailedRow:
    """What a letter says of this row. rows: that its record would be built from. key: of its record; None: as the rows give it."""
    mapping = visit.mapping
    service = mapping.services_of(row.role)
    if key is None:
        key = record_key(mapping, service, rows, run.lookups)
    return FailedRow(
        row=row,
        rows=rows,
        service=service,
        institution=mapping.institution(row.role, row.columns) or "",
        mapping_version=mapping.version,
        visit_key=visit.key,
        origin=of_row(row, mapping, visit_key=visit.key, record_key=key),
        offset=row.offset,
        incoming=run.incoming,
    )
