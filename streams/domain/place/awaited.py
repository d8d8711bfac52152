"""Rows of one source that a person ordered to be read again (`streams.domain.recapture`): what comes of one takes its order along.

An order goes with every message of its row until the reading is over: what capture sends again (which the join passes over) may
come before the row is read, and the row may be read twice. What the database does to it after it was read is no matter of the
order any more. Where nothing came, the row is not there. A row that came and waits for its header keeps its order until it goes
somewhere.

Entries of `place.state`, parts of a key joined by 0x1f: `A`, table, key columns. Value: `a` and a JSON array: form, names of the
key columns, plan, letters, reading, and whether something came, something went with it, the row was read, the reading is over.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Self, TypeAlias

import orjson

from connector.contract import Op
from streams.domain.images import text_of
from streams.domain.keys import SEPARATOR
from streams.domain.place.entries import AWAITED_FORM, View
from streams.domain.recapture import Asked, Recapture, header_of
from streams.domain.records import Header
from streams.errors import Newer, Rejected

_PREFIX: Final = f"A{SEPARATOR}".encode()
_READ: Final = Op.READ.value
_DELETE: Final = Op.DELETE.value

_Image: TypeAlias = Mapping[str, object]
Key: TypeAlias = tuple[str, ...]
"""Values of a row's key columns."""


class Order(NamedTuple):
    """An order that waits for its row."""

    plan: str
    """Of which it is."""
    letters: tuple[Asked, ...]
    """The letters because of which it is read."""
    reading: str
    """By which its end is known."""
    came: bool = False
    """Whether something came of the row since."""
    went: bool = False
    """Whether something went on with the order."""
    was_read: bool = False
    """Whether that was the row as it was read."""
    over: bool = False
    """Whether the reading is over."""

    def __repr__(self) -> str:
        """Without visit keys."""
        return f"Order(plan={self.plan!r}, came={self.came}, went={self.went}, was_read={self.was_read}, over={self.over})"


class Awaited:
    """The orders of one source that are under way. What changes is told by `take_changes`."""

    __slots__ = ("_changed", "_columns", "_orders")

    def __init__(self) -> None:
        self._columns: dict[str, Key] = {}
        self._orders: dict[tuple[str, Key], Order] = {}
        self._changed: dict[bytes, bytes | None] = {}

    @classmethod
    def kept(cls, view: View) -> Self | None:
        """As the entries of a source have them; None where there are none. Raises Newer where a later version wrote one."""
        awaited = cls()
        for key in view.scan(_PREFIX):
            if (value := view.get(key)) is not None:
                _, table, *values = key.decode().split(SEPARATOR)
                form, *members = orjson.loads(value[1:])
                if form > AWAITED_FORM:
                    raise Newer(f"an order to read a row again, in place.state (form {form}; this version knows {AWAITED_FORM})")
                columns, plan, letters, *rest = members
                awaited._columns[table] = tuple(columns)
                order = Order(plan, tuple([Asked(*one) for one in letters]), *rest)
                awaited._orders[table, tuple(values)] = order
        return awaited or None

    def __bool__(self) -> bool:
        return bool(self._orders)

    def take_changes(self) -> dict[bytes, bytes | None]:
        """The entries that are others now than when this was asked last, by key; None where one goes."""
        changed, self._changed = self._changed, {}
        return changed

    def asks(self, order: Recapture) -> None:
        """An order came; it takes the place of one that waits for the same row. Raises Rejected where its key names nothing."""
        columns = tuple(sorted(order.key))
        if any(SEPARATOR in value for value in order.key.values()):
            raise Rejected("an order to read a row again names no row")
        if self._columns.setdefault(order.table, columns) != columns:
            self._forget_table(order.table)  # another mapping names another key
            self._columns[order.table] = columns
        self._put((order.table, tuple([order.key[name] for name in columns])), Order(order.plan, order.letters, order.reading))

    def ends(self, order: Recapture) -> Order | None:
        """A reading is over; the order of a row that is not there. That of another reading goes on."""
        where = order.table, tuple([order.key.get(name, "") for name in self._columns.get(order.table, ())])
        there = self._orders.get(where)
        if there is None or there.reading != order.reading:
            return None
        self._put(where, there._replace(over=True) if there.came and not there.went else None)
        return None if there.came else there

    def key_of(self, table: str, envelope: _Image) -> Key | None:
        """The key of the row that a message of capture is about; None where nobody asked for rows of its table."""
        columns, deletes = self._columns.get(table), envelope.get("op") == _DELETE
        return None if columns is None else self._key(columns, envelope.get("before" if deletes else "after"))

    def goes(self, table: str, row: _Image, *, read: bool) -> tuple[Header, ...]:
        """What a message of a row is to say of its order, now that it goes on. read: whether the row was read just now."""
        columns = self._columns.get(table)
        key = None if columns is None else self._key(columns, row)
        order = None if key is None else self._orders.get((table, key))
        if key is None or order is None:
            return ()
        done = order.over or (order.was_read and not read)
        self._put((table, key), None if done else order._replace(came=True, went=True, was_read=read))
        if order.was_read and not read:
            return ()
        return (header_of(order.plan, order.letters),)

    def came(self, table: str, key: Key) -> None:
        """Something came of a row; it may go on, or not."""
        order = self._orders.get((table, key))
        if order is not None and not order.came:
            self._put((table, key), order._replace(came=True))

    def _key(self, columns: Iterable[str], image: object) -> Key | None:
        try:
            values = [text_of(image.get(name)) for name in columns] if isinstance(image, dict) else [None]
        except Rejected:
            return None
        return None if None in values else tuple([f"{value}" for value in values])

    def _put(self, where: tuple[str, Key], order: Order | None) -> None:
        table, key = where
        state_key = _PREFIX + SEPARATOR.join((table, *key)).encode()
        if order is None:
            self._orders.pop(where, None)
            self._changed[state_key] = None
            return
        self._orders[where] = order
        plan, letters, *rest = order
        self._changed[state_key] = b"a" + orjson.dumps([AWAITED_FORM, self._columns[table], plan, [*map(tuple, letters)], *rest])

    def _forget_table(self, table: str) -> None:
        for where in [where for where in self._orders if where[0] == table]:
            self._put(where, None)
