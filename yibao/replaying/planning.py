"""Make a replay plan: which letters are meant, what stands of them in the topics, and a dry run of each."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from streams.broker_wiring import broker_access, client_options
from streams.deadletter.filter.grammar import Filter, written
from streams.deadletter.filter.terms import Status
from streams.deadletter.index.pages import Letter, every, named
from streams.deadletter.reading import read_letters
from streams.deadletter.record import DeadLetterView
from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.records import Lookups
from streams.domain.replay import Replay
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from streams.fold_wiring import joiner_of
from streams.lane_wiring import broker_settings, lookup_tables
from streams.lanes.join.lookup_feed import KafkaLookupFeed
from streams.lanes.join.lookups import LookupTables
from streams.mapping import Site, compile_site
from streams.mapping.identity import mapping_of
from streams.replay.ordering import Ordering, visit_of
from streams.replay.pace import pace_of
from streams.replay.plan import SENT, Depth, Item, Outcome, Plan
from streams.replay.rereading import Reread, reread_of
from streams.replay.trial import Trial, Tried, rows_of
from streams.telemetry.outcomes import Outcomes
from streams.topics.whole import read_whole
from yibao.binding import now_of
from yibao.letters.asked import ask, clock_of, notes_on, progress
from yibao.moments import now_ms
from yibao.persons import actor

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
    """By letter: of what would pass."""
    rereads: Mapping[str, Reread] = field(repr=False)
    """By letter: of what is read again."""
    released: int
    """How many other records wait for what would pass, and would go with it."""
    letters: Mapping[str, Letter] = field(repr=False)
    """By id."""
    notes: Sequence[str] = ()
    """What a person should know of the filter, such as a value that no letter has."""


def prepared(
    site: Site, wanted: Filter, *, depth: Depth, why: str, release: bool, deadline_s: float, only: Plan | None = None
) -> Prepared:
    """A plan for the open letters that a filter means. only: instead, what this plan sends, as far as its letters are open and were
    not told again since, under its id. release: also what was replayed as often as a record may be.

    Raises Misconfigured where the time is up before all letters are read, and for a filter that means closed ones.
    """
    if any(one.name == Status.CLOSED and not one.negated for one in wanted.terms):
        raise Misconfigured("closed letters are not replayed: leave `closed` out of the filter; what fails again opens its letter")
    identity = only.id if only is not None else secrets.token_hex(4)
    meant, notes = _letters(site, wanted, only, deadline_s=deadline_s)
    made = planned(site, meant, identity=identity, depth=depth, why=why, release=release, words=written(wanted))
    return replace(made, notes=notes)


def planned(
    site: Site, meant: Sequence[Letter], *, identity: str, depth: Depth, why: str, release: bool = False, words: str = ""
) -> Prepared:
    """A plan for these open letters. identity: its id. words: the filter that means them. release: as in `prepared`."""
    letters = {one.id: one for one in meant}
    trying = _Trying(site=site, plan=identity, depth=depth, release=release)
    items = trying.items(letters)
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
        filter=words,
        mapping=mapping_of(site),
        ends=ends,
        items=tuple(items),
    )
    return Prepared(plan=plan, orders=trying.orders, rereads=trying.rereads, released=trying.released, letters=letters)


def _letters(site: Site, wanted: Filter, only: Plan | None, *, deadline_s: float) -> tuple[list[Letter], tuple[str, ...]]:
    """The open ones, and what a person should know of the filter."""
    clock, ids = clock_of(site), [] if only is None else [item.letter for item in only.passing]

    def question(index: sqlite3.Connection) -> tuple[list[Letter], list[str]]:
        if only is not None:
            return [one for one in named(index, ids) if not one.closed and only.covers(one.partition, one.offset)], []
        return [one for one in every(index, wanted, clock) if not one.closed], notes_on(index, wanted)

    (found, notes), freshness = ask(site, question, wanted=wanted, deadline_s=deadline_s)
    if not freshness.complete:
        told = "the time was up before all dead letters were read, and what was not read may have been closed or told again since"
        raise Misconfigured(f"{told}: nothing was sent; the same command goes on from there, or give a longer --deadline")
    return found, tuple(notes)


@dataclass(slots=True, kw_only=True)
class _Trying:
    """The dry run of some letters, and what comes of it."""

    site: Site
    """Whose letters they are."""
    plan: str
    """Id of the plan."""
    depth: Depth
    """How deep it reaches."""
    release: bool
    """Whether also what was replayed as often as a record may be is tried."""
    orders: dict[str, Replay] = field(default_factory=dict)
    """By letter: of what would pass."""
    rereads: dict[str, Reread] = field(default_factory=dict)
    """By letter: of what is read again."""
    released: int = 0
    """How many other records would go with what passes."""

    def items(self, letters: Mapping[str, Letter]) -> list[Item]:
        """Each letter with what its dry run says."""
        views = {view.id: view for view in _messages(self.site, letters)}
        most = pace_of(self.site).most
        found = self._reading(views) if self.depth is Depth.RECAPTURE else self._sending(views)
        items = []
        for one in sorted(letters.values(), key=lambda one: (_ORDER.get(one.service, 2), one.partition, one.offset)):
            parked = one.replays >= most and not self.release
            told = Tried(Outcome.PARKED, "") if parked else Tried(Outcome.UNKNOWN, "") if one.id not in views else found(one)
            items.append(Item(one.id, one.partition, one.offset, told.outcome, told.why))
        return items

    def _sending(self, views: Mapping[str, DeadLetterView]) -> Callable[[Letter], Tried]:
        """Tries a letter as the join would."""
        entries = state_of(self.site, {visit_of(view).encode() for view in views.values()})
        ordering = Ordering(compile_site(self.site), rows_of(entries))
        trial = Trial(joiner_of(self.site), entries, lookups_of(self.site), now_ms=now_ms())

        def found(letter: Letter) -> Tried:
            order = ordering.order(views[letter.id], plan=self.plan, depth=self.depth)
            if isinstance(order, Outcome):
                return Tried(order, "")
            told = _against(trial.tried(order), letter)
            if told.outcome in SENT:
                self.orders[letter.id] = order
                self.released += told.released
            return told

        return found

    def _reading(self, views: Mapping[str, DeadLetterView]) -> Callable[[Letter], Tried]:
        """Says which row of a letter is read. What the platform refused is found by what the join remembers."""
        mappings = compile_site(self.site)
        entries = state_of(self.site, {visit_of(view).encode() for view in views.values() if view.stage == "deliver"})
        ordering = Ordering(mappings, rows_of(entries))

        def found(letter: Letter) -> Tried:
            reread = reread_of(views[letter.id], ordering, mappings)
            if isinstance(reread, Outcome):
                return Tried(reread, "")
            self.rereads[letter.id] = reread
            return Tried(Outcome.READ_AGAIN, "")

        return found


def _against(told: Tried, letter: Letter) -> Tried:
    """What a dry run said, against what the letter tells: a fault that is another one now is to be told, unless that was done. What
    the platform refused keeps its letter while the join refuses its row: as it was, the platform has not taken it.
    """
    still_waits = told.outcome is Outcome.WAITS and letter.dead_class in _WAITED
    still_fails = told.outcome is Outcome.FAILS and (told.is_told or told.why == f"{letter.dead_class} {letter.rule}")
    if told.outcome not in (Outcome.WAITS, Outcome.FAILS) or still_waits or still_fails:
        return told
    return told._replace(outcome=Outcome.OTHERWISE, why=told.why or "waits")


def _messages(site: Site, letters: Mapping[str, Letter]) -> Iterator[DeadLetterView]:
    """The messages of these letters, with their original bytes."""
    places = {(one.partition, one.offset) for one in letters.values()}
    yield from read_letters(broker_access(site), site.topics.dead, places, client_id=f"yibao-{site.site}")


def state_of(site: Site, visits: set[bytes]) -> dict[bytes, bytes]:
    """The join's state entries of these visits."""
    entries: dict[bytes, bytes] = {}
    if not visits:
        return entries
    with progress("reading what the join remembers") as told:
        for message in read_whole(client_options(site), site.topics.state, on_progress=told):
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
        with progress("reading the lookup tables") as told:
            for message in read_whole(client_options(site), *tables, on_progress=told):
                lookups.take([incoming(message)])
    return lookups


def incoming(message: Any) -> Incoming:
    """A message as kafka-python reads it, as the stages do."""
    headers: Sequence[tuple[str, bytes]] = message.headers
    return Incoming(message.topic, message.partition, message.offset, message.key, message.value, tuple(headers), message.timestamp)
