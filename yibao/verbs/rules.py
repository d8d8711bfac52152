"""`yibao rules`: the data-quality rules, and how strict a site is with each."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.domain.validate.catalogue import UNJUDGED, Described, Unjudged, described
from streams.mapping import Site, load_site
from yibao import tables
from yibao.options import Output, OutputOption

_HEAD: Final = ("rule", "services", "level", "by default", "clause", "what", "中文")
_NOBODY: Final = "not judged"

app = typer.Typer(
    no_args_is_help=True,
    help="""\
The data-quality rules: what each demands, of which records, where that is written, and how strict a site is with it (`rules` in
site.yaml).

\b
Examples:
  yibao rules list
  yibao rules list -c site.yaml
""",
)


@app.callback()
def rules() -> None:
    """Keeps the verb's second word necessary while there is one."""


@app.command("list", short_help="All rules, with the site's levels.")
def list_(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", envvar="YIBAO_CONFIG", dir_okay=False, metavar="FILE", help="The site; without it, defaults."
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """All rules: `refuse` keeps a record back and writes a dead letter, `warn` counts it, `off` does not look. What nobody
    judges is listed last.

    \b
    Examples:
      yibao rules list
      yibao rules list -c site.yaml -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = None if config is None else load_site(config)
    if output is Output.JSON:
        found = [*(_document(one, site) for one in described()), *map(_unjudged, UNJUDGED)]
        print(json.dumps(found, ensure_ascii=False))
        return
    rows = [
        (one.id, ", ".join(one.services), _level(one, site), one.level.value, one.clause, one.title, one.chinese)
        for one in described()
    ]
    rows += [(one.id, ", ".join(one.services), _NOBODY, _NOBODY, one.clause, one.title, one.chinese) for one in UNJUDGED]
    tables.show(_HEAD, rows)


def _unjudged(one: Unjudged) -> dict[str, object]:
    about: dict[str, object] = {"rule": one.id, "services": [*one.services], "level": _NOBODY, "default_level": _NOBODY}
    return {**about, "clause": one.clause, "what": one.title, "chinese": one.chinese, "rule_options": {}}


def _level(one: Described, site: Site | None) -> str:
    return one.level.value if site is None else site.rules.get(one.id, one.level.value)


def _document(one: Described, site: Site | None) -> dict[str, object]:
    return {
        "rule": one.id,
        "services": [*one.services],
        "level": _level(one, site),
        "default_level": one.level.value,
        "clause": one.clause,
        "what": one.title,
        "chinese": one.chinese,
        "rule_options": {name: None if site is None else getattr(site.rule_options, name) for name in one.settings},
    }
