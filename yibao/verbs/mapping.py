"""`yibao mapping`: a site's mapping held against cases that people wrote."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from streams.mapping import Site, load_site
from streams.rehearsal.covered import Covered, covered
from streams.rehearsal.verdict import Difference, differences
from yibao import tables
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.rehearsing import Played, as_written, case_files, play

_HEAD: Final = ("of", "field", "expected", "found")
_COVERAGE: Final = ("source", "part", "used", "of", "not used by any case")

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Hold a site's mapping against cases: rows that are written, changed and deleted in an order, and what must be reported of them.

\b
Examples:
  yibao mapping test                          all cases in `cases` beside the mapping files
  yibao mapping test cases/refund.yaml
  yibao mapping test --show cases/new.yaml    what came, to be read and put into the file
""",
)


@app.callback()
def mapping() -> None:
    """Keeps the verb's second word necessary while there is one."""


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
      reported: [{service: fee_list_d, key: C1, fields: {CNT: "2"}}]
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
        _show(played)
        return
    found = [(one, differences(one.case, one.outcome)) for one in played]
    coverage = covered(site, [(one.case, one.outcome) for one in played])
    if output is Output.JSON:
        print(json.dumps(_document(site, found, coverage), ensure_ascii=False))
    else:
        _print(found, coverage)
    if any(differing for _, differing in found):
        raise typer.Exit(1)


def _show(played: Sequence[Played]) -> None:
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
