"""`yibao demo`: the whole flow on this machine, and a judgement of what was reported."""

import json
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from sandbox.platform.faults import PROFILES
from sandbox.platform.settings import fault_profile
from sandbox.stack.service import demand_checkout
from streams.deliver.freshness import PARTS
from streams.errors import Misconfigured
from streams.seal import key_text, parse_public_key
from yibao.demonstration.course import Demonstration, Outcome, Sight
from yibao.demonstration.demo_site import WAIT_S
from yibao.demonstration.probe import demand_answer
from yibao.demonstration.settings import HOME, DemoSettings
from yibao.options import Output, OutputOption

_WAYS = {
    "whole": "from the database to the platform",
    "capture": "to visit.changes",
    "join": "to visit.ready",
    "batch": "until its batch is sealed",
    "seal": "SM2",
    "post": "to the answer that accepted it",
}
_SERVICES = {"mdtrt_d": "visits", "setl_d": "settlements", "fee_list_d": "fee lines"}


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
    stop: Annotated[bool, typer.Option("--stop", help="Stop what --keep left running.")] = False,
    home: Annotated[
        Path, typer.Option(file_okay=False, show_default=".yibao/demo", help="New, empty, or of an earlier demo: that is emptied.")
    ] = HOME,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bring up a hospital, its capture, both stages and a platform; report a few hundred visits; say what arrived.

    The platform loses answers, fails and refuses as on an ordinary day; the hospital corrects, refunds and deletes, and a few of
    every hundred rows are wrong on purpose. Exit code 1 when a record is missing, doubled or unexplained.

    \b
    Examples:
      yibao demo                        about two minutes
      yibao demo --visits 2000 -o json  the result as one object on stdout
      yibao demo --faults none          how fresh it is when nothing goes wrong
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
    )
    signal.signal(signal.SIGTERM, _interrupted)
    with _spectator() as spectator:
        demonstration = Demonstration(settings, spectator)
        if stop:
            demonstration.stop()
            return
        outcome = demonstration.run()
    found = report(outcome)
    if output is Output.JSON:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _print(found, outcome)
    if keep:
        _say_where(settings, outcome)
    if not found["ok"]:
        raise typer.Exit(1)


def report(outcome: Outcome) -> dict[str, Any]:
    """The outcome as one JSON object. accepted: distinct records. deleted_unreported: deleted in the database before they could be
    reported. doubled: one content accepted under two msgids.
    """
    judgement = outcome.findings.judgement
    return {
        "ok": judgement.ok,
        "rows": outcome.rows,
        "expected": {service: judgement.expected[service] for service in _SERVICES},
        "accepted": {service: judgement.accepted[service] for service in _SERVICES},
        "dead_letters": dict(sorted(judgement.dead_letters.items())),
        "deleted_unreported": len(judgement.unseen),
        "missing": len(judgement.missing),
        "unexpected": len(judgement.unexpected) + len(judgement.out_of_order),
        "doubled": len(judgement.doubled),
        "amounts": {
            institution: {"expected": f"{expected:.2f}", "accepted": f"{accepted:.2f}"}
            for institution, (expected, accepted) in judgement.amounts.items()
        },
        "freshness_s": outcome.findings.percentiles("whole"),
        "freshness_parts_s": {part: outcome.findings.percentiles(part) for part in PARTS},
    }


def _settings(**asked: Any) -> DemoSettings:
    """Raises Misconfigured for a platform of one's own without a key that can be read, Unreachable where it is not there."""
    url, key = asked["platform_url"], asked["public_key"]
    fault_profile(asked["faults"])
    if (url is None) != (key is None):
        raise Misconfigured("--platform-url and --public-key go together: records are sealed for the platform that opens them")
    if key is not None:
        parse_public_key(key_text(key.read_bytes()))
    if url is not None:
        demand_answer(url)
    return DemoSettings(**asked)


class _Plain:
    """Lines on stderr, for logs and pipes."""

    def step(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")  # in one piece: services begin side by side
        sys.stderr.flush()

    def look(self, sight: Sight) -> None:
        judgement = sight.findings.judgement
        accepted = ", ".join(f"{judgement.accepted[service]} {label}" for service, label in _SERVICES.items())
        state = "live" if sight.live else "draining"
        print(
            f"{state}: {sight.changes} changes; accepted {accepted}; {judgement.dead_letters.total()} dead letters", file=sys.stderr
        )


class _OnTerminal:
    """A table that is drawn anew."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def step(self, text: str) -> None:
        self._live.console.print(text)

    def look(self, sight: Sight) -> None:
        judgement = sight.findings.judgement
        state = "live" if sight.live else f"draining: what waits in vain is given up after {WAIT_S} s"
        table = Table(title=state, box=None, title_justify="left", title_style="bold")
        for column in ("", "expected so far", "accepted"):
            table.add_column(column, justify="left" if not column else "right")
        for service, label in _SERVICES.items():
            table.add_row(label, f"{judgement.expected[service]}", f"{judgement.accepted[service]}")
        table.add_row("dead letters", "", f"{judgement.dead_letters.total()}")
        table.add_row("changes in the database", "", f"{sight.changes}")
        self._live.update(table)


@contextmanager
def _spectator() -> Any:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Plain()
        return
    with Live(console=console, transient=True) as live:
        yield _OnTerminal(live)


def _print(found: dict[str, Any], outcome: Outcome) -> None:
    console = Console(soft_wrap=True)
    table = Table("", "expected", "accepted", box=None)
    for service, label in _SERVICES.items():
        table.add_row(f"{label} ({service})", f"{found['expected'][service]}", f"{found['accepted'][service]}")
    for institution, amounts in found["amounts"].items():
        table.add_row(f"amount of {institution}", amounts["expected"], amounts["accepted"])
    console.print(table)
    letters = ", ".join(f"{count} {name}" for name, count in found["dead_letters"].items()) or "none"
    console.print(f"rows in the database: {', '.join(f'{count} {table}' for table, count in found['rows'].items())}")
    console.print(f"dead letters: {letters}")
    if found["deleted_unreported"]:
        console.print(f"deleted in the database before they could be reported: {found['deleted_unreported']}")
    console.print(_freshness(found))
    console.print(
        f"missing {found['missing']}, unexpected {found['unexpected']}, doubled {found['doubled']}; {outcome.seconds:.0f} s"
    )
    judgement = outcome.findings.judgement
    for line in (*judgement.missing[:5], *judgement.unexpected[:5], *judgement.doubled[:5], *judgement.out_of_order[:5]):
        console.print(f"  {line}", style="red")
    console.print("everything has the outcome that it should have" if found["ok"] else "not everything has its outcome")


def _freshness(found: dict[str, Any]) -> Table:
    table = Table("commit to accepted, seconds", "p50", "p95", "p99", box=None)
    for name, values in {"whole": found["freshness_s"], **found["freshness_parts_s"]}.items():
        table.add_row(f"{name}: {_WAYS[name]}", *("-" if value is None else f"{value:.3f}" for value in values.values()))
    return table


def _say_where(settings: DemoSettings, outcome: Outcome) -> None:
    site = settings.site_file
    print(f"kept running; {outcome.changes} changes so far. Look around with:", file=sys.stderr)
    for line in (
        f"yibao connector status -c {site}",
        f"yibao dlq summary -c {site}",
        f"yibao stack status --home {settings.home / 'stack'}",
        f"logs: {settings.home / 'logs'} and {settings.home / 'stack' / 'logs'}",
        "yibao demo --stop",
    ):
        print(f"  {line}", file=sys.stderr)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt
