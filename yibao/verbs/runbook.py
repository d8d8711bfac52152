"""`yibao runbook`: the pages that the workers serve, in a terminal."""

import os
from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.telemetry.runbook_text import Language, first_sentence, names, text
from streams.wording import nearest
from yibao.demonstration.words import language_of


def runbook(
    name: Annotated[
        str, typer.Argument(metavar="[ALERT]", help="Name of the alert; without one all are listed.", show_default=False)
    ] = "",
    language: Annotated[
        Language | None, typer.Option(help="Of the page; by default the terminal's (LC_ALL, LANG).", show_default=False)
    ] = None,
) -> None:
    """What an alert means, what it does, where to look, what mends it, and whom to call. It asks nobody and needs no site.

    The same pages are served by every worker: `/runbooks` beside its `/health`.

    \b
    Examples:
      yibao runbook                             all alerts, with a sentence each
      yibao runbook YibaoLaneHeld
      yibao runbook LaneHeld --language zh      in Chinese; `Yibao` may be left out
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    spoken = language or Language(language_of(os.environ).value)
    if not name:
        for one in names():
            typer.echo(f"{one}\n    {first_sentence(one, spoken)}")
        return
    found = next((one for one in names() if name.lower() in (one.lower(), one.removeprefix("Yibao").lower())), None)
    if found is None:
        raise Misconfigured(f"there is no runbook {name}{nearest(name, names())}: `yibao runbook` lists them")
    typer.echo(text(found, spoken), nl=False)
