"""What is to be said of a row that has no record, or whose record is not sent."""

from typing import Protocol

from streams.domain.changes import Incoming
from streams.domain.join.counting import verdict
from streams.domain.join.letters import FailedRow
from streams.domain.join.origin import name_of_missing, of_row
from streams.domain.join.parts import Part
from streams.domain.join.stored import StoredRow
from streams.domain.join.visit import Visit
from streams.domain.normalise.record import missing_rows, record_key
from streams.domain.records import Lookups, MissingLookup, SourceRows


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


def names_of_missing(run: Judged, visit: Visit, part: str, failed: FailedRow) -> str:
    """What the lookup rows are called that a row waits for, each once; `""` where it waits for another part."""
    if not part.startswith(Part.LOOKUP.value):
        return ""
    rows = missing_rows(visit.mapping, failed.service, failed.rows, run.lookups)
    if isinstance(counts := verdict(run, visit, failed.row), MissingLookup):
        rows.insert(0, counts)
    return "；".join(dict.fromkeys(name_of_missing(row, visit.mapping) for row in rows))
