"""Rows that name their visit themselves: each goes to the partition of its visit, as it was captured.

A row that changes its visit leaves the old one and comes to the new one. So does one that comes with a record whose claim ended in
another visit (`streams.domain.place.ended`), in the same transaction or in one before.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import orjson

from connector.contract import Op, table_of
from streams.domain.changes import DOUBTED, FORMERLY, Incoming
from streams.domain.keys import VisitKey
from streams.domain.place.counting import NOT_COUNTED
from streams.domain.place.ended import DOUBT, changed
from streams.domain.place.ended_entries import Claim, Where
from streams.domain.place.going import Going, came_elsewhere, changes, creates, deletes, former_key
from streams.domain.place.placed import UNPLACED, Folded, Placed, bytes_of
from streams.domain.place.record_names import RecordName
from streams.domain.place.visit_keys import reader
from streams.domain.records import Header

_CREATE: Final = Op.CREATE.value
_DELETE: Final = Op.DELETE.value
_UPDATE: Final = Op.UPDATE.value
_ENDING: Final = (_DELETE, _UPDATE)

_Image: TypeAlias = Mapping[str, object]


class Direct:
    """visit_keys: by source and table, where the visit key stands. names: likewise, of tables whose rows' places do not say which
    record they are. partition_of: of a visit. arrived: the headers of a row that left a partition.
    """

    def __init__(
        self,
        visit_keys: Mapping[tuple[str, str], VisitKey],
        names: Mapping[tuple[str, str], RecordName],
        *,
        partition_of: Callable[[str], int],
        arrived: Callable[[int], tuple[Header, ...]],
    ) -> None:
        self._tables = {where: (reader(key), names.get(where)) for where, key in visit_keys.items()}
        self._partition_of = partition_of
        self._arrived = arrived

    def has(self, table: tuple[str, str]) -> bool:
        """Whether this is such a table."""
        return table in self._tables

    def row(self, incoming: Incoming, envelope: _Image, said: _Image, going: Going, table: tuple[str, str]) -> Folded:
        """A change of a row. table: its source and table."""
        visit_key, names = self._tables[table]
        op, before, after = envelope.get("op"), envelope.get("before"), envelope.get("after")
        if op == _UPDATE and before and not going.came:  # it stays where it is, and what it is, as nearly all do
            there = visit_key(after)
            same = names is None or (isinstance(before, dict) and isinstance(after, dict) and not names.differs(before, after))
            if same and there is not None and there == visit_key(before):
                return Folded((self._to(there, incoming.value),), "direct", going)
        visit = visit_key(before if op == _DELETE else after)
        was = visit_key(before) if op == _UPDATE and before else None
        claim, ended = None, going.ended
        if op == _DELETE and visit is not None and going.transaction and incoming.key is not None:
            if (came := came_elsewhere(going, incoming, said, visit)) is not None:
                return self._beneath(incoming, envelope, said, going, visit, came=came)
            going = deletes(going, incoming, said)
        elif going.came and op == _UPDATE and visit is not None:
            changes(going, incoming, said, visit, was=was)
        if ended is not None and incoming.key is not None and (ended or op in _ENDING) and (before or op != _UPDATE):
            visits, images = ((visit, None), (before, None)) if op == _DELETE else ((was, visit), (before, after))
            claim = changed(ended, names, (table[1], incoming.key), visits=visits, images=images, at=_committed_at(said))
        arrived = self._to(visit, incoming.value)
        if going.last[2] is not None and op == _CREATE and (former := former_key(going, incoming, said)) is not None:
            going = creates(going, incoming, said, visit)
            if claim in (None, DOUBT):
                arrived = arrived._replace(headers=((FORMERLY, former),))
        if claim is None and (was is None or was == visit):
            return Folded((arrived,), "direct" if visit is not None else "unplaced", going)
        left = was if was != visit else None
        outcome = "direct" if claim is DOUBT and left is None else "moved"
        return Folded(tuple(self._moved(incoming, envelope, said, messages=(left, claim, arrived))), outcome, going)

    def aside(self, incoming: Incoming, envelope: _Image, going: Going, table: tuple[str, str]) -> Folded:
        """A row that does not count, told to its visit, if it names one."""
        visit = self._tables[table][0](envelope.get("before"))
        return Folded(() if visit is None else (self._to(visit, incoming.value),), NOT_COUNTED, going)

    def _to(self, visit: str | None, value: bytes | None) -> Placed:
        """A message for a visit, or for none."""
        if visit is None:
            return Placed(UNPLACED, None, value)
        return Placed(self._partition_of(visit), visit.encode(), value)

    def _beneath(  # noqa: PLR0913 - the message, and what is known of it
        self, incoming: Incoming, envelope: _Image, said: _Image, going: Going, visit: str, *, came: tuple[str, bytes | None]
    ) -> Folded:
        """A delete of the row that had a key before another one got it in this transaction, in another visit: the claim of that one
        goes on. The row that goes may be another record than that one, which ends.
        """
        (_, names), before = self._tables[f"{said.get('name')}", table_of(said)], envelope.get("before")
        if going.ended is not None and names is not None and isinstance(before, dict):
            name, there = names.of(before), orjson.loads(came[1] or b"{}").get("after")
            if name is not None and name != (names.of(there) if isinstance(there, dict) else None):
                going.ended.ends(name, visit, row=None, at=_committed_at(said))
        return Folded(self._former(envelope, visit, came), "moved", deletes(going, incoming, said))

    def _former(self, envelope: _Image, visit: str, came: tuple[str, bytes | None]) -> tuple[Placed, ...]:
        """Of a delete of the row that had a key before another one got it in this transaction, in another visit: it leaves for that
        one. What came there, before it was known whose key it has, is said once more, and waits for the lane that it left.
        """
        row = orjson.loads(came[1] or b"{}").get("after")
        left = orjson.dumps({**envelope, "yibao": "left", "now": row})
        leaves = Placed(self._partition_of(visit), bytes_of(visit), left)
        there = orjson.dumps({**envelope, "op": _UPDATE, "before": None, "after": row})
        return (leaves, Placed(self._partition_of(came[0]), bytes_of(came[0]), there, self._arrived(leaves.partition)))

    def _moved(
        self, incoming: Incoming, envelope: _Image, said: _Image, *, messages: tuple[str | None, Claim | None, Placed]
    ) -> Iterator[Placed]:
        """What the visits are told that a row left, and the row. messages: the visit that the row itself left, the claim that its
        record had in another one, and the row as it would go otherwise.
        """
        was, claim, arrived = messages
        headers: tuple[Header, ...] = ()
        if was is not None:
            # Where it goes nowhere, it is a delete for its visit: nobody else reports it.
            half: dict[str, object] = {} if arrived.key is None else {"yibao": "left", "now": envelope.get("after")}
            left = self._partition_of(was)
            yield Placed(left, bytes_of(was), orjson.dumps({**envelope, **half, "op": _DELETE, "after": None}))
            headers = () if arrived.key is None else self._arrived(left)
        if claim is DOUBT:
            headers = headers or ((DOUBTED, b"1"), *arrived.headers)
        elif claim is not None:
            left = self._partition_of(claim.visit)
            if claim.row is not None and isinstance(claim.row[1], bytes):
                yield Placed(left, bytes_of(claim.visit), _left(envelope, said, incoming, claim.visit, claim.row))
            headers = self._arrived(left)
        yield arrived._replace(headers=headers)


def _left(envelope: _Image, said: _Image, incoming: Incoming, visit: str, row: Where) -> bytes:
    """What a visit is told whose row went before: it is no delete, its record is in another visit now."""
    table, key = row
    schema, _, name = table.partition(".")
    same = row == (table_of(said), incoming.key)
    half: dict[str, object] = {"yibao": "left", "place": {"visit": visit}, **({"now": envelope.get("after")} if same else {})}
    before = _columns(key if isinstance(key, bytes) else None)
    return orjson.dumps(
        {**envelope, **half, "op": _DELETE, "source": {**said, "schema": schema, "table": name}, "before": before, "after": None}
    )


def _committed_at(said: _Image) -> int:
    at = said.get("ts_ms")
    return at if type(at) is int else 0


def _columns(key: bytes | None) -> _Image:
    """The row's key columns, as capture puts them into the message's key."""
    try:
        columns = orjson.loads(key or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return columns if isinstance(columns, dict) else {}
