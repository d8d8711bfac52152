"""`yibao dictionaries`: the value lists (字典) that codes are held against, and the platform's download of them."""

import json
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.bounded import LIST_BYTES, NotText, read_bounded, text_in
from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.private_files import write_private
from streams.spec.dictionaries import Dictionary, parse_dictionaries
from streams.spec.dictionary_changes import ListChange, changes_of, document_after
from streams.spec.dictionary_download import Download, parse_download
from streams.spec.profiles import REPORTING
from yibao import tables
from yibao.options import SITE, ConfigOption, Output, OutputOption

_HEAD: Final = ("list", "", "from", "other codes", "codes", "fields")

app = typer.Typer(
    no_args_is_help=True,
    help="""\
The value lists (字典) that codes are held against: the product's own, and those of the site (`dictionaries` in site.yaml) in their
place, list for list. A code that is in no list is a dead letter where the list is closed, and counted where it may be incomplete.

\b
Examples:
  yibao dictionaries list
  yibao dictionaries show MED_TYPE
  yibao dictionaries import 1901.json                what would change: codes that come, go, mean something else
  yibao dictionaries import 1901.tsv --write         and write it into the site's file
""",
)


@app.command("list", short_help="All lists of the site.")
def list_(config: ConfigOption = SITE, output: OutputOption = Output.TABLE) -> None:
    """All lists, whose they are, and what becomes of other codes: `refused` or `counted`.

    \b
    Examples:
      yibao dictionaries list
      yibao dictionaries list -c site.yaml -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    own = _own(site)
    fields = _fields()
    found = [
        {
            "list": one.name,
            "label": next((label for _, label in fields.get(one.name, ())), ""),
            "from": "site" if one.name in own else "product",
            "closed": one.closed,
            "codes": len(one.codes),
            "fields": sorted({name for name, _ in fields.get(one.name, ())}),
        }
        for one in sorted(site.value_lists.values(), key=lambda one: one.name)
    ]
    if output is Output.JSON:
        print(json.dumps(found, ensure_ascii=False))
        return
    rows = [
        (
            f"{one['list']}",
            f"{one['label']}",
            f"{one['from']}",
            "refused" if one["closed"] else "counted",
            f"{one['codes']}",
            ", ".join(one["fields"]) if isinstance(one["fields"], list) else "",
        )
        for one in found
    ]
    tables.show(_HEAD, rows, right={"codes"})


@app.command(short_help="The codes of one list.")
def show(
    name: Annotated[str, typer.Argument(metavar="LIST", help="Name of the list, as `list` has it.")],
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """The codes of one list, with their meaning.

    \b
    Examples:
      yibao dictionaries show MED_TYPE
    """  # noqa: D301
    one = _named(load_site(config), name)
    if output is Output.JSON:
        print(json.dumps({"list": one.name, "closed": one.closed, "codes": {**one.codes}}, ensure_ascii=False))
        return
    tables.show(("code", "meaning"), sorted(one.codes.items()))


@app.command("import", short_help="Hold the platform's download against the site's lists; --write takes it over.")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            dir_okay=False,
            help="What transaction 1901 answers, as JSON; or a table parted by tabs with type, value and label in its first line.",
        ),
    ],
    *,
    write: Annotated[bool, typer.Option("--write", help="Write it into the file that site.yaml names.")] = False,
    close: Annotated[
        list[str] | None,
        typer.Option(
            "--close", metavar="LIST", help="The download is complete for this list: refuse every other code from now on."
        ),
    ] = None,
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """What changes with a download of the platform's value lists. Each list in it takes the place of the whole list of now; lists
    that no field of the interface names are left out. Whether a list is closed stays as it is, unless --close says it.

    \b
    Examples:
      yibao dictionaries import 1901.json
      yibao dictionaries import 1901.tsv --close MED_TYPE --write
    """  # noqa: D301
    site = load_site(config)
    if write and site.dictionaries is None:
        raise Misconfigured(
            "site.yaml names no file for them: write `dictionaries: dictionaries.json` into it, and into that file: "
            '{"dictionaries": {}}'
        )
    download = _read(file)
    closed = [_named_in(download, name) for name in close or ()]
    changes = list(changes_of(download, site.value_lists, known=_fields(), closed=closed))
    unknown = sorted(download.lists.keys() - _fields().keys())
    if output is Output.JSON:
        print(json.dumps(_document(download, changes, unknown), ensure_ascii=False))
    else:
        _print(download, changes, unknown)
    if write and site.dictionaries is not None:
        _write(site.dictionaries, document_after(download, changes, _own(site)))
        typer.echo(f"written: {site.dictionaries}; workers take it with their next start", err=True)


def _read(file: Path) -> Download:
    try:
        return parse_download(text_in(read_bounded(file, most=LIST_BYTES)), where=f"{file}")
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}") from error
    except NotText as error:
        raise Misconfigured(f"{file} {error}") from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all, where a link leads to, for whoever could read it before. Raises Misconfigured where it may not be."""
    file = path.resolve()
    mode = stat.S_IMODE(file.stat().st_mode)
    if not mode & stat.S_IWUSR:
        raise Misconfigured(f"{file} may not be written (mode {mode:04o}): chmod u+w, or name another file")
    try:
        write_private(file, text)
        file.chmod(mode)
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}") from error


