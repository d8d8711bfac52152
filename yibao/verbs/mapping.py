"""`yibao mapping`: a site's mapping held against cases that people wrote, and against a visit in the database."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.rehearsal.covered import Covered, covered
from streams.rehearsal.verdict import Difference, differences
from yibao import preview_shown as screen
from yibao import tables
from yibao.captures.from_site import chosen_sources
from yibao.options import SITE, ConfigOption, Output, OutputOption, SourceOption
from yibao.previewing import document, preview
from yibao.profiling import shown as profiled
from yibao.profiling.page import page
from yibao.profiling.profile import Profile
from yibao.rehearsing import Played, as_written, case_files, play

_HEAD: Final = ("of", "field", "expected", "found")
_COVERAGE: Final = ("source", "part", "used", "of", "not used by any case")

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Hold a site's mapping against cases: rows that are written, changed and deleted in an order, and what must be reported of them. Or
against one visit as it stands in the database.

\b
Examples:
  yibao mapping test                          all cases in `cases` beside the mapping files
  yibao mapping test cases/refund.yaml
  yibao mapping test --show cases/new.yaml    what came, to be read and put into the file
  yibao mapping preview --visit MZ25060200000010
  yibao mapping profile                       which values and links the mapping does not take, counted
""",
)


@app.command("test", short_help="Play cases, and say what differs.")
def play_cases(
    *,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[CASE]...", help="Files or folders of cases.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print what came of each case, in the words of a case.")] = False,
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Play each case through the site's own place and join stages, without brokers and without a database, and hold what comes
    against what the case says: every record by its fields, every dead letter, every row that waits. Then which tables and fields
    no case has used. Exit code 1 where something differs, 2 where a file is wrong.

    Values that look like a person's are masked. Write cases with invented people only.

    \b
    A case:
      case: a line that is taken back
      at: "2026-05-04 09:00:00"
      happens:
        - insert: {table: his.visit, row: {visit_id: V1, org: H1}}
        - together: [{insert: {…}}, {update: {…}}]        one transaction
        - later: 2h
        - delete: {table: his.charge, row: {charge_id: C1}}
      reported: [{service: fee_list_d, key: C1, fields: {CNT: "2.0000"}}]
      letters: [{class: WITHDRAWN, table: his.charge, key: C1}]
      waits: [{table: his.charge, key: C2, for: settlement}]

    \b
    Examples:
      yibao mapping test -c site.yaml
      yibao mapping test cases/refund.yaml -o json
      yibao mapping test --show cases/new.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    played = play(site, case_files(site, files or []))
    if show:
        _show(played, output)
        return
    if _differs(site, played, output):
        raise typer.Exit(1)


def _differs(site: Site, played: Sequence[Played], output: Output) -> bool:
    """Tell what differs; whether anything does."""
    found = [(one, differences(one.case, one.outcome)) for one in played]
    coverage = covered(site, [(one.case, one.outcome) for one in played])
    if output is Output.JSON:
        print(json.dumps(_document(site, found, coverage), ensure_ascii=False))
    else:
        _print(found, coverage)
    return any(differing for _, differing in found)


@app.command("preview", short_help="What would be reported of one visit of the database.")
def preview_visit(
    *,
    visit: Annotated[str, typer.Option("--visit", metavar="KEY", help="Its visit key; of several columns, with commas between.")],
    source: SourceOption = None,
    fields: Annotated[bool, typer.Option("--fields", help="Also every field of every record.")] = False,
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read the rows of one visit from the databases, as capture does and read-only, with the headers and lookups that they
    need, and play them through the site's own place and join stages: the records that would be reported, every violation, and
    what would wait. Nothing is captured, reported or written. Exit code 1 where a record is refused or waits, or there is no such
    visit.

    Persons are masked. What was reported of the visit before is not known here: `yibao explain` tells that.

    \b
    Examples:
      yibao mapping preview --visit MZ25060200000010
      yibao mapping preview --visit MZ25060200000010 --fields
      yibao mapping preview --visit 4711,2026-05-04 --source his -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    found = preview(site, chosen_sources(site, source), visit)
    if output is Output.JSON:
        print(json.dumps(document(found), ensure_ascii=False))
    else:
        screen.show(found, fields=fields)
    if found.outcome.letters or found.outcome.waiting or not found.outcome.ready:
        raise typer.Exit(1)


@app.command("profile", short_help="What of the database's rows the mapping does not take, counted.")
def profile_rows(
    *,
    source: SourceOption = None,
    longest_s: Annotated[int, typer.Option("--longest", min=1, max=3600, metavar="SECONDS", help="Of one question.")] = 30,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", dir_okay=False, help="Also write it there as a page in Chinese.")
    ] = None,
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask the databases, read-only and with capture's login, before anything is captured: how many rows count, which values of
    columns their fields do not take (codes without a translation, texts that are too long, dates that are none, required values
    that are empty) with counts and masked examples, how many rows name a visit, settlement, header or lookup row that is not
    there, and where amounts are not what they are made of (R1, R2). Each question reads a table once. Exit code 1 where a record
    would be refused, or wait.

    Values are judged alone, by the conversions of the mapping: not what is computed of several, and no other rule across fields.

    \b
    Examples:
      yibao mapping profile
      yibao mapping profile --source his --longest 300 --html profile.html
      yibao mapping profile -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    if html is not None and not html.absolute().parent.is_dir():
        raise Misconfigured(f"--html {html}: there is no folder {html.absolute().parent}")

    def say(what: str) -> None:
        typer.echo(f"looking at {what}", err=True)

    found = {one.name: [*Profile(site, one, longest_s=longest_s, say=say).run()] for one in chosen_sources(site, source)}
    if html is not None:
        html.write_text(page(site.site, found), "utf-8")
    if output is Output.JSON:
        print(json.dumps(profiled.document(found), ensure_ascii=False))
    else:
        profiled.show(found)
    if any(profiled.stands_against(one) for those in found.values() for one in those):
        raise typer.Exit(1)


def _show(played: Sequence[Played], output: Output) -> None:
    if output is Output.JSON:
        print(json.dumps([{"file": str(one.file), **as_written(one.outcome)} for one in played], ensure_ascii=False))
        return
    for one in played:
        print(f"# {one.file.name}: {one.case.case}")
        print(yaml.safe_dump(as_written(one.outcome), allow_unicode=True, sort_keys=False), end="")


def _document(site: Site, found: Sequence[tuple[Played, list[Difference]]], coverage: Sequence[Covered]) -> dict[str, object]:
    return {
        "ok": not any(differing for _, differing in found),
        "site": site.site,
        "cases": [
            {
                "file": str(one.file),
                "case": one.case.case,
                "ok": not differing,
                "differences": [difference._asdict() for difference in differing],
            }
            for one, differing in found
        ],
        "coverage": [part._asdict() for part in coverage],
    }


def _print(found: Sequence[tuple[Played, list[Difference]]], coverage: Sequence[Covered]) -> None:
    for one, differing in found:
        print(f"{'differs' if differing else 'ok'}: {one.file.name}: {one.case.case}")
        tables.show(_HEAD, [(each.what, each.field, each.expected or "-", each.found or "-") for each in differing])
    rows = [(one.source, one.part, f"{one.used}", f"{one.used + len(one.unused)}", ", ".join(one.unused)) for one in coverage]
    tables.show(_COVERAGE, rows, right=("used", "of"))
    counts = Counter(bool(differing) for _, differing in found)
    print(f"{counts[False]} of {len(found)} as written" + (f", {counts[True]} not" if counts[True] else ""))
