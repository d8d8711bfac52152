"""Where a join lane must go on whose offset is lost or wrong. Pure.

The state remembers for each row the offset of its last change that was folded. So the highest offset in `visit.state` was surely
reached; what stands behind it changed no row, and may be folded again. What stands before it must not: a row that a snapshot read
would take its old content again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streams.domain.join.entries import FORM
from streams.lanes.marks import JoinMark, join_mark
from streams.lanes.numbers import FIRST
from streams.lanes.recovered import Place, Recovery, readable


@dataclass(slots=True, kw_only=True)
class JoinEvidence:
    """What the topics tell of one partition."""

    changes: Place
    """Where it stands in `visit.changes`."""
    state_id: str
    """Of `visit.state`; `""` where brokers have no ids."""
    state_end: int
    """End of its part of `visit.state`."""
    reached: int | None = None
    """The highest offset in the state's entries; None where none has one."""
    is_there: bool = False
    """Whether the change that this entry speaks of stands at that offset of `visit.changes`."""
    before: dict[str, int] = field(default_factory=dict)
    """By series: its last number up to that offset."""
    behind: dict[str, int] = field(default_factory=dict)
    """By series: its first number behind it."""
    new_at: int | None = None
    """Offset of the first message that the mark's numbers say was not taken; None for none."""
    new: tuple[str, int] = ("", 0)
    """Its series and number."""
    last_ready: int = 0
    """The highest number in `visit.ready`."""
    delivered: int = FIRST
    """The number that the deliver stage goes on with; 1 where that is not known."""


def join_recovery(found: JoinEvidence) -> Recovery:
    """What is to be done."""
    changes, mark = found.changes, readable(found.changes.said, join_mark)
    seq = max(found.last_ready + 1, found.delivered)
    if why := _state_lost(found, mark) or _records_lost(mark, seq):
        return changes.refuse(why)
    if mark is not None and changes.fits(mark.log):
        return changes.keep()
    born = mark.born if mark else ""
    left = mark.left if mark else {}  # until the first transaction looks into the state: nobody may pass what is open
    kept = (found.state_id, found.state_end)
    return _anew(found, JoinMark(seq=seq, born=born, state=FORM, left=left, log=changes.id, kept=kept), mark)


def _anew(found: JoinEvidence, kept: JoinMark, mark: JoinMark | None) -> Recovery:
    """kept: the new mark without its numbers."""
    changes, reached = found.changes, found.reached
    if reached is None:
        return _unworked(found, kept)
    is_another = mark is not None and bool(mark.log and changes.id and mark.log != changes.id)
    if found.is_there and not is_another:
        taken = {**{series: last + 1 for series, last in found.before.items()}, **found.behind}
        return changes.write(
            reached + 1, replace(kept, taken=taken).text(), f"the state knows the change at {reached} and none behind it"
        )
    if mark is None or not mark.taken:
        holds = f"visit.changes does not hold it (it has {changes.begin} to {changes.end})"
        why = f"the state knows a change at offset {reached}, and {holds}; no mark tells which numbers were taken"
        return changes.refuse(f"{why}: what was joined is not known")
    return _by_numbers(found, kept, mark.taken)


def _state_lost(found: JoinEvidence, mark: JoinMark | None) -> str:
    """Why everything would be reported again, which nobody may decide here."""
    known, end = mark.kept if mark else ("", 0)
    has_reported = found.last_ready > 0 or found.delivered > FIRST or (mark is not None and mark.seq > FIRST)
    if known and found.state_id and known != found.state_id:
        return "visit.state was deleted and made anew: what was reported is not known any more; bring the topic back"
    if found.state_end < end or (has_reported and not found.state_end):
        return f"visit.state ends at {found.state_end} and held more: what was reported is not known any more; bring the topic back"
    return ""


def _records_lost(mark: JoinMark | None, seq: int) -> str:
    if mark is None or mark.seq <= seq:
        return ""
    return (
        f"records {seq} to {mark.seq - 1} of visit.ready are lost and were not delivered: they can only come from their rows again"
    )


def _unworked(found: JoinEvidence, kept: JoinMark) -> Recovery:
    if found.changes.begin or found.state_end or kept.seq > FIRST:
        return found.changes.refuse(
            "the entries in visit.state do not say which changes they come from: what was joined is not known"
        )
    return found.changes.write(0, kept.text(), "nothing was joined yet")


def _by_numbers(found: JoinEvidence, kept: JoinMark, taken: Mapping[str, int]) -> Recovery:
    """The log is another one, or was cut: the numbers that the place stage gave tell what was taken."""
    changes, mark = found.changes, replace(kept, taken=taken)
    if found.new_at is None:
        return changes.write(changes.end, mark.text(), "everything in visit.changes was joined before")
    series, number = found.new
    if number != (wanted := taken.get(series, FIRST)):
        lost = f"numbers {wanted} to {number - 1} of {series} are lost in visit.changes and were not joined"
        return changes.refuse(f"{lost}: they can only come from their rows again")
    return changes.write(found.new_at, mark.text(), f"number {number} of {series} is the first that was not joined")
