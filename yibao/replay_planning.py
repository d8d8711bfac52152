"""Make a replay plan: which letters are meant, what stands of them in the topics, and a dry run of each."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streams.deadletter.filter.grammar import Filter, written
from streams.deadletter.index.pages import Letter, every
from streams.deadletter.record import DeadLetterView, read_dead_letter
from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.records import Lookups
from streams.domain.replay import Replay
from streams.domain.violations import DeadClass
from streams.lanes.join.lookup_feed import KafkaLookupFeed
from streams.lanes.join.lookups import LookupTables
from streams.mapping import Site, compile_site
from streams.mapping.identity import mapping_of
from streams.replay.ordering import Ordering, visit_of
from streams.replay.pace import pace_of
from streams.replay.plan import SENT, Depth, Item, Outcome, Plan
from streams.replay.trial import Trial, Tried, rows_of
from streams.telemetry.outcomes import Outcomes
from streams.topics.whole import read_whole
from streams.wiring import broker_settings, client_options, joiner_of, lookup_tables
from yibao.binding import actor, now_of
from yibao.letters_asked import ask, clock_of
from yibao.moments import now_ms

_ORDER: Final = {"mdtrt_d": 0, "setl_d": 1}
"""Of services: what belongs to another record is tried behind it."""
_WAITED: Final = (DeadClass.JOIN_INCOMPLETE.value, DeadClass.AMBIGUOUS.value)
"""Classes of letters that tell of what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan, and the orders of what would pass."""

    plan: Plan
    """What was found."""
    orders: Mapping[str, Replay] = field(repr=False)
    """By letter."""
    released: int
    """How many other records wait for what would pass, and would go with it."""
    letters: Mapping[str, Letter] = field(repr=False)
    """By id."""


def prepared(
    site: Site, wanted: Filter, *, depth: Depth, why: str, release: bool, deadline_s: float, only: Plan | None = None
) -> Prepared:
    """A plan for the open letters that a filter means. only: the letters of this plan that are still open, under its id. release:
    also what was replayed as often as a record may be.
    """
    clock = clock_of(site)
    found, _ = ask(site, lambda index: [one for one in every(index, wanted, clock) if not one.closed], deadline_s=deadline_s)
    named = None if only is None else {item.letter for item in only.items}
    letters = {one.id: one for one in found if named is None or one.id in named}
    identity = only.id if only is not None else secrets.token_hex(4)
    tried, orders, released = _tried(site, letters, plan=identity, depth=depth, release=release)
    ends: dict[int, int] = {}
    for one in letters.values():
        ends[one.partition] = max(ends.get(one.partition, 0), one.offset + 1)
    plan = Plan(
        id=identity,
        at=now_of(site),
        by=actor(),
        why=why,
        site=site.site,
        depth=depth,
        filter=written(wanted),
        mapping=mapping_of(site),
        ends=ends,
        items=tuple(tried),
    )
    return Prepared(plan=plan, orders=orders, released=released, letters=letters)


def _tried(
    site: Site, letters: Mapping[str, Letter], *, plan: str, depth: Depth, release: bool
) -> tuple[list[Item], dict[str, Replay], int]:
    """Each letter with what its dry run says, the orders of those that would pass, and what waits for them."""
    views = {view.id: view for view in _messages(site, letters)}
    entries = state_of(site, {visit_of(view).encode() for view in views.values()})
    ordering = Ordering(compile_site(site), rows_of(entries))
    trial = Trial(joiner_of(site), entries, lookups_of(site), now_ms=now_ms())
    items, orders, released, most = [], {}, 0, pace_of(site).most
    for one in sorted(letters.values(), key=lambda one: (_ORDER.get(one.service, 2), one.partition, one.offset)):
        view = views.get(one.id)
        order = Outcome.UNKNOWN if view is None else ordering.order(view, plan=plan, depth=depth)
        if one.replays >= most and not release:
            order = Outcome.PARKED
        if isinstance(order, Outcome):
            items.append(Item(one.id, one.partition, one.offset, order, ""))
            continue
        told = _against(trial.tried(order), one)
        items.append(Item(one.id, one.partition, one.offset, told.outcome, told.why))
        if told.outcome in SENT:
            orders[one.id] = order
            released += told.released
    return items, orders, released


def _against(told: Tried, letter: Letter) -> Tried:
    """What a dry run said, against what the letter tells: a fault that is another one now is to be told."""
    still_waits = told.outcome is Outcome.WAITS and letter.dead_class in _WAITED
    still_fails = told.outcome is Outcome.FAILS and told.why == f"{letter.dead_class} {letter.rule}"
    if told.outcome not in (Outcome.WAITS, Outcome.FAILS) or still_waits or still_fails:
        return told
    return told._replace(outcome=Outcome.OTHERWISE, why=told.why or "waits")


def _messages(site: Site, letters: Mapping[str, Letter]) -> Iterator[DeadLetterView]:
    """The messages of these letters, with their original bytes."""
    places = {(one.partition, one.offset) for one in letters.values()}
    if places:
        for message in read_whole(client_options(site), site.topics.dead):
            if (message.partition, message.offset) in places:
                yield read_dead_letter(message)


def state_of(site: Site, visits: set[bytes]) -> dict[bytes, bytes]:
    """The join's state entries of these visits."""
    entries: dict[bytes, bytes] = {}
    if not visits:
        return entries
    for message in read_whole(client_options(site), site.topics.state):
        if message.key is None or visit_key_of(message.key) not in visits:
            continue
        if message.value is None:
            entries.pop(message.key, None)
        else:
            entries[message.key] = message.value
    return entries


def lookups_of(site: Site) -> Lookups:
    """The rows of the lookup tables, as the join has them."""
    tables = lookup_tables(site)
    lookups = LookupTables(KafkaLookupFeed(broker_settings(site), tables), tables, outcomes=Outcomes("replay"))
    if tables:
        for message in read_whole(client_options(site), *tables):
            lookups.take([incoming(message)])
    return lookups


def incoming(message: Any) -> Incoming:
    """A message as kafka-python reads it, as the stages do."""
    headers: Sequence[tuple[str, bytes]] = message.headers
    return Incoming(message.topic, message.partition, message.offset, message.key, message.value, tuple(headers), message.timestamp)
