"""The visits of a partition that changed last, in memory: whole where they are small, of a long stay only what was asked for.

Bounded by bytes, because one visit is a hundred bytes and another three million.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from streams.domain.join.claims import claim_of, claims_in
from streams.domain.join.entries import SEPARATOR, visit_key_of
from streams.lanes.join.store import Entries, Groups, Store, put

FEW: Final = 48
"""A visit of more entries is not read whole for a change: nearly all have fewer, and one look at the disk brings them all."""
MOST_BYTES: Final = 8 << 20
"""Of the entries that a partition keeps in memory, about."""
_OF_AN_ENTRY: Final = 200
"""What Python adds to the bytes of an entry."""
_NONE: Final[Entries] = {}


@dataclass(slots=True)
class Visit:
    """What is known of a visit."""

    groups: Groups = field(repr=False)
    """Whole groups."""
    is_whole: bool
    """Whether there are no other groups."""
    entries: dict[bytes, bytes | None] = field(default_factory=dict, repr=False)
    """Of other groups; None where it is known that there is none."""
    claims: dict[bytes, dict[bytes, set[bytes]]] = field(default_factory=dict, repr=False)
    """Of groups that were asked about: by claim, the keys of the entries that have it, or had it."""
    size: int = 0
    """Bytes, about."""


class AtHand:
    """store: holds everything. most: bytes that are kept, about; one visit may have more. few: see `FEW`."""

    def __init__(self, store: Store, *, most: int = MOST_BYTES, few: int = FEW) -> None:
        self._store = store
        self._most = most
        self._few = few
        self._visits: OrderedDict[bytes, Visit] = OrderedDict()
        self._size = 0

    def clear(self) -> None:
        """Forget everything."""
        self._visits.clear()
        self._size = 0

    def whole(self, visit_key: bytes) -> Groups:
        """All entries of a visit. It is not kept: a tick looks at many visits and changes few."""
        found = self._visits.get(visit_key)
        return self._store.visit(visit_key) if found is None or not found.is_whole else found.groups

    def group(self, name: bytes) -> Entries:
        """The entries of a group."""
        visit = self._visit(visit_key_of(name))
        found = visit.groups.get(name)
        if found is None and not visit.is_whole:
            found = visit.groups[name] = self._store.group(name)
            self._grew(visit, sum(map(_size, found.items())))
        return _NONE if found is None else found

    def known(self, name: bytes) -> int | None:
        """How many entries a group has; None where it would have to be read to tell."""
        visit = self._visit(visit_key_of(name))
        found = visit.groups.get(name)
        return len(found) if found is not None else 0 if visit.is_whole else None

    def get(self, key: bytes) -> bytes | None:
        """One entry."""
        at = key.index(SEPARATOR)  # as `visit_key_of` and `group_of` do: this is asked four times a change
        visit = self._visits.get(key[:at]) or self._visit(key[:at])
        group = visit.groups.get(key[: at + 2])
        if group is not None or visit.is_whole:
            return None if group is None else group.get(key)
        if key not in visit.entries:
            visit.entries[key] = value = self._store.get(key)
            self._grew(visit, _size((key, value or b"")))
        return visit.entries[key]

    def claims(self, name: bytes, claim: bytes) -> set[bytes] | None:
        """The keys of a group's entries with this claim, perhaps with others that had it; None where the group is not known."""
        visit = self._visit(visit_key_of(name))
        entries = visit.groups.get(name, _NONE if visit.is_whole else None)
        if entries is None:
            return None
        if name not in visit.claims:
            visit.claims[name] = claims_in(entries)
        return visit.claims[name].get(claim, set())

    def put(self, key: bytes, value: bytes | None) -> None:
        """Take over a change, where its visit is known."""
        at = key.index(SEPARATOR)  # as in `get`
        visit = self._visits.get(key[:at])
        if visit is None:
            return
        self._visits.move_to_end(key[:at])
        name = key[: at + 2]
        entries = visit.groups.setdefault(name, {}) if visit.is_whole else visit.groups.get(name)
        before = (visit.entries if entries is None else entries).get(key)
        if entries is None:
            visit.entries[key] = value
        else:
            put(entries, key, value)
        if value is not None and name in visit.claims:
            visit.claims[name].setdefault(claim_of(value), set()).add(key)
        size = len(key) + _OF_AN_ENTRY if before is None else -len(before)
        self._grew(visit, size + (0 if value is None else len(value)))

    def _visit(self, visit_key: bytes) -> Visit:
        visit = self._visits.get(visit_key)
        if visit is None:
            few = self._store.few(visit_key, self._few)
            visit = self._visits[visit_key] = Visit(few or {}, few is not None)
            self._grew(visit, _OF_AN_ENTRY + sum(_size(entry) for group in visit.groups.values() for entry in group.items()))
        return visit

    def _grew(self, visit: Visit, size: int) -> None:
        """Drop from memory the visits that did not change for longest. A fold that still holds their entries is safe: only `put`
        changes entries.
        """
        visit.size += size
        self._size += size
        while self._size > self._most and len(self._visits) > 1:
            if next(iter(self._visits.values())) is visit:
                self._visits.move_to_end(next(iter(self._visits)))
            _, dropped = self._visits.popitem(last=False)
            self._size -= dropped.size


def _size(entry: tuple[bytes, bytes]) -> int:
    return len(entry[0]) + len(entry[1]) + _OF_AN_ENTRY
