"""Options that mean the same on every verb, so that they are spelled and explained once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer


class Output(StrEnum):
    """How a verb prints what it found: for people, or for programs (a schema that only grows)."""

    TABLE = "table"
    JSON = "json"


class StageName(StrEnum):
    """The stages that have offsets."""

    PLACE = "place"
    JOIN = "join"
    DELIVER = "deliver"


ConfigOption: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="YIBAO_CONFIG", dir_okay=False, metavar="FILE", help="The site's configuration (site.yaml)."
    ),
]
"""`config: ConfigOption = SITE`"""

SITE = Path("site.yaml")

OutputOption: TypeAlias = Annotated[
    Output, typer.Option("--output", "-o", help="table for people, json for programs.", case_sensitive=False)
]
"""`output: OutputOption = Output.TABLE`"""

SourceOption: TypeAlias = Annotated[
    str | None, typer.Option("--source", "-s", metavar="NAME", help="Only this source of the site; all of them without it.")
]

WatchOption: TypeAlias = Annotated[
    bool, typer.Option("--watch", "-w", help="Look again and again: one screen on a terminal, elsewhere a line for each look.")
]

EveryOption: TypeAlias = Annotated[float, typer.Option("--every", min=0.5, metavar="SECONDS", help="Between two looks of --watch.")]
