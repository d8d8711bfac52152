"""`yibao check`: all errors of a site's files at once, or what the site reports."""

import json
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import typer

from streams.mapping import BadFiles, Problem, Site, capture_sources, check_files
from streams.mapping.reading import dotted
from streams.mapping.secret_files import secret_files
from streams.mapping.values import is_loopback
from streams.platform_wiring import shared_keys
from yibao.captures.from_site import ends_with_line_break, stands_against
from yibao.coverage import counted, coverage_of, hidden_facts, show_coverage
from yibao.looked_at import Looked, found_live, found_within_reach
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.unjudged import unjudged

LiveOption: TypeAlias = Annotated[
    bool,
    typer.Option("--live", help="Also ask Connect and the brokers, as capture will. What does not answer ends it (exit code 3)."),
]
OfflineOption: TypeAlias = Annotated[bool, typer.Option("--offline", help="The files alone: connect to nothing.")]


def check(
    config: ConfigOption = SITE, live: LiveOption = False, offline: OfflineOption = False, output: OutputOption = Output.TABLE
) -> None:
    """Check site.yaml, its mapping files, dictionaries, keys and passwords: all errors at once, with file, line and nearest name.
    Then hold the mapping against each database that answers: columns, types, keys, links, numbers that two tables share.

    Exit code 2 when a file is wrong, 1 when something in a database stands against capture or reporting. Otherwise: how much of
    each service every source fills, and what nothing fills. The databases are read with capture's own login, and only read.

    \b
    Examples:
      yibao check -c site.yaml
      yibao check --offline                     the files alone, where no database is
      yibao check --live                        can capture log in, Connect read the passwords, whose are the topics?
      yibao check -c site.yaml -o json          for an editor or CI: file, line, place, what
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if live and offline:
        raise typer.BadParameter("--live asks everything and --offline nothing: give one of them")
    try:
        site = check_files(config)
    except BadFiles as bad:
        _print_problems(bad.problems, output)
        raise typer.Exit(2) from bad
    coverage, notes = list(coverage_of(site)), list(notes_of(site))
    looked = Looked() if offline else Looked(tuple(found_live(site))) if live else found_within_reach(site)
    blocked = stands_against(looked.findings)
    if output is Output.JSON:
        found = {
            "ok": not blocked,
            "site": site.site,
            "problems": [],
            "coverage": [asdict(one) for one in coverage],
            "notes": notes,
            "findings": [asdict(one) for one in looked.findings],
            "unseen": list(looked.unseen),
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        show_coverage(site, coverage)
        for note in notes:
            print(f"note: {note}")
        _print_looked(looked)
        print("something stands against capture" if blocked else "no errors")
    if blocked:
        raise typer.Exit(1)


def _print_looked(looked: Looked) -> None:
    for one in looked.findings:
        print(f"{one.severity.value}: {one.where} {one.what}\n    {one.mend}")
    for away in looked.unseen:
        print(f"not held against its database: {away}")


def notes_of(site: Site) -> Iterator[str]:
    """What is allowed and less than secure, so that an auditor sees every such choice in one place; and what looks forgotten."""
    chosen = {
        "kafka.security": site.kafka.security.insecure,
        "connect": site.connect.insecure,
        "platform": site.platform.insecure,
        **{f"sources.{name}": source.insecure for name, source in site.sources.items()},
    }
    yield from hidden_facts(site)
    yield from (f"sources.{name}: rule {rule} is not judged; {why}" for name, rule, why in unjudged(site))
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
    typer.echo(counted(len(problems), "problem", "problems"), err=True)


def _shorter(problem: Problem) -> Problem:
    """The same with the file as a person would type it."""
    here = Path.cwd()
    file = problem.file.relative_to(here) if problem.file.is_relative_to(here) else problem.file
    return Problem(file=file, line=problem.line, place=problem.place, what=problem.what)
