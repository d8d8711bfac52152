"""Which lines of a site's mappings the cases have used. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from streams.mapping import Site
from streams.rehearsal.case import Case
from streams.rehearsal.stages import Outcome, values_of
from streams.spec.fields import ServiceCode


class Covered(NamedTuple):
    """Of one part of a mapping."""

    source: str
    """Name of the source."""
    part: str
    """`tables`, or a service's code."""
    used: int
    """How many of its lines some case used."""
    unused: tuple[str, ...]
    """The names of the others: tables of which no case has a row, fields that no record of a case fills."""


def covered(site: Site, cases: Iterable[tuple[Case, Outcome]]) -> list[Covered]:
    """Of all cases together. Which source a record is of is told by its mapping's version, as records carry it."""
    touched: set[str] = set()
    filled: set[tuple[str, str, str]] = set()
    for case, outcome in cases:
        for event in case.happens:
            for change in event.changes:
                touched |= {of.table for of in (change.insert, change.update, change.delete, change.truncate) if of is not None}
        for emission in outcome.ready:
            record = emission.record
            filled |= {(record.mapping_version.partition("@")[0], record.service.value, field) for field in values_of(emission)}
    return [one for source in site.sources for one in _of_source(site, source, touched, filled)]


def _of_source(site: Site, source: str, touched: set[str], filled: set[tuple[str, str, str]]) -> list[Covered]:
    mapping = site.mappings[source]
    tables = list(dict.fromkeys(table.in_database for table in mapping.tables))
    found = [_counted(source, "tables", tables, touched)]
    for service in ServiceCode:
        if (record := mapping.records.of(service)) is not None:
            fields = {field for name, of, field in filled if (name, of) == (mapping.mapping, service.value)}
            found.append(_counted(source, service.value, record.fields, fields))
    return found


def _counted(source: str, part: str, names: Iterable[str], used: set[str]) -> Covered:
    unused = tuple(name for name in names if name not in used)
    return Covered(source, part, sum(1 for name in names if name in used), unused)
