"""Where a deliver lane must go on whose offset is lost or wrong. Pure.

Every record that was settled has a receipt or a dead letter, or waits in `visit.orphans`, written in the transaction that settled
it. So the lane goes on with the first record, by its number, that has none of them. (Not behind the last that has: a long plan is
settled batch by batch, and a batch leaves out numbers of other kinds.) A recall has none of them: it is settled where something
behind it is. The plan that was under way is lost with the offset, and so is what of it was settled out of order: behind the first
open record the lane would post settled ones again, under ids that the platform does not know. That is a double, which only a person
may choose.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from streams.lanes.marks import DeliverMark, deliver_mark
from streams.lanes.numbers import FIRST
from streams.lanes.recovered import Place, Recovery, readable
from streams.lanes.settings import MOST_RECORDS
from streams.wording import count_of


@dataclass(slots=True, kw_only=True)
class DeliverEvidence:
    """What the topics tell of one partition."""

    ready: Place
    """Where it stands in `visit.ready`."""
    settled: Collection[int] = field(default_factory=set)
    """Numbers that have a receipt or a dead letter, or wait in `visit.orphans`."""
    orphans: tuple[int, int] = (0, 0)
    """Refused parents and waiting records that stand in `visit.orphans`."""
    first: int | None = None
    """The lowest number in `visit.ready`; None for none."""
    last: int | None = None
    """The highest one."""
    behind: int = 0
    """The offset behind it."""
    open: tuple[int, int] | None = None
    """Number and offset of the first record that is not settled; None for none."""
    open_recall: bool = False
    """Whether that is a recall. Nothing is written of one, so it is settled where anything behind it is."""
    last_plan: str = ""
    """Id of the newest plan in the receipts."""
    passed: int = 0
    """The highest number in the receipts of the plans before it: they are settled as a whole, and all numbers up to this one."""
    joined: int | None = None
    """The number that the join gives next; None where that is not known."""
    _reached: int = 0
    """The highest number in the receipts of the newest plan."""

    def take_plan(self, plan: str, number: int) -> None:
        """Take a receipt. number: the highest one in it."""
        if plan > self.last_plan:
            self.last_plan, self.passed, self._reached = plan, max(self.passed, self._reached), number
        elif plan == self.last_plan:
            self._reached = max(self._reached, number)
        else:
            self.passed = max(self.passed, number)

    def take_record(self, number: int, offset: int, *, is_recall: bool) -> None:
        """Take what stands in `visit.ready`, in its order, when all that settles records is taken."""
        self.first = number if self.first is None else self.first
        self.last, self.behind = number, offset + 1
        if number in self.settled:
            if self.open_recall:
                self.open, self.open_recall = None, False
        elif self.open is None:
            self.open, self.open_recall = (number, offset), is_recall
        elif not is_recall:
            self.open_recall = False


def deliver_recovery(found: DeliverEvidence, *, repeat_settled: bool = False) -> Recovery:
    """What is to be done. repeat_settled: a person takes it that settled records behind the place are posted a second time."""
    ready, mark = found.ready, readable(found.ready.said, deliver_mark)
    if mark is not None and ready.fits(mark.log) and mark.orphans == found.orphans:
        return ready.keep()
    number, offset, why = _goes_on(found)
    if why:
        return ready.refuse(why)
    if lost := _lost(found, number):
        return ready.refuse(lost)
    last_plan = max(found.last_plan, mark.last_plan if mark else "")
    told = "the first record without receipt and dead letter" if found.open else "no record waits"
    if again := [one for one in found.settled if one > number]:
        seen = (
            f"{count_of(len(again), 'record')} behind it, up to number {max(again)}, {'is' if len(again) == 1 else 'are'} settled"
        )
        if not repeat_settled:
            return ready.refuse(
                f"number {number} at offset {offset} is {told}, but {seen}: the platform would get them a second time, under new "
                "msgids. Settle with the platform that it takes them so, or takes the first ones back; then give --repeat-settled"
            )
        told += f"; {seen}, and the platform gets them a second time (--repeat-settled)"
    to = DeliverMark(seq=number, last_plan=last_plan, orphans=found.orphans, log=ready.id)
    return ready.write(offset, to.text(), f"number {number} is next: {told}")


def _goes_on(found: DeliverEvidence) -> tuple[int, int, str]:
    """Number, offset, and why neither is known."""
    if found.open is not None:
        return *found.open, ""
    if found.last is not None:
        return found.last + 1, found.behind, ""
    if found.joined is None:
        return 0, 0, "visit.ready holds no record, and no mark of the join tells which number comes next: recover the join first"
    return found.joined, found.ready.end, ""


def _lost(found: DeliverEvidence, number: int) -> str:
    """Records that are in the topic no more and may have no outcome; `""` where there are none."""
    begins = number if found.first is None else found.first
    before = [one for one in range(max(FIRST, begins - MOST_RECORDS, found.passed + 1), begins) if one not in found.settled]
    joined = number if found.joined is None else found.joined
    ends = number if found.last is None else found.last + 1
    after = [one for one in range(ends, joined) if one not in found.settled]
    if missing := [*before, *after]:
        gone = f"records {missing[0]} to {missing[-1]} are gone from visit.ready, and {len(missing)} of them have neither receipt"
        return f"{gone} nor dead letter: they can only come from their rows again"
    return ""
