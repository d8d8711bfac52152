"""`yibao check`: all errors of a site's files at once, or what the site reports."""

import json
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from connector.findings import Finding
from streams.domain.roles import ROLE_OF
from streams.mapping import BadFiles, Problem, Site, capture_sources, check_files, compile_site
from streams.mapping.reading import dotted
from streams.mapping.secret_files import secret_files
from streams.mapping.site_file import SiteFile
from streams.mapping.values import is_loopback
from streams.platform_wiring import shared_keys
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from yibao import tables
from yibao.binding import found_in_binding
from yibao.captures.facts import found_in_source
from yibao.captures.from_site import chosen_sources, ends_with_line_break, found_by_connect, found_in_plugin, stands_against
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.shared_numbers import found_shared


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


LiveOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--live", help="Also log in to each database as capture will: from here, and through Connect; and compare tables' numbers."
    ),
]


def check(config: ConfigOption = SITE, live: LiveOption = False, output: OutputOption = Output.TABLE) -> None:
    """Check site.yaml, its mapping files, dictionaries, keys and passwords: all errors at once, with file, line and nearest name.

    Exit code 2 when there is one. Without errors: how much of each service every source fills. Nothing is connected to without
    --live; with it the exit code is 1 when something stands against capture.

    \b
    Examples:
      yibao check -c site.yaml
      yibao check --live                        can capture log in, Connect read the passwords, no two tables share a number?
      yibao check -c site.yaml -o json          for an editor or CI: file, line, place, what
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    try:
        site = check_files(config)
    except BadFiles as bad:
        _print_problems(bad.problems, output)
        raise typer.Exit(2) from bad
    coverage, notes = list(coverage_of(site)), list(notes_of(site))
    findings = tuple(_found_live(site)) if live else ()
    blocked = stands_against(findings)
    if output is Output.JSON:
        found = {
            "ok": not blocked,
            "site": site.site,
            "problems": [],
            "coverage": [asdict(one) for one in coverage],
            "notes": notes,
        }
        print(json.dumps({**found, **({"findings": [asdict(one) for one in findings]} if live else {})}, ensure_ascii=False))
    else:
        _print_coverage(site, coverage)
        for note in notes:
            print(f"note: {note}")
        for one in findings:
            print(f"{one.severity.value}: {one.where} {one.what}\n    {one.mend}")
        print("capture cannot be started" if blocked else "no errors")
    if blocked:
        raise typer.Exit(1)


def _found_live(site: Site) -> Iterator[Finding]:
    """What stands against capture: whose the topics are, and source by source the database's part, Connect's plugin, and where
    neither does, Connect's. Then what stands against reporting what is captured.
    """
    yield from found_in_binding(site)
    captured = True
    for source in chosen_sources(site, None):
        in_database = found_in_source(site, source)
        found = (*in_database, *found_in_plugin(site, source))
        yield from found
        captured &= not stands_against(in_database)
        if not stands_against(found):
            yield from found_by_connect(site, source)
    if captured:
        yield from found_shared(site)


def coverage_of(site: Site) -> Iterator[Coverage]:
    """How much of each service the site's mappings fill, in the order of reporting."""
    for source, mapping in compile_site(site).items():
        for service in ServiceCode:
            record = site.mappings[source].records.of(service)
            if record is None:
                continue
            about = REPORTING.services[service]
            tables = [table for table in site.mappings[source].tables if table.role is ROLE_OF[service]]
            yield Coverage(
                source=source,
                mapping_version=mapping.version,
                service=service.value,
                label=about.label,
                fields=len(about.fields),
                mapped=len({*record.fields, *(name for table in tables for name in table.fields)}),
                required=sum(field.required for field in about.fields),
                columns_read=len(mapping.reads(service)),
            )


def notes_of(site: Site) -> Iterator[str]:
    """What is allowed and less than secure, so that an auditor sees every such choice in one place; and what looks forgotten."""
    chosen = {
        "kafka.security": site.kafka.security.insecure,
        "connect": site.connect.insecure,
        "platform": site.platform.insecure,
        **{f"sources.{name}": source.insecure for name, source in site.sources.items()},
    }
    yield from (f"{place}.insecure is on: data or orders may cross the network unprotected" for place, on in chosen.items() if on)
    if site.kafka.security.protocol != "PLAINTEXT" and not site.connect.consumer and site.connect.bootstrap_servers is None:
        yield f"connect.consumer is empty: orders to a capture are read without {site.kafka.security.protocol}, and will not be"
    way = urlsplit(site.platform.url)
    if way.scheme == "http" and not is_loopback(way.hostname or ""):
        yield "platform.url is http: `data` is sealed, but whoever sits on the way can forge the platform's answers"
    for source in capture_sources(site):
        if ends_with_line_break(source):
            yield (
                f"sources.{source.name}.password_file: {Path(source.password_file).name} ends with a line break, which Connect "
                "takes for a part of the password; write the password alone, with printf %s and not with echo"
            )
    for name, written in site.sources.items():
        if written.distinct_numbers:
            yield (
                f"sources.{name}.distinct_numbers: that no number of it is one of another source's is said, and looked at by "
                "--live alone"
            )
    for shared in shared_keys(site):
        yield f"institutions {', '.join(shared.institutions)} have one public key ({shared.fingerprint}): {shared.remedy}"
    for place, file in secret_files(site).items():
        if file.stat().st_mode & stat.S_IROTH:
            yield f"{dotted(place)}: everybody on this machine can read {file.name}; chmod o-r"


def _print_problems(problems: tuple[Problem, ...], output: Output) -> None:
    if output is Output.JSON:
        listed = [{"file": str(one.file), "line": one.line, "place": one.place, "what": one.what} for one in problems]
        print(json.dumps({"ok": False, "problems": listed}, ensure_ascii=False))
        return
    for one in problems:
        typer.echo(str(_shorter(one)), err=True)
    typer.echo(_counted(len(problems), "problem", "problems"), err=True)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _shorter(problem: Problem) -> Problem:
    """The same with the file as a person would type it."""
    here = Path.cwd()
    file = problem.file.relative_to(here) if problem.file.is_relative_to(here) else problem.file
    return Problem(file=file, line=problem.line, place=problem.place, what=problem.what)


def _print_coverage(site: SiteFile, coverage: list[Coverage]) -> None:
    hospitals = sum(one.kind == "hospital" for one in site.institutions)
    counts = (
        _counted(hospitals, "hospital", "hospitals"),
        _counted(len(site.institutions) - hospitals, "pharmacy", "pharmacies"),
        _counted(len(site.sources), "database", "databases"),
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
