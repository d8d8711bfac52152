"""What a demonstration found, as one object and as a page."""

import shlex
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.deliver.freshness import PARTS
from yibao.demonstration.course import Outcome
from yibao.demonstration.settings import HOME, DemoSettings
from yibao.demonstration.view import held
from yibao.demonstration.words import ENGLISH, Words

_SERVICES = tuple(ENGLISH.services)


def report(outcome: Outcome) -> dict[str, Any]:
    """The outcome as one JSON object. accepted: distinct records. waiting: records by what they wait for, as the expectations
    have it. settlements_that_differ: from what their lines add up to (rule R2). deleted_unreported: deleted in the database before
    they could be reported. doubled: one content accepted under two msgids. holds: what held the delivery at the end.
    """
    judgement = outcome.findings.judgement
    return {
        "ok": judgement.ok,
        "rows": outcome.rows,
        "expected": {service: judgement.expected[service] for service in _SERVICES},
        "accepted": {service: judgement.accepted[service] for service in _SERVICES},
        "dead_letters": dict(sorted(judgement.dead_letters.items())),
        "waiting": dict(sorted(judgement.waiting.items())),
        "settlements_that_differ": outcome.differing,
        "deleted_unreported": len(judgement.unseen),
        "missing": len(judgement.missing),
        "unexpected": len(judgement.unexpected) + len(judgement.out_of_order),
        "doubled": len(judgement.doubled),
        "amounts": {
            institution: {"expected": f"{expected:.2f}", "accepted": f"{accepted:.2f}"}
            for institution, (expected, accepted) in judgement.amounts.items()
        },
        "holds": [{"cause": hold.cause, "says": hold.says, "lanes": hold.lanes} for hold in outcome.holds],
        "freshness_s": outcome.findings.percentiles("whole"),
        "freshness_parts_s": {part: outcome.findings.percentiles(part) for part in PARTS},
    }


def show(found: dict[str, Any], outcome: Outcome, words: Words) -> None:
    """Print the outcome for a person: within a terminal's width, elsewhere a line in one piece."""
    console = Console()
    console.soft_wrap = not console.is_terminal
    table = _table("", words.expected_at_last, words.accepted)
    for service, label in words.services.items():
        table.add_row(f"{label} ({service})", f"{found['expected'][service]}", f"{found['accepted'][service]}")
    for institution, amounts in found["amounts"].items():
        table.add_row(words.amount.format(institution=institution), amounts["expected"], amounts["accepted"])
    console.print(table)
    letters = ", ".join(f"{count} {name}" for name, count in found["dead_letters"].items()) or words.none
    console.print(words.rows.format(rows=", ".join(f"{count} {name}" for name, count in found["rows"].items())))
    console.print(words.letters_are.format(letters=letters))
    waiting = ", ".join(f"{count} {words.waits_for[name]}" for name, count in found["waiting"].items()) or words.none
    console.print(words.waiting.format(waiting=waiting))
    console.print(words.differing.format(count=found["settlements_that_differ"]))
    if found["deleted_unreported"]:
        console.print(words.unreported.format(count=found["deleted_unreported"]))
    console.print(_freshness(found, words))
    console.print(words.verdict.format(**found, seconds=outcome.seconds))
    judgement = outcome.findings.judgement
    for line in (*judgement.missing[:5], *judgement.unexpected[:5], *judgement.doubled[:5], *judgement.out_of_order[:5]):
        console.print(f"  {line}", style="red")
    for hold in outcome.holds:
        console.print(held(hold, words), style="red")
    console.print(words.good if found["ok"] else words.bad)


def _table(name: str, *numbers: str) -> Table:
    table = Table(name, box=None, pad_edge=False)
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def _freshness(found: dict[str, Any], words: Words) -> Table:
    table = _table(words.freshness, "p50", "p95", "p99")
    for name, values in {"whole": found["freshness_s"], **found["freshness_parts_s"]}.items():
        table.add_row(f"{name}: {words.ways[name]}", *("-" if value is None else f"{value:.3f}" for value in values.values()))
    return table


def say_where(settings: DemoSettings, outcome: Outcome, words: Words) -> None:
    """What a person who keeps it running can look at."""
    site = shlex.quote(f"{settings.site_file}")  # lines to copy into a shell
    print(words.kept.format(changes=outcome.changes), file=sys.stderr)
    for line in (
        f"yibao connector status -c {site}",
        f"yibao dlq summary -c {site}",
        f"yibao stack status --home {shlex.quote(str(settings.home / 'stack'))}",
        words.logs.format(logs=f"{settings.home / 'logs'}, {settings.home / 'stack' / 'logs'}"),
        "yibao demo --stop" + ("" if settings.home == HOME else f" --home {shlex.quote(str(settings.home))}"),
    ):
        print(f"  {line}", file=sys.stderr)
