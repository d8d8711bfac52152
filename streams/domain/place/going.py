"""The transaction of a source that goes on: what its next row can only be understood with."""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from streams.domain.changes import Incoming

_Image: TypeAlias = Mapping[str, object]


class Going(NamedTuple):
    """The transaction of the last row in the order of a source's log: more rows of it may come."""

    transaction: str = ""
    """As the database names it; `""` where capture did not say, or nothing came yet."""
    at: int = 0
    """When its last row was captured (ms)."""
    deleted: dict[tuple[str, bytes | None], str] = {}  # noqa: RUF012 - the first one, which stays empty
    """Of the rows that it deleted so far, by table and key of the message: the visit. Some of a very large transaction; none that
    an earlier worker placed."""

    last: tuple[object, bytes | None, object] = (None, None, None)
    """Table, key and place in the log of the row that it deleted last: a key that is changed is a delete and a create at one
    place."""

    def __repr__(self) -> str:
        """Without the rows' keys."""
        return f"Going(transaction={self.transaction!r}, at={self.at})"


NOTHING: Final = Going()


def after(going: Going, transaction: str, at: int) -> Going:
    """The transaction of a row that comes now."""
    if transaction and transaction == going.transaction:
        return Going(transaction, at, going.deleted, going.last)
    return Going(transaction, at, {})


def table_of(said: _Image) -> str:
    """The table of a source block, with its schema: two schemas may have tables of one name."""
    return f"{said.get('schema')}.{said.get('table')}"


def former_key(going: Going, incoming: Incoming, said: _Image) -> bytes | None:
    """The former key of a row that is created at the place in the log where one of its table was deleted."""
    table, key, place = going.last
    same = place is not None and place == said.get("lsn") and table == table_of(said)
    return key if same and key != incoming.key else None
