"""`yibao replay`: try dead letters again after what made them was mended, as a plan that is looked at before anything is sent."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from streams.deadletter.filter.terms import grammar
from streams.errors import Misconfigured, Refused
from streams.mapping import Site, load_site
from streams.mapping.identity import mapping_of
from streams.private_files import write_private
from streams.replay.pace import pace_of
from streams.replay.plan import Depth, Plan, digest_of, load
from streams.wording import count_of
from yibao.audited import audited
from yibao.binding import demand_own_topics
from yibao.interrupted import leaving
from yibao.letters.asked import say, wanted_by
from yibao.letters.options import DeadlineOption
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option
from yibao.persons import demand_another
from yibao.replaying import shown as replay_shown
from yibao.replaying.noted import CANCELLED, Cancelled, entry
from yibao.replaying.planning import prepared
from yibao.replaying.progress import Progress
from yibao.replaying.rereading import reread
from yibao.replaying.running import INDEX_S, PENDING, Running, fates_of, verified
from yibao.replaying.waiting_below import waiting_below

app = typer.Typer(
    no_args_is_help=True,
    help=f"""\
Try dead letters again after what made them was mended.

A plan says what would become of each letter, and sends nothing. Its run hands the records that would pass to the join, behind live
traffic, or has their rows read again from the database; nothing older than what was reported can go, and an order that comes twice
does no harm.

\b
Examples:
  yibao replay plan rule:DICTIONARY --depth renormalise --why "dictionary mended"    looks, and writes replay-….plan
  yibao replay run replay-1a2b3c4d.plan     sends what would pass; the same command goes on after a crash
  yibao replay status replay-1a2b3c4d.plan  accepted, refused again, pending
  yibao replay verify replay-1a2b3c4d.plan  held against the receipts

\b
A FILTER says which letters are meant, as `yibao dlq -h` tells.
{grammar()}
""",
)

PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A file that `replay plan` wrote.")]
_PLANNED, _APPROVED = "replay plan", "replay approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A plan's file."""

    plan: Plan
    digest: str
    file: Path


