"""`yibao demo`: the whole flow on this machine, and a judgement of what was reported."""

import json
import os
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.platform.faults import PROFILES
from sandbox.platform.settings import fault_profile
from sandbox.stack.service import demand_checkout
from streams.bounded import KEY_BYTES, demand_file, read_bounded
from streams.errors import Misconfigured
from streams.seal import key_text, parse_public_key
from streams.spec.profiles import REPORTING
from yibao.demonstration.closing import report, say_where, show
from yibao.demonstration.course import Demonstration
from yibao.demonstration.probe import demand_answer
from yibao.demonstration.settings import HOME, DemoSettings
from yibao.demonstration.view import spectator
from yibao.demonstration.words import Language, language_of
from yibao.interrupted import leaving
from yibao.options import Output, OutputOption


def demo(
    *,
    visits: Annotated[int, typer.Option(min=3, help="Visits and pharmacy sales of the sample hospital.")] = 400,
    seed: Annotated[
        int, typer.Option(help="Chooses the hospital's days and the platform's faults; the same seed, the same run.")
    ] = 1,
    rate: Annotated[float, typer.Option(min=1, help="Changes a second while the hospital is live.")] = 150,
    faults: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=lambda: [*PROFILES], help=f"Of the simulator: {', '.join(PROFILES)}.")
    ] = "demo",
    platform_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Report to this platform instead of the simulator; needs --public-key.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="The SM2 key that this platform opens with.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, and say where to look.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop what --keep left running in --home.")] = False,
    home: Annotated[
        Path, typer.Option(file_okay=False, show_default=".yibao/demo", help="New, empty, or of an earlier demo: that is emptied.")
    ] = HOME,
    language: Annotated[Language | None, typer.Option(help="Of what is said; by default the terminal's (LC_ALL, LANG).")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring up a hospital, its capture, all stages and a platform; report a few hundred visits; say what arrived.

    The platform loses answers, fails and refuses as on an ordinary day; the hospital corrects, refunds and deletes, and a few of
    every hundred rows are wrong on purpose. Exit code 1 when a record is missing, doubled or unexplained.

    \b
    Examples:
      yibao demo                        about two minutes
      yibao demo --visits 2000 -o json  the result as one object on stdout
      yibao demo --faults none          how fresh it is when nothing goes wrong
      yibao demo --language zh          in Chinese
      yibao demo --keep                 and look around: yibao dlq summary -c .yibao/demo/site/site.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    demand_checkout()
    settings = _settings(
        visits=visits,
        seed=seed,
        rate=rate,
        faults=faults,
        home=home.resolve(),  # its programs run elsewhere
        platform_url=platform_url,
        public_key=public_key,
        keep=keep,
        language=language or language_of(os.environ),
    )
    signal.signal(signal.SIGTERM, _interrupted)
    with spectator(settings.words) as watching:
        demonstration = Demonstration(settings, watching)
        with leaving(demonstration.left):
            if stop:
                demonstration.stop_kept()
                return
            outcome = demonstration.run()
    found = report(outcome)
    if output is Output.JSON:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show(found, outcome, settings.words)
    if keep:
        say_where(settings, outcome, settings.words)
    if not found["ok"]:
        raise typer.Exit(1)


def _settings(**asked: Any) -> DemoSettings:
    """Raises Misconfigured for a platform of one's own without a key that can be read, Unreachable where it is not there."""
    url, key = asked["platform_url"], asked["public_key"]
    fault_profile(asked["faults"])
    if (url is None) != (key is None):
        raise Misconfigured("--platform-url and --public-key go together: records are sealed for the platform that opens them")
    if key is not None:
        _demand_key(key)
    if url is not None:
        demand_answer(url)
        asked["platform_url"] = _address(url)
    return DemoSettings(**asked)


def _demand_key(file: Path) -> None:
    """Raises Misconfigured for what the workers could not read again and again."""
    try:
        demand_file(file, most=KEY_BYTES)
        parse_public_key(key_text(read_bounded(file, most=KEY_BYTES)))
    except OSError as error:
        raise Misconfigured(f"--public-key {file} cannot be read: {error.strerror}") from error


def _address(url: str) -> str:
    try:
        return REPORTING.address_of(url)
    except ValueError as error:
        raise Misconfigured(f"--platform-url {url} {error}") from error


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
