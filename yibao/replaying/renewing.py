"""Make anew what waits in `visit.ready`: look what would become of it, order it from the join, and put the answers in force."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.broker_wiring import broker_access, client_options
from streams.domain.replay import Replay, replay_value
from streams.errors import Misconfigured, Refused
from streams.fold_wiring import joiner_of
from streams.lanes.fellows import fellow_of
from streams.lanes.marks import anew_of
from streams.lanes.passed_marks import delivered_in
from streams.mapping import Site, compile_site
from streams.mapping.identity import mapping_of
from streams.replay.pace import Pace
from streams.replay.plan import Outcome
from streams.replay.trial import Trial, Tried, rows_of
from streams.replay.waiting import Backlog, Fare, Rows, is_ordered
from streams.topics.broker import Broker
from streams.topics.whole import read_whole
from streams.topics.writing import write_all
from yibao.lag.stages import lags_of
from yibao.moments import now_ms
from yibao.replaying.awaiting import await_answers, await_true, joined
from yibao.replaying.planning import incoming, lookups_of, state_of

_PORTIONS_A_SECOND: Final = 2.0
_WAIT_S: Final = 0.5
_LOOK_EVERY_S: Final = 5.0
_AHEAD: Final = ("place", "join")
"""Stages that an order passes. The deliver stage is behind them, and may be held."""
_FARES: Final = {
    Outcome.PASSES: Fare.PASSES,
    Outcome.FAILS: Fare.FAILS,
    Outcome.UNCHANGED: Fare.UNCHANGED,
    Outcome.GONE: Fare.GONE,
    Outcome.UNKNOWN: Fare.GONE,
}
UNWRITTEN: Final = "it is not known whether the last orders were written; the same command goes on, and one twice does no harm"
AGAIN: Final = "nothing is lost, and nothing goes by halves: the same command goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a dry run found."""

    id: str
    """Of this run."""
    counts: Counter[tuple[str, str, str, Fare, str]]
    """Records by institution, service, mapping that made them, fare, and why."""
    orders: Sequence[Replay] = field(repr=False)
    """For the join, in their order."""
    ends: Mapping[int, str] = field(repr=False)
    """By partition with something to put in force: a visit."""

    @property
    def fares(self) -> Counter[Fare]:
        """Records by what would become of them."""
        found: Counter[Fare] = Counter()
        for (_, _, _, fare, _), count in self.counts.items():
            found[fare] += count
        return found


def look(site: Site, *, institution: str, services: Collection[str]) -> Found:
    """Try all that waits, as the join would. Nothing is written."""
    backlogs = _backlogs(site, institution=institution, services=services)
    waiting = sorted((one for backlog in backlogs for one in backlog.waiting()), key=lambda one: one.order)
    entries = state_of(site, {one.record.key for one in waiting})
    rows, plan = Rows(compile_site(site), rows_of(entries)), secrets.token_hex(4)
    trial = Trial(joiner_of(site), entries, lookups_of(site) if waiting else _NOTHING, now_ms=now_ms())
    counts: Counter[tuple[str, str, str, Fare, str]] = Counter()
    orders, in_force = [], _in_force(site)
    ends = {number: one.visit for number, one in enumerate(backlogs) if one.answered > in_force[number]}
    for one in waiting:
        order = rows.order(one, plan=plan)
        fare, why = (Fare.GONE, "") if order is None else _fare(trial.tried(order))
        if order is not None and (tables := rows.unread_of(one)):
            fare, why = Fare.UNREAD, ", ".join(tables)
        record = one.record
        counts[record.institution, record.service.value, record.mapping_version, fare, why] += 1
        if order is not None and is_ordered(fare, one):
            orders.append(order)
            ends.setdefault(one.partition, order.visit)
    return Found(id=plan, counts=counts, orders=orders, ends=ends)


class _NoLookups:
    """Where nothing waits, nothing is looked up."""

    def find(self, name: str, key: tuple[str, ...]) -> None:
        """Never asked."""


_NOTHING: Final = _NoLookups()


def _fare(tried: Tried) -> tuple[Fare, str]:
    return _FARES.get(tried.outcome, Fare.WAITS), tried.why