@app.command("plan", short_help="Look what would become of letters if they were tried again; nothing is sent.")
def plan(
    words: Annotated[list[str] | None, typer.Argument(metavar="[FILTER]...", help="Which letters.")] = None,
    *,
    config: ConfigOption = SITE,
    depth: Annotated[
        Depth, typer.Option("--depth", help="resend: as it is; renormalise: made anew of its rows; recapture: its row read again.")
    ],
    why: Annotated[str, why_option("Kept with the plan and in the audit log.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Also what was replayed as often as replay.most allows.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write it; default: replay-ID.plan.")] = None,
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading letters after so long.")] = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look what would become of letters if they were tried again now, and write a plan. Nothing is sent.

    \b
    Examples:
      yibao replay plan 'rule:DICTIONARY cause:X9' --depth renormalise --why "X9 is in the dictionary now"
      yibao replay plan class:REJECTED code:40003 --depth resend --why "the platform mended its rule"
      yibao replay plan rule:NO_VISIT_KEY --depth recapture --why "the rows have visits now"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not why.strip():
        raise Misconfigured("--why is needed: it is kept with the plan, for whoever asks later")
    site = load_site(config)
    demand_own_topics(site)
    made = prepared(site, wanted_by(words or ()), depth=depth, why=why.strip(), release=release, deadline_s=deadline)
    for note in made.notes:
        typer.echo(note, err=True)
    file = out or Path(f"replay-{made.plan.id}.plan")
    written = made.plan.dump()
    facts = {"plan": made.plan.id, "digest": digest_of(written), "depth": depth.value, "filter": made.plan.filter}
    audited(site, _PLANNED, why=why, facts={**facts, "release": release, "outcomes": dict(made.plan.outcomes)})
    try:
        write_private(file, written.decode())
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written ({error.strerror}): give another --out; nothing was sent") from error
    replay_shown.show_plan(made, file, approve_above=pace_of(site).approve_above, output=output)


@app.command("approve", short_help="Agree to a plan that another person made.")
def approve(
    file: PlanArgument,
    config: ConfigOption = SITE,
    why: Annotated[str, why_option("Kept in the audit log.")] = "",
) -> None:
    """Agree to a plan that another person made. Plans of more records than `replay.approve_above` need it. Another person is one
    with another account; where several share one, `replay.approve_by_name` lets names count (YIBAO_PERSON).

    \b
    Examples:
      yibao replay approve replay-1a2b3c4d.plan --why "seen with the insurance office"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    demand_own_topics(site)
    read = _read(file, site)
    if (planned := entry(site, _PLANNED, read.digest)) is None:
        raise _edited(read)
    demand_another(site, planned)
    audited(site, _APPROVED, why=why, facts={"plan": read.plan.id, "digest": read.digest})
    typer.echo(f"approved: {count_of(len(read.plan.passing), 'record')} of plan {read.plan.id}")


@app.command("run", short_help="Hand the records of a plan that would pass to the join.")
def run(
    file: PlanArgument,
    config: ConfigOption = SITE,
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading letters after so long.")] = 300.0,
) -> None:
    """Hand the records of a plan that would pass to the join; of depth recapture, have their rows read again, which needs capture
    and workers of place and join. Letters that were closed or told again since, or would not pass now, are left out. After a crash
    the same command goes on. Refused where the plan or the mapping changed since; exit code 1 where it stops by itself, because too
    much is refused again.

    \b
    Examples:
      yibao replay run replay-1a2b3c4d.plan
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    demand_own_topics(site)
    read = _read(file, site)
    progress = Progress.of(file, plan=read.plan.id)
    if progress.cancelled:
        raise _cancelled(read)
    _demand_consent(site, read)
    with progress.alone():
        progress = Progress.of(file, plan=read.plan.id)  # another process may have gone on until just now
        _run(site, read, progress, deadline_s=deadline)


def _run(site: Site, read: Read, progress: Progress, *, deadline_s: float) -> None:
    file, depth = read.file, read.plan.depth
    now = prepared(site, wanted_by(()), depth=depth, why=read.plan.why, release=True, deadline_s=deadline_s, only=read.plan)
    wanted = {item.letter for item in read.plan.passing}
    orders = {letter: order for letter, order in {**now.orders, **now.rereads}.items() if letter in wanted}
    facts = {"plan": read.plan.id, "digest": read.digest, "orders": len(orders), "sent before": len(progress.sent)}
    audited(site, "replay run", why=read.plan.why, facts=facts)
    with leaving(f"{file}: what was handed on goes its way; the same command goes on"):
        running = Running(
            site=site,
            plan=read.plan,
            progress=progress,
            pace=pace_of(site),
            say=partial(typer.echo, err=True),
            cancelled=Cancelled(site, read.digest),
        )
        if depth is Depth.RECAPTURE:
            reread(running, [one for letter, one in now.rereads.items() if letter in wanted])
        else:
            running.run([one for letter, one in now.orders.items() if letter in wanted])
    left_out = len(wanted) - len(orders) - len(progress.sent - {*orders})
    done = replay_shown.how_sent(read.plan)
    typer.echo(f"{done}: {len(progress.sent)} of {len(wanted)}; {max(0, left_out)} no longer need it, or would not pass")
    typer.echo(f"  what became of them: yibao replay status {file}")


@app.command("status", short_help="Show what became of the letters of a plan.")
def status(
    file: PlanArgument, config: ConfigOption = SITE, deadline: DeadlineOption = INDEX_S, output: OutputOption = Output.TABLE
) -> None:
    """Show what became of the letters of a plan: accepted, refused again, closed otherwise, pending; of what is pending because its
    visit or settlement was refused, the letter of that one. Exit code 1 where not all letters could be read in time.

    \b
    Examples:
      yibao replay status replay-1a2b3c4d.plan -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    read = _read(file, site)
    progress, (found, freshness) = Progress.of(file, plan=read.plan.id), fates_of(site, read.plan, deadline_s=deadline)
    pending = {letter for letter, fate in found.items() if fate == PENDING} & progress.sent
    is_over = not progress.under_way and progress.sent >= {*read.plan.ending}
    below = waiting_below(site, read.plan, pending, in_join=is_over) if freshness.complete else {}
    counts, whole = Counter(found.values()), freshness.complete
    replay_shown.show_status(read.plan, counts, progress=progress, below=below, complete=whole, output=output)
    say(freshness, ())


@app.command("verify", short_help="Hold a plan against the receipts.")
def verify(
    file: PlanArgument, config: ConfigOption = SITE, deadline: DeadlineOption = INDEX_S, output: OutputOption = Output.TABLE
) -> None:
    """Hold a plan against the receipts: each letter that counts as accepted has one. Exit code 1 where one has none, where a letter
    is refused again or pending, or where not all letters could be read in time.

    \b
    Examples:
      yibao replay verify replay-1a2b3c4d.plan
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    read = _read(file, site)
    found, freshness = verified(site, read.plan, deadline_s=deadline)
    replay_shown.show_verified(read.plan, found, output=output)
    say(freshness, ())
    if not found.is_done:
        raise typer.Exit(1)


@app.command("cancel", short_help="Hand on nothing more of a plan.")
def cancel(
    file: PlanArgument,
    config: ConfigOption = SITE,
    why: Annotated[str, why_option("Kept in the audit log.")] = "",
) -> None:
    """Hand on nothing more of a plan; a run that is under way stops, at the end of the portion that it has begun. What was handed
    on goes its way.

    \b
    Examples:
      yibao replay cancel replay-1a2b3c4d.plan --why "the wrong dictionary"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    demand_own_topics(site)
    read = _read(file, site)
    progress = Progress.of(file, plan=read.plan.id)
    audited(site, CANCELLED, why=why, facts={"plan": read.plan.id, "digest": read.digest, "sent": len(progress.sent)})
    progress.cancel()
    replay_shown.show_cancelled(read.plan, Progress.of(file, plan=read.plan.id))  # as it is behind that


def _read(file: Path, site: Site) -> Read:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror})") from error
    found = load(content)
    if found.site != site.site:
        raise Misconfigured(f"{file} is a plan of site {found.site}, and this is {site.site}")
    return Read(plan=found, digest=digest_of(content), file=file)


def _demand_consent(site: Site, read: Read) -> None:
    if entry(site, _PLANNED, read.digest) is None:
        raise _edited(read)
    if entry(site, CANCELLED, read.digest) is not None:  # beside another copy of the file
        raise _cancelled(read)
    if (now := mapping_of(site)) != read.plan.mapping:
        raise Refused(f"the mapping changed since the plan was made ({read.plan.mapping}, now {now}): make a new one")
    count, most = len(read.plan.passing), pace_of(site).approve_above
    if count > most and entry(site, _APPROVED, read.digest) is None:
        raise Refused(
            f"the plan sends {count_of(count, 'record')}, more than replay.approve_above ({most}): another person runs "
            f"`yibao replay approve {read.file}`"
        )


def _edited(read: Read) -> Refused:
    return Refused(f"{read.file} is not as `replay plan` wrote it, by the audit log: make a new plan")


def _cancelled(read: Read) -> Refused:
    return Refused(f"plan {read.plan.id} was cancelled: make a new one")
