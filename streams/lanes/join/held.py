"""Which refund lines of a partition are held, by visit and item: a line that charges something is asked by no other item's."""

from collections.abc import Collection
from typing import Final

from streams.domain.join.entries import is_held_refund, item_in, visit_key_of
from streams.domain.join.indexed import Place, held
from streams.domain.join.stored import Item

_OF_NOTHING_HELD: Final = ord("r")
"""What the entries begin with that wait for nothing, and did not wait in vain."""
_NO_KEYS: Final[frozenset[bytes]] = frozenset()


class HeldRefunds:
    """In memory, as the entries say it."""

    def __init__(self) -> None:
        self._items: dict[bytes, Item | None] = {}
        """By state key: the line's item; None where its entry does not say it."""
        self._keys: dict[bytes, dict[Item | None, set[bytes]]] = {}

    def __contains__(self, visit_key: bytes) -> bool:
        return visit_key in self._keys

    def of(self, visit_key: bytes, items: Collection[Item] | None) -> Collection[bytes]:
        """The keys of a visit's lines that are held, of these items or of what their entries do not say; None: of all."""
        known = self._keys.get(visit_key)
        if known is None:
            return _NO_KEYS
        return _NO_KEYS.union(*(known.values() if items is None else (known.get(item, _NO_KEYS) for item in (None, *items))))

    def put(self, key: bytes, value: bytes | None) -> Collection[tuple[Place, bool]]:
        """Take over an entry, None where it goes; what changes of its places in the index."""
        if value is not None and value[0] != _OF_NOTHING_HELD and is_held_refund(key, value):
            return self._hold(key, item_in(value))
        return [(held(key, self._drop(key)), False)] if key in self._items else ()

    def _hold(self, key: bytes, item: Item | None) -> list[tuple[Place, bool]]:
        places = []
        if key in self._items and self._items[key] != item:
            places.append((held(key, self._drop(key)), False))
        if key not in self._items:
            self.add(key, item)
            places.append((held(key, item), True))
        return places

    def add(self, key: bytes, item: Item | None) -> None:
        """A line is held."""
        self._items[key] = item
        self._keys.setdefault(visit_key_of(key), {}).setdefault(item, set()).add(key)

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self._keys.clear()

    def _drop(self, key: bytes) -> Item | None:
        item, visit_key = self._items.pop(key), visit_key_of(key)
        known = self._keys[visit_key]
        known[item].remove(key)
        if not known[item]:
            del known[item]
        if not known:
            del self._keys[visit_key]
        return item
