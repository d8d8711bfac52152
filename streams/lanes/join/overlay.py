"""What a chunk that is being folded sees of the join's state: what is committed, overlaid by what the chunk changed."""

from collections.abc import Collection, Iterable, Mapping

from connector.contract import TableRole
from streams.domain.join.claims import claim_of
from streams.domain.join.entries import (
    SEPARATOR,
    due_from,
    group,
    group_of,
    groups,
    is_moved,
    is_row,
    visit_key_of,
    waits,
)
from streams.domain.join.gone import deadline_of, gone_group, is_gone
from streams.domain.join.stored import Item
from streams.domain.records import Lookups, MissingLookup
from streams.lanes.join.held import HeldRefunds
from streams.lanes.join.state import State
from streams.lanes.join.store import Changes, Entries, put

_FEE = TableRole.FEE


class Overlay:
    """The state as a chunk that is being folded sees it."""

    def __init__(self, state: State) -> None:
        self.changed: dict[bytes, bytes | None] = {}
        self._state = state
        self._known: dict[bytes, bytes | None] = {}
        """What changed, and what was asked for: a chunk asks for the rows of a visit again and again."""
        self._lines: dict[bytes, int] = {}
        """By visit that was asked about: how many lines were committed, where that is known."""
        self._changed: dict[bytes, dict[bytes, bytes | None]] = {}
        """By group."""
        self._groups: dict[bytes, Entries] = {}
        """Groups that were asked for whole, with their changes. Those without are the state's own, which the chunk leaves alone."""
        self._claims: dict[bytes, dict[bytes, set[bytes]]] = {}
        """Of groups with changes that were asked about: by claim, the changed entries that have it."""
        self._held = HeldRefunds()
        """Of the entries that changed."""
        self.missing: dict[bytes, MissingLookup] = {}
        """Which rows of lookups are waited for, by the entries that do."""

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit by full state key."""
        return {key: value for group in groups(visit_key) for key, value in self._group(group).items()}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role."""
        return self._group(group(visit_key, role))

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        """The entries of the group that a state key belongs to."""
        return self._group(group_of(key))

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        known = self._known
        if key not in known:
            known[key] = self._state.get(key)
        return known[key]

    def lines_known(self, visit_key: bytes) -> int | None:
        """How many entries a visit's fee lines have, those that this chunk changed counted twice; None where only looking at each
        would tell.
        """
        known = self._lines.get(visit_key)
        if known is None:
            known = self._state.lines_known(visit_key)
            if known is None:
                return None
            self._lines[visit_key] = known
        return known + len(self._changed.get(group(visit_key, _FEE), ()))

    def holds_refunds(self, visit_key: bytes) -> bool:
        """Whether any refund line of a visit is held."""
        return self._state.holds_refunds(visit_key) or visit_key in self._held

    def refunds(self, visit_key: bytes, items: Collection[Item] | None = None) -> Collection[bytes]:
        """The keys of a visit's refund lines that are held, of these items or of what their entries do not say; None: of all."""
        before, own = self._state.refunds(visit_key, items), self._held.of(visit_key, items)
        return {*(key for key in before if key not in self.changed), *own}

    def lines_under(self, visit_key: bytes, settlement: str) -> Iterable[bytes]:
        """The keys of the visit's lines that name this settlement, perhaps with others."""
        yield from self._state.lines_under(visit_key, settlement)
        yield from self._changed.get(group(visit_key, _FEE), ())

    def due(self, at: int, lookups: Lookups) -> Iterable[tuple[bytes, Collection[bytes]]]:
        """The visits with rows for which a tick at `at` (ms) has something to do, with the keys of these rows' entries. What this
        chunk changed and waits for a lookup is tried in any case: it may have come meanwhile.
        """
        found: dict[bytes, set[bytes]] = {}
        for key, value in self.changed.items():
            if value is not None and waits(value) and is_row(key) and due_from(value) <= at:
                found.setdefault(visit_key_of(key), set()).add(key)
        for visit_key, keys in self._state.due(at, lookups):
            if rest := found.pop(visit_key, set()).union(key for key in keys if key not in self.changed):
                yield visit_key, rest
        yield from found.items()

    def note(self, missing: Mapping[bytes, MissingLookup]) -> None:
        """Which rows of lookups the entries wait for that a message built."""
        self.missing.update(missing)

    def claims(self, visit_key: bytes, role: TableRole, claim: bytes) -> Iterable[bytes]:
        """The keys of the entries of a visit's rows of one role with this claim, perhaps with others that had it."""
        name = group(visit_key, role)
        changed, before = self._changed.get(name), self._state.claims(name, claim)
        if changed is None:
            return before
        known = self._claims.get(name)
        if known is None:
            known = self._claims[name] = {}
            for key, value in changed.items():
                if value is not None:
                    known.setdefault(claim_of(value), set()).add(key)
        return (key for key in {*before, *known.get(claim, ())} if self.changed.get(key, b"") is not None)

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""
        changed = {visit_key for name in self._changed if (visit_key := visit_key_of(name)) > after}
        return sorted(changed.union(self._state.visits_after(after, most)))[:most]

    def moved(self) -> Iterable[bytes]:
        """The visits with a row that waits for a lane of another partition."""
        touched = {visit_key_of(name) for name in self._changed}
        yield from (visit_key for visit_key in self._state.moved() if visit_key and visit_key not in touched)
        yield from (visit_key for visit_key in touched if any(map(is_moved, self.visit(visit_key).values())))

    def gone(self, at: int) -> Iterable[bytes]:
        """The visits with a record that no row backs any more, for which a tick at `at` (ms) has something to do."""
        touched = {visit_key_of(name) for name in self._changed if is_gone(name + SEPARATOR)}
        yield from (visit_key for visit_key in self._state.gone(at) if visit_key not in touched)
        for visit_key in touched:
            if any(0 < deadline_of(value) <= at for value in self.entries_beside(gone_group(visit_key)).values()):
                yield visit_key

    def apply(self, changed: Changes) -> None:
        """Take over what one message changed."""
        for key, value in changed.items():
            name = key[: key.index(SEPARATOR) + 2]  # as `group_of` does: this is done for every change
            if name in self._changed:
                self._changed[name][key] = value
                if name in self._groups:
                    put(self._groups[name], key, value)
            else:
                self._changed[name] = {key: value}
                self._groups.pop(name, None)  # the state's own
            if name in self._claims and value is not None:
                self._claims[name].setdefault(claim_of(value), set()).add(key)
            self._held.put(key, value)
        self.changed.update(changed)
        self._known.update(changed)

    def _group(self, name: bytes) -> Mapping[bytes, bytes]:
        whole = self._groups.get(name)
        if whole is None:
            whole = self._state.group(name)
            if (changed := self._changed.get(name)) is not None:
                whole = dict(whole)
                for key, value in changed.items():
                    put(whole, key, value)
            self._groups[name] = whole
        return whole
