"""Replay plans as people and programs see them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from streams.replay.below import Parent
from streams.replay.plan import Depth, Outcome, Plan
from streams.wording import count_of
from yibao import tables
from yibao.options import Output
from yibao.replaying.planning import Prepared
from yibao.replaying.progress import Progress
from yibao.replaying.running import ACCEPTED, AGAIN, CLOSED, PENDING, Verified

_MEANS: Final = {
    Outcome.PASSES: "would go",
    Outcome.MENDED: "would be closed: what it tells is so no more",
    Outcome.OTHERWISE: "is wrong for another reason now, which its letter will tell",
    Outcome.FAILS: "would be refused again",
    Outcome.WAITS: "would wait for what is missing",
    Outcome.UNCHANGED: "was handed on as it is: it waits for its visit or settlement; what was refused goes by --depth resend",
    Outcome.STALE: "another version was handed on since, or it went once more already",
    Outcome.GONE: "its row is not there any more",
    Outcome.UNKNOWN: "nobody remembers its row; --depth recapture reads it again, where the letter tells which one it is",
    Outcome.PARKED: "was replayed as often as replay.most allows; --release takes it in",
    Outcome.EXCLUDED: "is not mended by sending",
    Outcome.READ_AGAIN: "its row would be read again; what it leads to, only the row can say",
}
_MOST_CAUSES: Final = 20


def show_plan(made: Prepared, file: Path, *, approve_above: int, output: Output) -> None:
    """What a dry run found, and what to do next."""
    plan, causes = made.plan, _causes(made)
    if output is Output.JSON:
        document: dict[str, Any] = {
            "plan": plan.id,
            "file": f"{file}",
            "depth": plan.depth.value,
            "filter": plan.filter,
            "mapping": plan.mapping,
            "outcomes": dict(plan.outcomes),
            "released": made.released,
            "needs_approval": len(plan.passing) > approve_above,
            "causes": [{"cause": cause, "outcome": outcome, "count": count} for (cause, outcome), count in causes.items()],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    outcomes = [(f"{count}", outcome, _MEANS[Outcome(outcome)]) for outcome, count in plan.outcomes.most_common()]
    tables.show(("LETTERS", "OUTCOME", "meaning"), outcomes)
    of_causes = [(f"{count}", cause, outcome) for (cause, outcome), count in causes.most_common(_MOST_CAUSES)]
    tables.show(("LETTERS", "CAUSE", "outcome"), of_causes)
    if made.released:
        typer.echo(f"{count_of(made.released, 'record that waits', 'records that wait')} for them would go with them")
    typer.echo(f"plan {plan.id}, mapping {plan.mapping}: {file}")
    if len(plan.passing) > approve_above:
        typer.echo(f"  next, by another person: yibao replay approve {file}")
    elif plan.passing:
        typer.echo(f"  next: yibao replay run {file}")


def _causes(made: Prepared) -> Counter[tuple[str, str]]:
    """Letters by what caused them, and what would become of them."""
    found: Counter[tuple[str, str]] = Counter()
    for item in made.plan.items:
        letter = made.letters[item.letter]
        cause = " ".join(filter(None, (letter.dead_class, letter.rule, letter.field, letter.cause)))
        found[cause, f"{item.outcome.value} {item.why}".strip()] += 1
    return found


def how_sent(plan: Plan) -> str:
    """What a run does with the letters of a plan."""
    return "read again" if plan.depth is Depth.RECAPTURE else "handed to the join"


def show_status(
    plan: Plan,
    counts: Counter[str],
    *,
    progress: Progress,
    below: Mapping[str, Sequence[Parent]],
    complete: bool,
    output: Output,
) -> None:
    """How far a plan is. below: of pending letters that wait for a refused parent, which ones. complete: whether all letters were
    read.
    """
    sent, under_way, cancelled = len(progress.sent), len(progress.under_way), progress.cancelled
    if output is Output.JSON:
        document = {"plan": plan.id, "planned": len(plan.ending), "sent": sent, "under_way": under_way, "cancelled": cancelled}
        document["complete"] = complete
        waiting = [{"letter": letter, "parents": [one._asdict() for one in below[letter]]} for letter in sorted(below)]
        typer.echo(json.dumps({**document, **_counts(counts), "waiting_below": waiting}, ensure_ascii=False))
        return
    more = f", {under_way} under way" if under_way else ""
    typer.echo(f"plan {plan.id}: {sent} of {len(plan.passing)} {how_sent(plan)}{more}{', cancelled' if cancelled else ''}")
    _show_counts(counts)
    for line in below_lines(below):
        typer.echo(f"    {line}")


def below_lines(below: Mapping[str, Sequence[Parent]]) -> list[str]:
    """Of what waits for refused parents, what is to be mended first: the one that most wait for before the others."""
    found = Counter(one for parents in below.values() for one in parents)
    told = []
    for parent, waiting in found.most_common(_MOST_CAUSES):
        what = f"its letter is {parent.letter} (yibao dlq show {parent.letter[:12]})" if parent.letter else "it is to come anew"
        told.append(f"{waiting} of them wait until their {parent.service} is mended, which was refused: {what}")
    return told + ([f"and for {len(found) - _MOST_CAUSES} more (-o json)"] if len(found) > _MOST_CAUSES else [])


def show_cancelled(plan: Plan, progress: Progress) -> None:
    """What a plan that was cancelled just now had done. progress: as it was behind that."""
    typer.echo(f"cancelled: {len(progress.sent)} of {len(plan.passing)} letters of plan {plan.id} were {how_sent(plan)} before")
    if progress.under_way:
        typer.echo(
            f"  {len(progress.under_way)} more are under way: a run has begun with them and brings them to their end, or it was "
            f"killed, and what it had written of them goes its way. `yibao replay status` says what becomes of them"
        )


def show_verified(plan: Plan, found: Verified, *, output: Output) -> None:
    """Whether all of a plan is done, by the receipts."""
    if output is Output.JSON:
        document = {
            "plan": plan.id,
            "planned": len(plan.ending),
            **_counts(found.counts),
            "without_receipt": list(found.without_receipt),
            "done": found.is_done,
            "complete": found.complete,
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    _show_counts(found.counts)
    for letter in found.without_receipt:
        typer.echo(f"letter {letter} counts as accepted, and there is no receipt of its record")
    typer.echo("all of it is done" if found.is_done else "not all of it is done")


def _counts(counts: Counter[str]) -> dict[str, int]:
    return {name.replace(" ", "_"): counts[name] for name in (ACCEPTED, AGAIN, CLOSED, PENDING)}


def _show_counts(counts: Counter[str]) -> None:
    for name in (ACCEPTED, AGAIN, CLOSED, PENDING):
        if counts[name]:
            typer.echo(f"  {counts[name]} {name}")
