"""The table of why a part of a site does not move: each line with what mends it, the most upstream and most severe first. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.lanes.deliver.held_cause import FLOOD_GUARD
from streams.wording import count_of
from yibao.captures.facts import REFUSES
from yibao.moments import span
from yibao.processes import kill
from yibao.status.facts import Facts, Part, Slot
from yibao.status.held import held_mend, held_words

_THROTTLED: Final = "it goes on by itself; if it stays late: yibao limits show has our limits, the platform's people know theirs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the table."""

    name: str
    """For programs."""
    when: Callable[[Facts], bool]
    """Whether it is so."""
    says: Callable[[Facts], str]
    """In words; continues a sentence that begins with the part."""
    mend: Callable[[Facts], str] = lambda _facts: ""
    """The command, or what else a person does."""
    person: Callable[[Facts], bool] = lambda _facts: True
    """Whether it waits for a person."""
    ordered: bool = False
    """Whether a person ordered it: who, why and until when is told also where nobody is needed."""


def _nobody(_facts: Facts) -> bool:
    return False


def _late(facts: Facts) -> bool:
    return facts.late


def _worker(facts: Facts) -> str:
    return f"yibao worker {facts.part.value}"


def _pending(facts: Facts) -> str:
    return f"yibao join pending{f' --institution {facts.name}' if facts.part is Part.INSTITUTION else ''}"


def _kept(facts: Facts) -> str:
    return f"; the database keeps {facts.kept} of its log for it" if facts.kept else ""


def _freed(facts: Facts) -> str:
    if facts.part is Part.CAPTURE:
        return f"free the disk, then: yibao connector restart {facts.name}"
    return "free the disk, or name another folder (workers.home); its worker starts again by itself"


def _stands(facts: Facts) -> bool:
    return facts.late and (facts.rate_per_s == 0 or facts.idle > 0)


def _standing(facts: Facts) -> str:
    return "nothing of it moves" if facts.rate_per_s == 0 else f"nothing moves in {count_of(facts.idle, 'partition')} of it"


