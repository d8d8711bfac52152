"""How much of the interface a site's mappings fill, and what they only seem to fill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streams.domain.roles import ROLE_OF
from streams.mapping import Site, compile_site
from streams.mapping.site_file import SiteFile
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from yibao import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of one service a source's mapping fills."""

    source: str
    """Name of the source."""
    mapping_version: str
    """Name and content hash of its mapping."""
    service: str
    """Code of the service."""
    label: str
    """Name of the service in Chinese."""
    fields: int
    """Fields that the interface has."""
    mapped: int
    """Fields that the mapping fills."""
    required: int
    """Fields that the interface requires; all of them are mapped, or the check fails."""
    columns_read: int
    """Columns of the database that decide what becomes of a record."""
    unfilled: tuple[str, ...]
    """Names of the fields that nothing fills."""


def coverage_of(site: Site) -> Iterator[Coverage]:
    """How much of each service the site's mappings fill, in the order of reporting."""
    for source, mapping in compile_site(site).items():
        for service in ServiceCode:
            record = site.mappings[source].records.of(service)
            if record is None:
                continue
            about = REPORTING.services[service]
            tables = [table for table in site.mappings[source].tables if table.role is ROLE_OF[service]]
            filled = {*record.fields, *(name for table in tables for name in table.fields)}
            yield Coverage(
                source=source,
                mapping_version=mapping.version,
                service=service.value,
                label=about.label,
                fields=len(about.fields),
                mapped=len(filled),
                required=sum(field.required for field in about.fields),
                columns_read=len(mapping.reads(service)),
                unfilled=tuple(field.name for field in about.fields if field.name not in filled),
            )


def hidden_facts(site: Site) -> Iterator[str]:
    """Required facts that a mapping gives as one and the same for everybody: an age that is always 0 is accepted, and wrong."""
    for source, mapping in site.mappings.items():
        for service in ServiceCode:
            record = mapping.records.of(service)
            of_all = {} if record is None else record.fields
            of_one = [
                (name, one) for table in mapping.tables if table.role is ROLE_OF[service] for name, one in table.fields.items()
            ]
            facts = {field.name: field for field in REPORTING.services[service].fields if field.required and not field.coded}
            for name, written in (*of_all.items(), *of_one):
                if name in facts and written.constant is not None and facts[name].dictionary is None:
                    yield (
                        f"{source}: {service.value} {name} ({facts[name].label}) is always `{written.constant}`: the interface "
                        "requires the fact; take it from a column, or make it of others (docs/mapping.md)"
                    )


def show_coverage(site: SiteFile, coverage: Sequence[Coverage]) -> None:
    """Print it as a table, and under it what nothing fills."""
    hospitals = sum(one.kind == "hospital" for one in site.institutions)
    counts = (
        counted(hospitals, "hospital", "hospitals"),
        counted(len(site.institutions) - hospitals, "pharmacy", "pharmacies"),
        counted(len(site.sources), "database", "databases"),
    )
    print(f"site {site.site}: {', '.join(counts)}")
    head = ("source", "mapping", "service", "", "fields mapped", "required", "columns read")
    rows = [
        (
            one.source,
            one.mapping_version,
            one.service,
            one.label,
            f"{one.mapped}/{one.fields}",
            f"{one.required}/{one.required}",
            f"{one.columns_read}",
        )
        for one in coverage
    ]
    tables.show(head, rows)
    for one in coverage:
        if one.unfilled:
            for line in tables.wrapped(
                f"nothing fills, of {one.service} ({one.source}): {', '.join(one.unfilled)}", wide=tables.wide()
            ):
                print(line)


def counted(number: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else many}"
