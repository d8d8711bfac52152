"""Options that mean the same on every verb, so that they are spelled and explained once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from yibao.reasons_given import without_numbers


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

_NO_PERSON: Final = "Never a patient's or relative's name or number."


def why_option(about: str) -> Any:
    """The option by which somebody says why. What looks like a person's number gets no further."""
    return typer.Option("--why", "--reason", metavar="TEXT", help=f"{about} {_NO_PERSON}", callback=_worded)


def _worded(why: str) -> str:
    """As it is kept, with a word to whoever wrote it where that is not the same."""
    told = without_numbers(why)
    if told != why.strip():
        typer.echo(
            "note: what looks like a person's number is kept masked; names are not recognised, and must not stand there", err=True
        )
    return told


EveryOption: TypeAlias = Annotated[float, typer.Option("--every", min=0.5, metavar="SECONDS", help="Between two looks of --watch.")]
