"""The transaction of a source that goes on, and the claims that ended: what its next row can only be understood with."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from connector.contract import place_in_log, table_of
from streams.domain.changes import Incoming
from streams.domain.place.awaited import Awaited
from streams.domain.place.ended import Ended
from streams.domain.place.heard import Heard

_Image: TypeAlias = Mapping[str, object]
Last: TypeAlias = tuple[object, bytes | None, object]


class Going(NamedTuple):
    """The transaction of the last row in the order of a source's log: more rows of it may come."""

    transaction: str = ""
    """As the database names it; `""` where capture did not say, or nothing came yet."""
    at: int = 0
    """When its last row was captured, or could come again after an outage, if that was later (ms)."""
    came: dict[tuple[str, bytes | None], tuple[str, bytes | None]] = {}  # noqa: RUF012 - the first one, which stays empty
    """Of the rows that got their keys by it, and whose keys other rows may have had, by table and key of the message: the visit,
    and the message that says what stands in the row. Some of a very large transaction.
    """
    last: Last = (None, None, None)
    """Table, key and place in the log of the row that it deleted last: a key that is changed is a delete and a create at one
    place."""
    ended: Ended | None = None
    """Which visits' claims ended, of this transaction and the ones before it; None before the first change."""
    awaited: Awaited | None = None
    """Rows that were ordered to be read again; None where none is, as a rule."""
    lasts: dict[str, Last] = {}  # noqa: RUF012 - likewise
    """As `last`, by what a table of several roles is called for its further ones."""

    def __repr__(self) -> str:
        """Without the rows' keys."""
        return f"Going(transaction={self.transaction!r}, at={self.at})"


NOTHING: Final = Going()

_MOST: Final = 20_000
"""So many rows of a transaction are remembered."""


def after(going: Going, transaction: str, at: int) -> Going:
    """The transaction of a row that comes now. No row of it makes it older: what capture had in hand when brokers went away has the
    time of before.
    """
    if transaction and transaction == going.transaction:
        if at <= going.at:
            return going
        return Going(transaction, at, going.came, going.last, going.ended, going.awaited, going.lasts)
    return Going(transaction, at, ended=going.ended, awaited=going.awaited)


def of_role(going: Going, name: str) -> Going:
    """As the table with this name sees it, which stands for a further role of another one."""
    return going._replace(last=going.lasts.get(name, NOTHING.last))


def after_role(going: Going, before: Going, name: str) -> Going:
    """After such a table. before: as it was before `of_role`."""
    lasts = going.lasts if going.last == NOTHING.last else {**going.lasts, name: going.last}
    return going._replace(last=before.last, lasts=lasts)


def deletes(going: Going, incoming: Incoming, said: _Image) -> Going:
    """After a row was deleted."""
    return going._replace(last=(table_of(said), incoming.key, place_in_log(said)))


def creates(going: Going, incoming: Incoming, said: _Image, visit: str | None) -> Going:
    """After a row got another key, which another row may have had until now."""
    if visit is None:
        return going
    if not going.came:
        going = going._replace(came={})
    if len(going.came) < _MOST:
        going.came[table_of(said), incoming.key] = (visit, incoming.value)
    return going


def came_elsewhere(going: Going, incoming: Incoming, said: _Image, visit: str) -> tuple[str, bytes | None] | None:
    """Where a row with the key of one that is deleted came meanwhile, if that is another visit: its visit and message."""
    came = going.came.pop((table_of(said), incoming.key), None)
    return None if came is None or came[0] == visit else came


def changes(going: Going, incoming: Incoming, said: _Image, visit: str, *, was: str | None) -> None:
    """Note what stands in such a row now. was: the visit that it says that it was in before."""
    where = (table_of(said), incoming.key)
    if where in going.came and was in (None, going.came[where][0]):
        going.came[where] = (visit, incoming.value)


def former_key(going: Going, incoming: Incoming, said: _Image) -> bytes | None:
    """The former key of a row that is created at the place in the log where one of its table was deleted."""
    table, key, place = going.last
    same = place is not None and place == place_in_log(said) and table == table_of(said)
    return key if same and key != incoming.key else None


def quiet_for(now: int, going: Going, heard: Heard | None) -> int:
    """For how long (ms) no row came although one could."""
    listened = None if heard is None else heard.after(going.at)
    return now - going.at if listened is None else min(now - going.at, listened)