def _backlogs(site: Site, *, institution: str, services: Collection[str]) -> list[Backlog]:
    topics, partitions = site.topics, range(site.kafka.partitions)
    with Broker(broker_access(site)) as broker:
        said = broker.committed(topics.group("deliver"), topics.ready, partitions)
    if lost := [number for number, one in said.items() if one.offset < 0 or not one.metadata]:
        raise Misconfigured(f"deliver has no offset of ours in partition {lost[0]} of {topics.ready}: `yibao offsets recover`")
    backlogs = [
        Backlog(number, delivered_in(said[number].metadata), institution=institution, services=services) for number in partitions
    ]
    for message in read_whole(client_options(site), topics.ready):
        backlogs[message.partition].take(incoming(message))
    return backlogs


def _in_force(site: Site) -> dict[int, int]:
    topics = site.topics
    with Broker(broker_access(site)) as broker:
        said = broker.committed(topics.group("join"), topics.changes, range(site.kafka.partitions))
    return {number: anew_of(one.metadata) if one.metadata else 0 for number, one in said.items()}


def demand_mapping(site: Site) -> None:
    """Raise Refused where a worker of the join works by another mapping than this file's, or none works."""
    group = site.topics.group("join")
    with Broker(broker_access(site)) as broker:
        members = broker.members([group])
    names = [one.removeprefix(f"{group}: ").partition(" at ")[0] for one in members]
    fellows = [one for name in names if (one := fellow_of(name, "")) is not None]
    if not members:
        raise Refused("no worker of the join runs: start it with the mended mapping, then give the order")
    if others := [one.name for one in fellows if one.mapping != mapping_of(site)]:
        raise Refused(f"{', '.join(others)} work by another mapping than this site's files: restart the workers of the join first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """One run."""

    site: Site
    """Whose records they are."""
    pace: Pace
    """How fast it goes."""
    say: Callable[[str], None]
    """Told how far it is."""
    deadline_s: float
    """So long the join is waited for."""

    def run(self, found: Found) -> None:
        """Write the orders; when the join has answered all of them, put the answers in force. Raises Refused where it does not in
        time.
        """
        with Broker(broker_access(self.site)) as broker:
            self._order(broker, found.orders)
            await_answers(self.site, broker, deadline_s=self.deadline_s, again=AGAIN)
            needed = {number: one.seq for number, one in joined(self.site, broker).items() if number in found.ends}
            self._write([self._end(found.id, visit) for visit in found.ends.values()])
            what = "the join has not put its answers in force"
            await_true(lambda: self._is_in_force(broker, needed), what, self.deadline_s, AGAIN)

    def _order(self, broker: Broker, orders: Sequence[Replay]) -> None:
        portion, told_at = max(1, round(self.pace.rate_per_s / _PORTIONS_A_SECOND)), time.monotonic()
        for first in range(0, len(orders), portion):
            some = orders[first : first + portion]
            while any((one.waiting or 0) > self.pace.yields_above for one in lags_of(self.site, broker) if one.stage in _AHEAD):
                time.sleep(_WAIT_S)
            began = time.monotonic()
            self._write(some)
            if time.monotonic() - told_at >= _LOOK_EVERY_S:
                told_at = time.monotonic()
                self.say(f"{first + len(some)} of {len(orders)} ordered")
            time.sleep(max(0.0, len(some) / self.pace.rate_per_s - (time.monotonic() - began)))

    def _write(self, orders: Sequence[Replay]) -> None:
        at = now_ms()
        for source in dict.fromkeys(one.source for one in orders):
            values = [replay_value(one, at=at) for one in orders if one.source == source]
            write_all(client_options(self.site), self.site.topics.rows(source), values, otherwise=UNWRITTEN)

    def _end(self, plan: str, visit: str) -> Replay:
        """What puts the answers of a visit's partition in force."""
        source = next(iter(self.site.sources))
        return Replay(source, "visit.ready", {}, visit, plan, letter="", times=0, first_failed_at=0, last=True)

    def _is_in_force(self, broker: Broker, needed: Mapping[int, int]) -> bool:
        marks = joined(self.site, broker)
        return all(marks[number].anew >= seq for number, seq in needed.items())
