"""What would be reported of one visit as it stands in the database now: its rows are read, and played through the site's stages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from connector.contract import CaptureSource, TableRole
from streams.domain.records import DeadLetter, Record
from streams.domain.violations import Violation
from streams.explain.waits import words_for
from streams.fold_wiring import joiner_of, placer_of
from streams.lane_wiring import lookup_tables
from streams.mapping import Site, capture_sources
from streams.rehearsal.case import Change, Event, RowOf
from streams.rehearsal.stages import PARTITIONS, Outcome, Rehearsal, values_of
from streams.spec.masking import mask
from yibao.moments import now_ms
from yibao.visit_rows import Row, VisitRows

_ROUNDS: Final = 20
"""A lookup may be needed of which the row of another one says the key."""
_ORDER: Final = (TableRole.LOOKUP, TableRole.HEADER, TableRole.VISIT, TableRole.SETTLEMENT, TableRole.LINK, TableRole.FEE)


class Preview(NamedTuple):
    """Of one visit."""

    rows: Mapping[str, int]
    """By source and table, how many rows were read, lookups included."""
    absent: Sequence[tuple[str, tuple[str, ...]]]
    """Lookup and key of each row that was asked for and is in no database."""
    outcome: Outcome
    """What came of them."""


def preview(site: Site, sources: Sequence[CaptureSource], key: str) -> Preview:
    """sources: those whose rows are looked for. Raises Misconfigured, Unreachable, Refused."""
    databases = [VisitRows(site, source) for source in sources]
    lookups_in = [*databases, *(VisitRows(site, source) for source in _lenders(site, sources))]
    rows = [
        (database.source.name, table, row)
        for database in databases
        for table, found in database.of_visit(key).items()
        for row in found
    ]
    asked: set[tuple[str, tuple[str, ...]]] = set()
    placer, joiner, lookups = placer_of(site, partitions=PARTITIONS), joiner_of(site), lookup_tables(site)
    while True:
        rehearsal = Rehearsal(site, placer, joiner, lookups)
        outcome = rehearsal.play(_events(site, rows), at=now_ms())
        wanted = [one for one in rehearsal.lookups.missed if one not in asked]
        found = [(database.source.name, *row) for database in lookups_in for one in wanted for row in database.lookup(*one)]
        asked.update(wanted)
        rows += found
        if not found or len(asked) > _ROUNDS * len(rows):
            return Preview(_counted(rows), [*rehearsal.lookups.missed], outcome)


def _lenders(site: Site, sources: Sequence[CaptureSource]) -> Iterator[CaptureSource]:
    """The other sources from which lookups of these are borrowed."""
    names = {source.name for source in sources}
    lenders = {owner for name in names for owner in site.mappings[name].borrowed.values()} - names
    yield from (source for source in capture_sources(site) if source.name in lenders)


def _events(site: Site, rows: Sequence[tuple[str, str, Row]]) -> list[Event]:
    """All of them in one transaction: in which order they were written is not in the database."""
    roles = {(source, table.table): table.role for source in site.sources for table in site.mappings[source].tables}
    ordered = sorted(rows, key=lambda one: _ORDER.index(roles[one[0], one[1]]))
    changes = [
        Change.model_construct(insert=RowOf.model_construct(table=table, source=source, row=dict(row)))
        for source, table, row in ordered
    ]
    return [Event.model_construct(together=tuple(changes))] if changes else []


def _counted(rows: Sequence[tuple[str, str, Row]]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for source, table, _ in rows:
        counts[f"{source} {table}"] = counts.get(f"{source} {table}", 0) + 1
    return counts


def document(found: Preview) -> dict[str, Any]:
    """For programs: everything, persons masked."""
    outcome = found.outcome
    return {
        "rows": dict(found.rows),
        "absent_lookups": [lookup for lookup, _ in found.absent],
        "records": [
            {
                **_named(emission.record),
                "fields": {name: mask(name, value) for name, value in values_of(emission).items()},
                "warnings": [_violation(one) for one in emission.record.warnings],
            }
            for emission in outcome.ready
        ],
        "letters": [_letter(one) for one in outcome.letters.values()],
        "waits": [{"table": one.table, "part": one.part, "words": words_for(one.part)} for one in outcome.waiting],
    }


def _named(record: Record) -> dict[str, str]:
    return {
        "service": record.service.value,
        "key": record.key,
        "institution": record.institution,
        "amount": record.amount,
    }


def _violation(one: Violation) -> dict[str, str]:
    return {"field": one.field, "rule": one.rule, "value": one.masked, "message": one.message}


def _letter(one: DeadLetter) -> dict[str, str]:
    return {"class": one.dead_class.value, "rule": one.rule, "service": one.service, "table": one.row.table, "message": one.message}
