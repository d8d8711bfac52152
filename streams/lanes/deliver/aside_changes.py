"""How what is aside changes with the transactions of its lane."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from streams.domain.records import ReadyRecord
from streams.lanes.deliver.aside import MOST_BYTES, MOST_GROWN_BYTES, Aside, bytes_of
from streams.lanes.deliver.held_cause import FLOOD_GUARD, NO_ROOM, cause_of
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.posting import Patience
from streams.lanes.deliver.settling import Settling
from streams.lanes.marks import DeliverMark


class Stands(Exception):
    """An institution that is aside goes on only after a restart with another setting."""

    def __init__(self, why: str, remedy: str, cause: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy
        self.cause = cause


class Marked(Protocol):
    """The lane."""

    @property
    def mark(self) -> DeliverMark:
        """What the last transaction said."""

    @property
    def offset(self) -> int:
        """What the last transaction said."""


def released(mark: DeliverMark, name: str) -> DeliverMark:
    """The mark when nothing of an institution is aside any more."""
    aside = {one: entry for one, entry in mark.aside.items() if one != name}
    row = mark.aside[name].refused_in_a_row
    return replace(mark, aside=aside, rows={**mark.rows, **({name: row} if row else {})})


class AsideChanges:
    """What of the lane's mark is about institutions that are aside."""

    def __init__(self, lane: Marked, orphans: Orphans, *, wall_ms: Callable[[], int]) -> None:
        self._lane = lane
        self._orphans = orphans
        self._wall_ms = wall_ms

    @property
    def names(self) -> Collection[str]:
        """Institutions of which nothing is posted with the lane's plans."""
        return self._lane.mark.aside.keys()

    def patience(self, institution: str, run: Settling) -> Patience:
        """What is done while an institution is held."""
        if run.institution:
            return Patience.NONE
        if run.plan.of_orphans and any(record.institution != institution for record in run.records):
            return Patience.LANE  # of an earlier version
        mark = self._lane.mark
        grown = self._laid(mark, run) | {institution: self._entry(run.plan, mark)}
        return Patience.LASTING if bytes_of(grown) <= MOST_BYTES else Patience.LANE

    def laid(self, mark: DeliverMark, run: Settling | None) -> Mapping[str, Aside]:
        """What is aside when a portion of the lane's plan is settled."""
        return mark.aside if run is None or not run.laid else self._laid(mark, run)

    def _laid(self, mark: DeliverMark, run: Settling) -> dict[str, Aside]:
        aside = dict(mark.aside)
        for name, laid in run.laid.items():
            if name not in aside:
                plan = replace(run.plan.settle(laid.batch), quiet=laid.quiet)
                cause = cause_of(laid.held) or (FLOOD_GUARD if laid.flooded else "")
                entry = replace(self._entry(plan, mark), refused_in_a_row=run.tally.rows.get(name, 0), cause=cause)
                own = {"plan": None, "whole": False} if laid.anew else {"skipped": laid.skipped, "fresh": laid.fresh}
                aside[name] = replace(entry, **own)
        return aside

    def _entry(self, plan: Plan, mark: DeliverMark) -> Aside:
        now = self._wall_ms() // 1000
        return Aside(number=mark.seq, offset=self._lane.offset, since=now, plan=plan, whole=not plan.of_orphans)

    def passed(self, aside: Mapping[str, Aside], records: Sequence[ReadyRecord], *, seq: int, offset: int) -> Mapping[str, Aside]:
        """What is aside when the lane goes on past these records. seq, offset: where it stands then."""
        if not aside:
            return aside
        found = {}
        for name, entry in aside.items():
            more = sum(record.institution == name and record.number >= entry.number for record in records)
            if more or entry.plan is not None or entry.number < seq - len(records):
                found[name] = replace(entry, waiting=entry.waiting + more)
            elif self._orphans.free(1, of=name):
                found[name] = replace(entry, number=seq, offset=offset)
        return found

    def settled(self, mark: DeliverMark, run: Settling, *, finished: bool) -> DeliverMark:
        """The mark when a portion of an institution's plan is settled, or the last one."""
        name = run.institution
        entry = replace(mark.aside[name], refused_in_a_row=run.tally.in_a_row, fresh=False, cause="")
        if (laid := run.laid.get(name)) is not None:
            plan = replace(run.plan.settle(laid.batch), quiet=laid.quiet)
            fresh = mark.aside[name].fresh and not laid.skipped and laid.batch == (mark.aside[name].plan or plan).settled
            entry = replace(entry, plan=plan, skipped=laid.skipped, fresh=fresh, cause=cause_of(laid.held))
        elif not finished:
            entry = replace(entry, plan=run.plan, skipped=0)
        else:
            entry = self._behind(mark, entry, run)
            if entry.number == mark.seq and mark.plan is None and not self._orphans.free(1, of=name):
                return released(replace(mark, aside={**mark.aside, name: entry}), name)
        return replace(mark, aside={**mark.aside, name: entry})

    def _behind(self, mark: DeliverMark, entry: Aside, run: Settling) -> Aside:
        done = replace(entry, plan=None, whole=False, skipped=0, fresh=False)
        if run.plan.of_orphans:
            return done
        last = run.records[-1]
        waited = sum(record.institution == run.institution and record.number < mark.seq for record in run.records)
        return replace(done, number=last.number + 1, offset=last.offset + 1, waiting=max(0, entry.waiting - waited))

    def fits(self, mark: DeliverMark) -> None:
        """Raise Stands where there is no room for what is aside."""
        if bytes_of(mark.aside) > MOST_GROWN_BYTES:
            raise Stands(
                "more of its records are refused than the lane's mark can hold beside the other institutions that are aside",
                "mend the others that are aside first, then restart this worker",
                NO_ROOM,
            )