def _awaited(facts: Facts) -> str:
    return count_of(facts.awaited, "record waits", "records wait")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="brokers_away",
        when=lambda facts: bool(facts.away) and facts.brokers is False,
        says=lambda facts: facts.away,
        mend=lambda _facts: "start the brokers, or mend kafka in site.yaml; nothing is lost meanwhile",
    ),
    Rule(
        name="connect_away",
        when=lambda facts: bool(facts.away),
        says=lambda facts: facts.away,
        mend=lambda _facts: "start Kafka Connect, or mend connect in site.yaml; the database keeps its log meanwhile",
    ),
    Rule(
        name="connector_missing",
        when=lambda facts: not facts.connector,
        says=lambda _facts: "Connect has no connector of it",
        mend=lambda facts: f"yibao connector apply --source {facts.name}",
    ),
    Rule(
        name="slot_lost",
        when=lambda facts: facts.slot is Slot.LOST,
        says=lambda _facts: "its replication slot is gone, or has lost its place in the log",
        mend=lambda facts: facts.mend or f"yibao connector forget {facts.name}, then yibao resume {facts.name} --why …",
    ),
    Rule(
        name="disk_full",
        when=lambda facts: bool(facts.full),
        says=lambda facts: f"no room on the disk: {facts.full}",
        mend=_freed,
    ),
    Rule(
        name="capture_failed",
        when=lambda facts: bool(facts.failure),
        says=lambda facts: f"its task has failed: {facts.failure}{_kept(facts)}",
        mend=lambda facts: facts.mend or f"mend the cause, then: yibao connector restart {facts.name}",
    ),
    Rule(
        name="capture_stopped",
        when=lambda facts: facts.connector in ("STOPPED", "PAUSED"),
        says=lambda facts: f"somebody has {facts.connector.lower()} it{_kept(facts)}",
        mend=lambda facts: f"yibao connector resume {facts.name}",
    ),
    Rule(
        name="source_changed",
        when=lambda facts: bool(facts.changed),
        says=lambda facts: f"its database is not what capture was applied against: {facts.changed}",
        mend=lambda facts: facts.mend,
    ),
    Rule(
        name="database_refuses",
        when=lambda facts: bool(facts.refused),
        says=lambda facts: f"{REFUSES}: {facts.refused}",
        mend=lambda facts: facts.mend or f"yibao source prepare {facts.name} prints what it needs; then: yibao check",
    ),
    Rule(
        name="not_known",
        when=lambda facts: not facts.asked,
        says=lambda _facts: "not known: nobody who knows it answers",
        person=_nobody,
    ),
    Rule(
        name="capture_unassigned",
        when=lambda facts: facts.connector != "RUNNING",
        says=lambda facts: f"Connect has it {facts.connector.lower()}, and no worker of it runs the task",
        mend=lambda facts: f"look at Connect's workers, then: yibao connector restart {facts.name} --all",
    ),
    Rule(
        name="database_away",
        when=lambda facts: facts.silent and bool(facts.unseen),
        says=lambda facts: f"silent, and its database lets nobody in: {facts.unseen}",
        mend=lambda facts: f"mend the database, or the way to it; if it stays silent: yibao connector restart {facts.name} --all",
    ),
    Rule(
        name="slot_unread",
        when=lambda facts: facts.silent and facts.slot is Slot.UNREAD,
        says=lambda facts: f"silent: Connect says RUNNING, and nobody reads with its slot{_kept(facts)}",
        mend=lambda facts: f"yibao connector restart {facts.name} --all",
    ),
    Rule(
        name="capture_silent",
        when=lambda facts: facts.silent,
        says=lambda facts: f"silent: its heartbeat does not come, although Connect says RUNNING{_kept(facts)}",
        mend=lambda facts: f"yibao connector plan --source {facts.name}; then: yibao connector restart {facts.name} --all",
    ),
    Rule(
        name="offsets_missing",
        when=lambda facts: facts.waiting is None,
        says=lambda _facts: "no offset of ours is committed for it",
        mend=lambda _facts: "a new site: yibao topics apply; a running one: docs/operations.md, After a 74 or 79",
    ),
    Rule(
        name="paused",
        when=lambda facts: bool(facts.paused),
        says=lambda facts: f"paused: {facts.paused}{facts.pressing and f'; {facts.pressing}'}",
        mend=lambda facts: facts.mend,
        person=lambda facts: not facts.ends or bool(facts.pressing),
        ordered=True,
    ),
    Rule(
        name="maintenance",
        when=lambda facts: bool(facts.maintained) and facts.workers > 0,
        says=lambda facts: facts.maintained,
        mend=lambda _facts: "it goes on by itself; earlier: yibao maintenance end --why …",
        person=_nobody,
        ordered=True,
    ),
    Rule(
        name="worker_stuck",
        when=lambda facts: bool(facts.stuck),
        says=lambda facts: facts.stuck,
        mend=lambda facts: kill(facts.stuck_pids),
    ),
    Rule(
        name="worker_begins",
        when=lambda facts: bool(facts.beginning) and (facts.workers == 0 or facts.unowned > 0 or _stands(facts)),
        says=lambda facts: facts.beginning,
        mend=lambda _facts: "its log says what it waits for: brokers_awaited, mapping_awaited",
        person=_late,
    ),
    Rule(
        name="worker_missing",
        when=lambda facts: facts.workers == 0,
        says=lambda _facts: "no worker takes part in it",
        mend=_worker,
    ),
    Rule(
        name="flood_guard",
        when=lambda facts: facts.held and facts.cause.startswith(FLOOD_GUARD),
        says=lambda facts: f"the flood guard: most of what was sent last is refused{facts.where and f' ({facts.where})'}",
        mend=held_mend,
    ),
    Rule(name="held", when=lambda facts: facts.held, says=held_words, mend=held_mend),
    Rule(
        name="let_in",
        when=lambda facts: facts.aside,
        says=lambda _facts: "let in again, or not asked yet: what waited goes out",
        person=_nobody,
    ),
    Rule(
        name="platform_away",
        when=lambda facts: bool(facts.platform) and bool(facts.waiting),
        says=lambda facts: facts.platform,
        mend=lambda _facts: "it goes on by itself; breaker_opened in the deliver worker's log names cause and remedy",
        person=_late,
    ),
    Rule(
        name="throttled",
        when=lambda facts: bool(facts.throttled) and bool(facts.waiting),
        says=lambda facts: f"throttled: {facts.throttled}",
        mend=lambda _facts: _THROTTLED,
        person=_late,
    ),
    Rule(
        name="unanswered",
        when=lambda facts: facts.unanswered_s > 0,
        says=lambda facts: f"a plan is under way for {span(facts.unanswered_s)}: the platform is away, slow, or takes no more",
        mend=lambda _facts: "the deliver worker's log says which: breaker_opened, platform_throttled",
        person=_late,
    ),
    Rule(
        name="behind_another",
        when=lambda facts: bool(facts.before) and bool(facts.waiting),
        says=lambda facts: f"waits behind {facts.before}",
        person=_nobody,
    ),
    Rule(
        name="drains_after_maintenance",
        when=lambda facts: bool(facts.after_maintenance) and facts.late and facts.drains is not False and facts.rate_per_s != 0,
        says=lambda facts: f"late, and sends what waited; {facts.after_maintenance}",
        mend=lambda _facts: "yibao lag --watch shows how fast it goes",
        person=_nobody,
    ),
    Rule(
        name="not_shared_out",
        when=lambda facts: facts.unowned > 0 and facts.late,
        says=lambda facts: f"nobody was given {facts.unowned} of its partitions, although workers run",
        mend=lambda _facts: "stop workers of another mapping (mapping_awaited in a worker's log); else restart the stage's workers",
    ),
    Rule(
        name="stands",
        when=_stands,
        says=lambda facts: f"{_standing(facts)}, and its worker runs",
        mend=lambda _facts: "its worker's log says why: worker_died, hole_seen, brokers_lost, moves_awaited",
    ),
    Rule(
        name="grows",
        when=lambda facts: facts.late and facts.drains is False,
        says=lambda _facts: "late, and it gets no less: as much or more comes than it takes",
        mend=lambda facts: f"start another worker: {_worker(facts)} --index 1; docs/performance.md",
    ),
    Rule(
        name="late",
        when=_late,
        says=lambda facts: "late, and it gets less" if facts.drains else "late",
        mend=lambda _facts: "yibao lag --watch shows how fast it goes",
        person=lambda facts: facts.drains is None,
    ),
    Rule(
        name="to_be_read_again",
        when=lambda facts: bool(facts.owed),
        says=lambda facts: f"tables are still to be read again: {', '.join(facts.owed)}",
        mend=lambda facts: f"yibao resnapshot {facts.owed[0]} --source {facts.name} --wait",
    ),
    Rule(name="moves", when=lambda facts: bool(facts.waiting), says=lambda _facts: "moves", person=_nobody),
    Rule(
        name="waits_for_parts",
        when=lambda facts: facts.awaited > 0 or bool(facts.parts),
        says=lambda facts: facts.parts or f"{_awaited(facts)} for a visit or settlement that was refused",
        mend=lambda facts: _pending(facts) if facts.parts else "yibao dlq summary --class rejected",
        person=_nobody,
    ),
    Rule(name="runs", when=lambda facts: facts.part is Part.CAPTURE, says=lambda _facts: "runs", person=_nobody),
    Rule(name="drained", when=lambda _facts: True, says=lambda _facts: "nothing waits", person=_nobody),
)
