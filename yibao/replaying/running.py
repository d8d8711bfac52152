"""Run a replay plan: hand its orders to the join, at a rate of their own, behind live traffic; and see what became of them."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from streams.broker_wiring import broker_access, client_options
from streams.deadletter.index.fates import Fate, fates
from streams.deadletter.record import record_key_hash
from streams.deliver.ledger import read_receipts
from streams.domain.closings import ClosedBy
from streams.domain.replay import Replay, replay_value
from streams.errors import Refused
from streams.indexes.upkeep import Freshness
from streams.mapping import Site
from streams.replay.pace import Pace
from streams.replay.plan import Plan
from streams.topics.broker import Broker
from streams.topics.writing import write_all
from streams.wording import count_of
from yibao.lag.stages import lags_of
from yibao.letters.asked import ask
from yibao.moments import now_ms
from yibao.replaying.progress import Progress

_PORTIONS_A_SECOND: Final = 2.0
_LOOK_EVERY_S: Final = 5.0
_FEWEST: Final = 20
"""So many records were sent before a share of refusals means anything."""
_AHEAD: Final = 40
"""So many orders go ahead of a longer run: what becomes of them is looked at before the others go."""
_AHEAD_S: Final = 20.0
"""So long their outcome is waited for; what waits for something else has none."""
_WAIT_S: Final = 1.0
INDEX_S: Final = 300.0
_UNKNOWN: Final = (
    "it is not known whether the last orders were written; the same command goes on, and an order that comes twice does no harm"
)
ACCEPTED: Final = "accepted"
AGAIN: Final = "refused again"
CLOSED: Final = "closed otherwise"
PENDING: Final = "pending"
_HOW: Final = {ClosedBy.ACCEPTED.value: ACCEPTED, ClosedBy.SUPERSEDED.value: AGAIN}
"""What it means for a plan that a letter was closed by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One run."""

    site: Site
    """Whose letters they are."""
    plan: Plan
    """What is run."""
    progress: Progress
    """How far it is."""
    pace: Pace
    """How fast it goes, and where it stops."""
    say: Callable[[str], None]
    """Told how far it is."""
    cancelled: Callable[[], bool] = lambda: False
    """Whether somebody cancelled the plan beside another copy of its file."""

    def run(self, orders: Sequence[Replay]) -> None:
        """Write the orders that were not written yet. Raises Refused where too many of them are refused again."""
        left = [one for one in orders if one.letter not in self.progress.sent]
        with Broker(broker_access(self.site)) as broker:
            self._hand_on(left[:_AHEAD], broker)
            if len(left) > _AHEAD:
                self._see(left[:_AHEAD])
                self._hand_on(left[_AHEAD:], broker)
        self.stop_where_refused()

    def _hand_on(self, orders: Sequence[Replay], broker: Broker) -> None:
        portion = max(1, round(self.pace.rate_per_s / _PORTIONS_A_SECOND))
        looked_at = time.monotonic()
        for first in range(0, len(orders), portion):
            some = orders[first : first + portion]
            self.demand_wanted()
            self.yield_to_others(broker)
            began = time.monotonic()
            with self.progress.portion(one.letter for one in some):
                self._write(some)
            if time.monotonic() - looked_at >= _LOOK_EVERY_S:
                looked_at = time.monotonic()
                self.stop_where_refused()
                self.say(f"{len(self.progress.sent)} of {len(self.plan.passing)} handed to the join")
            time.sleep(max(0.0, len(some) / self.pace.rate_per_s - (time.monotonic() - began)))

    def _see(self, orders: Sequence[Replay]) -> None:
        """Wait for what becomes of these, and stop where too many are refused again: workers that still go by the mapping of before
        would refuse them all, and each would count a replay.
        """
        until = time.monotonic() + _AHEAD_S
        while time.monotonic() < until:
            found, _ = fates_of(self.site, self.plan)
            if all(found.get(one.letter) != PENDING for one in orders):
                break
            time.sleep(_WAIT_S)
        self.stop_where_refused()

    def _write(self, orders: Sequence[Replay]) -> None:
        at = now_ms()
        for source in dict.fromkeys(one.source for one in orders):
            values = [replay_value(one, at=at) for one in orders if one.source == source]
            write_all(client_options(self.site), self.site.topics.rows(source), values, otherwise=_UNKNOWN)

    def demand_wanted(self) -> None:
        """Raise Refused where somebody cancelled the plan."""
        if self.progress.cancelled or self.cancelled():
            raise Refused(f"the plan was cancelled; {count_of(len(self.progress.sent), 'order was', 'orders were')} written before")

    def yield_to_others(self, broker: Broker) -> None:
        """Wait while live traffic waits."""
        told = False
        while waiting := [one for one in lags_of(self.site, broker) if (one.waiting or 0) > self.pace.yields_above]:
            if not told:
                self.say(f"waits for live traffic: {', '.join(f'{one.row[0]} {one.waiting}' for one in waiting)}")
            told = True
            time.sleep(_WAIT_S)

    def stop_where_refused(self) -> None:
        """Raise Refused where too much of what was sent is refused again, or nobody can say how much."""
        found, freshness = fates_of(self.site, self.plan)
        if not freshness.complete:
            raise Refused(
                f"stopped: the dead letters were not read to their end within {INDEX_S:g} s, so how many were refused again is not "
                "known; the same command goes on from there"
            )
        again = sum(found[one] == AGAIN for one in self.progress.sent if one in found)
        sent = len(self.progress.sent & {*self.plan.ending})
        if sent >= _FEWEST and again > self.pace.stop_share * sent:
            raise Refused(
                f"stopped: {again} of {sent} were refused again, more than replay.stop_share "
                f"({self.pace.stop_share:g}); see why with `yibao dlq summary`, restart workers that still go by an old mapping, "
                "and make a new plan"
            )


def fates_of(site: Site, plan: Plan, *, deadline_s: float = INDEX_S) -> tuple[dict[str, str], Freshness]:
    """What became of each letter of a plan that a run was to end, by its id, as far as the letters could be read in time."""
    found, freshness = ask(site, lambda index: fates(index, plan.ending), deadline_s=deadline_s)
    return {letter: _fate(fate, plan) for letter, fate in found.items()}, freshness


def _fate(fate: Fate, plan: Plan) -> str:
    if fate.closed:
        return _HOW.get(fate.how, CLOSED)
    return AGAIN if fate.replay_id == plan.id else PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of a plan, and whether receipts say the same."""

    counts: Counter[str]
    """Letters by what became of them."""
    without_receipt: tuple[str, ...]
    """Letters that are closed as accepted, of which there is no receipt."""
    complete: bool
    """Whether the letters were read to their end."""

    @property
    def is_done(self) -> bool:
        """Whether each letter is closed, and those that count as accepted have their receipts."""
        return self.complete and not (self.counts[AGAIN] or self.counts[PENDING] or self.without_receipt)


def verified(site: Site, plan: Plan, *, deadline_s: float) -> tuple[Verified, Freshness]:
    """Hold a plan against the receipts."""
    found, freshness = ask(site, lambda index: fates(index, plan.ending), deadline_s=deadline_s)
    told = {letter: _fate(found[letter], plan) if letter in found else PENDING for letter in plan.ending}
    accepted = [letter for letter, fate in told.items() if fate == ACCEPTED]
    records, msgids = _received(site) if accepted else (set[bytes](), set[str]())
    known = {letter: fate.record_hash in records if fate.record_hash else fate.evidence in msgids for letter, fate in found.items()}
    without = tuple(sorted(letter for letter in accepted if not known[letter]))
    said = Verified(counts=Counter(told.values()), without_receipt=without, complete=freshness.complete)
    return said, freshness


def _received(site: Site) -> tuple[set[bytes], set[str]]:
    """What stands for the keys of the records of which there are receipts, and the msgids of these."""
    records, msgids = set[bytes](), set[str]()
    for receipt in read_receipts(client_options(site), site.topics.receipts):
        msgids.add(receipt.msgid)
        records.update(bytes.fromhex(record_key_hash(receipt.service, line.key)) for line in receipt.records)
    return records, msgids
