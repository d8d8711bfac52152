"""Which entries of a partition wait for a row of a lookup, and for which: before that comes, a tick looks at none of them."""

from collections.abc import Iterator, Mapping

from streams.domain.records import Lookups, MissingLookup


class AwaitedLookups:
    """In memory only: after a start nobody knows which row an entry waits for, until a tick has tried it once."""

    def __init__(self) -> None:
        self._of: dict[bytes, MissingLookup | None] = {}
        self._keys: dict[MissingLookup | None, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, key: bytes) -> bool:
        return key in self._of

    def add(self, key: bytes) -> None:
        """An entry waits for a lookup."""
        if key not in self._of:
            self._put(key, None)

    def note(self, missing: Mapping[bytes, MissingLookup]) -> None:
        """These are the rows that they wait for."""
        for key, lookup in missing.items():
            if key in self._of:
                self.drop(key)
                self._put(key, lookup)

    def drop(self, key: bytes) -> None:
        """An entry waits for none any more."""
        if key not in self._of:
            return
        lookup = self._of.pop(key)
        keys = self._keys[lookup]
        keys.remove(key)
        if not keys:
            del self._keys[lookup]

    def told(self) -> list[bytes]:
        """All of them."""
        return list(self._of)

    def come(self, lookups: Lookups) -> Iterator[bytes]:
        """The entries whose row is known now, and those of which nobody knows which it is."""
        for lookup, keys in self._keys.items():
            if lookup is None or lookups.find(lookup.lookup, lookup.key):
                yield from keys

    def clear(self) -> None:
        """Forget everything."""
        self._of.clear()
        self._keys.clear()

    def _put(self, key: bytes, lookup: MissingLookup | None) -> None:
        self._of[key] = lookup
        self._keys.setdefault(lookup, set()).add(key)
