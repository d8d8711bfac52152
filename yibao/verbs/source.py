"""`yibao source`: a site's databases, as their administrators see them."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from connector.contract import CaptureSource
from connector.preparation import script_of, undo_of
from connector.profiles import profile_of
from streams.errors import Misconfigured
from streams.mapping import load_site
from yibao.captures.from_site import chosen_sources
from yibao.options import SITE, ConfigOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
What the administrator of a source's database does before it can be captured from. We never change a hospital's database.

\b
Examples:
  yibao source prepare his > prepare.sql     to read, and to run as the database's administrator
  yibao source prepare his --undo            the way back

`yibao check` says what of it is still to be done, each with its statement.
""",
)


@app.callback()
def source() -> None:
    """Keeps the verb's second word necessary while there is one."""


@app.command(short_help="The script for the database's administrator; --undo takes it back.")
def prepare(
    name: Annotated[str | None, typer.Argument(metavar="SOURCE", help="Name of the source; not needed where there is one.")] = None,
    *,
    undo: Annotated[bool, typer.Option("--undo", help="The script that takes it back, the last step first.")] = False,
    connect_host: Annotated[
        str,
        typer.Option(
            "--connect-host", metavar="HOST", help="MariaDB, MySQL: from where Connect and workers log in, such as 10.1.2.%."
        ),
    ] = "%",
    config: ConfigOption = SITE,
    output: OutputOption = Output.TABLE,
) -> None:
    """The script for the database's administrator, for exactly this mapping: settings, login, rights, identities, publication,
    heartbeat, each with why. Nothing is connected to; run twice it changes nothing more. The login gets no password in it.

    \b
    Examples:
      yibao source prepare his > prepare.sql
      psql -v ON_ERROR_STOP=1 -d hisdb -f prepare.sql          then \\password, and: yibao check
      yibao source prepare his --undo > undo.sql
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    one = _only(chosen_sources(load_site(config), name), name)
    steps = profile_of(one.kind).preparation(one, connect_host=connect_host)
    if output is Output.JSON:
        print(
            json.dumps({"source": one.name, "kind": one.kind.value, "steps": [asdict(step) for step in steps]}, ensure_ascii=False)
        )
    else:
        print(undo_of(steps, head=_head(one, undo=True)) if undo else script_of(steps, head=_head(one, undo=False)), end="")


def _only(sources: tuple[CaptureSource, ...], name: str | None) -> CaptureSource:
    if len(sources) > 1 and name is None:
        raise Misconfigured(f"the site has several sources: name one of {', '.join(one.name for one in sources)}")
    return sources[0]


def _head(one: CaptureSource, *, undo: bool) -> str:
    what = "Takes back what prepares" if undo else "Prepares"
    after = "Stop the capture before." if undo else "Afterwards `yibao check` says what is still to be done."
    return (
        f"{what} {one.kind.value} database {one.database} at {one.host}:{one.port} for capture as source {one.name}.\n"
        f"To be read, and run by its administrator, connected to that database. {after}"
    )