def _own(site: Site) -> Mapping[str, Dictionary]:
    """The lists of the site's own file."""
    file = site.dictionaries
    return {} if file is None else parse_dictionaries(text_in(read_bounded(file, most=LIST_BYTES)), where=f"{file}")


def _fields() -> Mapping[str, list[tuple[str, str]]]:
    """By list, the interface's fields that are held against it, with their names in Chinese."""
    found: dict[str, list[tuple[str, str]]] = {}
    for service in REPORTING.services.values():
        for field in service.fields:
            if field.dictionary is not None:
                found.setdefault(field.dictionary, []).append((field.name, field.label))
    return found


def _named(site: Site, name: str) -> Dictionary:
    found = site.value_lists.get(name.upper())
    if found is None:
        raise Misconfigured(f"there is no list `{name}`; `yibao dictionaries list` has them")
    return found


def _named_in(download: Download, name: str) -> str:
    if name.upper() not in download.lists:
        raise Misconfigured(f"--close {name}: the download holds no such list; it holds {', '.join(sorted(download.lists))}")
    return name.upper()


def _document(download: Download, changes: Sequence[ListChange], unknown: Sequence[str]) -> dict[str, object]:
    told = [
        {
            "list": one.name,
            "closed": one.closed,
            "was_closed": one.was_closed,
            "added": {**one.added},
            "gone": {**one.gone},
            "renamed": {code: {"was": was, "is": now} for code, (was, now) in one.renamed.items()},
        }
        for one in changes
        if not one.is_none
    ]
    unchanged = [one.name for one in changes if one.is_none]
    return {"changes": told, "unchanged": unchanged, "not_of_the_interface": [*unknown], "invalid": download.invalid}


def _print(download: Download, changes: Sequence[ListChange], unknown: Sequence[str]) -> None:
    rows: list[tuple[str, str, str, str]] = []
    for one in changes:
        harm = "records with it are refused" if one.closed else "counted"
        rows += [(one.name, "comes", code, meaning) for code, meaning in one.added.items()]
        rows += [(one.name, f"goes ({harm})", code, meaning) for code, meaning in one.gone.items()]
        rows += [(one.name, "renamed", code, f"{was} → {now}") for code, (was, now) in one.renamed.items()]
        if one.was_closed is not None and one.closed != one.was_closed:
            rows.append((one.name, "closed", "", "every other code is refused from then on"))
    tables.show(("list", "", "code", "meaning"), rows)
    if same := [one.name for one in changes if one.is_none]:
        print(f"as they are: {', '.join(same)}")
    if unknown:
        print(f"left out, no field of the interface names them: {', '.join(unknown)}")
    if download.invalid:
        print(f"left out, no longer valid (vali_flag 0): {download.invalid}")
    if not rows:
        print("nothing changes")
