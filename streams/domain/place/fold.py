"""Where the rows of one source belong: each goes to the partition of its visit, in the order of the database's log.

A pure function of one message. A row that changes its visit leaves the old one and comes to the new one: two messages, which the
caller writes in one transaction. What cannot be placed goes to partition 0 as it is: the join knows the letter for it. A table
that is emptied is told to every partition. A tick says which transaction of the source may go on, so that the join waits for its
end before it calls something withdrawn; that costs no message of its own.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final, TypeAlias

import orjson

from connector.contract import Op, table_of, transaction_of
from streams.domain.changes import Incoming, RowChange, Truncated
from streams.domain.keys import VisitKey, joined
from streams.domain.place import entries, ordered
from streams.domain.place.awaited import Awaited
from streams.domain.place.claiming import Claiming, ClaimingTables
from streams.domain.place.counting import NOT_COUNTED, Counted, Taking, counted
from streams.domain.place.direct import Direct
from streams.domain.place.each_role import each_role
from streams.domain.place.ended import ENDED_MS, Ended
from streams.domain.place.entries import View
from streams.domain.place.going import NOTHING, Going, after, quiet_for
from streams.domain.place.headers import LinkedTables
from streams.domain.place.heard import Heard
from streams.domain.place.memory import Memory
from streams.domain.place.partitions import partition_of
from streams.domain.place.placed import UNPLACED, Empty, Folded, Placed, event_in, unplaced
from streams.domain.place.record_names import RecordName
from streams.domain.place.resolving import Settling
from streams.domain.place.sending import sent
from streams.domain.recapture import RECAPTURE, RECAPTURED
from streams.domain.records import Header
from streams.domain.release import RELEASE
from streams.domain.replay import REPLAY
from streams.domain.ticks import Tick, placed_tick_value
from streams.domain.trail import UNKNOWN, leaving

__all__ = ["UNPLACED", "Folded", "Placed", "Placer"]

_READ: Final = Op.READ.value
_TRUNCATE: Final = Op.TRUNCATE.value
_REMEMBERED: Final = 65_536

_EMPTY: Final = Empty()

_Image: TypeAlias = Mapping[str, object]


class Placer:
    """The fold. visit_keys: by source and table (`schema.table`), where the visit key stands, of the tables whose rows are no
    headers and hang under none. linked: by source, all others. names: by source and table, of tables whose rows' places do not say
    which record they are. claiming: by source, tables of which two rows can be one record: no other one is looked at for that.
    counting: by source and table, how rows are taken, where not all are as they are. further: by source and table, what a table of
    several roles is called for its further ones.
    partitions: of `visit.changes`. quiet_ms: after so long without a row, of a capture that is heard, a transaction counts as over.
    ended_ms: so long, by the database's clock, claims are remembered that ended.
    """

    def __init__(  # noqa: PLR0913 - what is known of a site
        self,
        visit_keys: Mapping[tuple[str, str], VisitKey],
        *,
        partitions: int,
        linked: Mapping[str, LinkedTables] = MappingProxyType({}),
        names: Mapping[tuple[str, str], RecordName] = MappingProxyType({}),
        claiming: Mapping[str, ClaimingTables] = MappingProxyType({}),
        counting: Mapping[tuple[str, str], Taking] = MappingProxyType({}),
        further: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType({}),
        quiet_ms: int = 0,
        ended_ms: int = ENDED_MS,
    ) -> None:
        self._linked = linked
        self._claiming, self._counting, self._further = claiming, counting, further
        self._ended_ms, self._quiet_ms = ended_ms, quiet_ms
        self._partitions = partitions
        self._partition_of = lru_cache(_REMEMBERED)(partial(partition_of, partitions=partitions))
        self._direct = Direct(visit_keys, names, partition_of=self._partition_of, arrived=self._arrived)
        self._contested = {where for where in visit_keys if where[1] in claiming.get(where[0], ())}
        self._plain = visit_keys.keys() - self._contested
        self._named: Mapping[object, tuple[str, str]] = {(where[0], *where[1].split(".", 1)): where for where in visit_keys}
        """As a source block names a table."""

    def fold(  # noqa: C901, PLR0913 - the message, and what its lane knows; each call more is one for every row
        self,
        incoming: Incoming,
        view: View = _EMPTY,
        *,
        source: str = "",
        server: str = "",
        going: Going = NOTHING,
        heard: Heard | None = None,
        apart: bool = False,
    ) -> Folded:
        """Place one message. Never raises for what a message holds. view, source, going: of the lane whose message it is. server:
        which of the source's servers it comes from, `""` for the first one. heard: when its capture was; None where nobody listens.
        apart: whether the message is about a single role of its table.
        """
        try:
            envelope = orjson.loads(incoming.value or b"null")
        except orjson.JSONDecodeError:
            envelope = None
        if not isinstance(envelope, dict):
            return unplaced(incoming, going)
        ours, said = envelope.get("yibao"), envelope.get("source")
        if ours == "tick":
            return self._tick(incoming, envelope, view, source=source, going=going, heard=heard)
        if not isinstance(said, dict):
            return unplaced(incoming, going)
        if ours in (REPLAY, RELEASE, "absent", RECAPTURE, RECAPTURED):
            return self._ordered(incoming, envelope, said, view, going=going)
        op, table = envelope.get("op"), self._table(said)
        if self._further and not apart and table in self._further:
            fold = partial(self.fold, source=source, server=server, heard=heard, apart=True)
            return each_role(fold, incoming, envelope, view, going=going, further=self._further[table])
        if op != _READ:  # a row that is read stands in no transaction's way
            going = after(going, transaction_of(said), incoming.timestamp_ms)
            if going.ended is None:
                going = going._replace(ended=Ended(self._ended_ms))
        folded: Folded | None = None
        if self._counting and table in self._counting:
            one = counted(self._counting[table], incoming, envelope, direct=self._direct.has(table))
            incoming, envelope = one.incoming, one.envelope
            folded = self._aside(one, said, view, table=table, server=server, going=going)
        if folded is None and table in self._plain and op != _TRUNCATE:  # as nearly all are
            folded = self._direct.row(incoming, envelope, said, going, table)
        elif folded is None:
            folded = self._row(incoming, envelope, said, view, table=table, source=source, server=server, going=going)
        return folded if going.awaited is None else ordered.along(folded, incoming, envelope, table[1], going.awaited)

    def _table(self, said: _Image) -> tuple[str, str]:
        """Source and table of a row."""
        try:
            found = self._named.get((said.get("name"), said.get("schema") or said.get("db"), said.get("table")))
        except TypeError:  # these are no names
            found = None
        return found or (f"{said.get('name')}", table_of(said))

    def remembering(self, going: Going, view: View, *, begun: bool) -> Going:
        """With the claims that ended and the rows that are awaited. view: of a lane that begins. begun: whether rows were placed
        before.
        """
        return going._replace(ended=Ended.kept(view, self._ended_ms, begun=begun), awaited=Awaited.kept(view))

    def _tick(  # noqa: PLR0913 - the message, and what its lane knows
        self, incoming: Incoming, envelope: _Image, view: View, *, source: str, going: Going, heard: Heard | None
    ) -> Folded:
        """To the partitions that asked to be told the time; to all where it names none. Before it, what waited in vain."""
        named, at = envelope.get("partitions"), envelope.get("at")
        asked = [one for one in named if type(one) is int] if isinstance(named, list) else range(self._partitions)
        may_go_on = going.transaction and type(at) is int and quiet_for(at, going, heard) < self._quiet_ms
        value = placed_tick_value(at, source, going.transaction if may_go_on else "")
        ticks = tuple(Placed(one, None, value) for one in asked if 0 <= one < self._partitions)
        tables, tick = self._linked.get(source), event_in(envelope)
        if tables is None or not isinstance(tick, Tick):
            return Folded(ticks, "tick", going)
        settling = Settling(memory=Memory(tables=tables, view=view), source=source, now=tick.at)
        told = list(settling.tick(tick.at))
        placed = (*self._settled(settling, incoming, None, going.awaited), *ticks)
        folded = Folded(placed, "tick", going, settling.memory.state, len(told))
        return folded if going.awaited is None else ordered.noted(folded, going.awaited)

    def _row(  # noqa: PLR0913 - the message, and what its lane knows
        self,
        incoming: Incoming,
        envelope: _Image,
        said: _Image,
        view: View,
        *,
        table: tuple[str, str],
        source: str,
        server: str,
        going: Going,
    ) -> Folded:
        """What concerns more than the row's own visit."""
        if table in self._plain:
            return Folded(self._everywhere(incoming), "truncated", going)
        if table[0] != source:
            return unplaced(incoming, going)
        if table not in self._contested:
            return self._linked_row(incoming, envelope, said, view, server=server, going=going)
        if envelope.get("op") == _TRUNCATE:
            folded = Folded(self._everywhere(incoming), "truncated", going)
        else:
            folded = self._direct.row(incoming, envelope, said, going, table)
        return self._claims(source, said, view).direct(folded, envelope, table[1], server=server)

    def _arrived(self, left: int) -> tuple[Header, ...]:
        """What is said of a row that left this partition, if only for another visit of the same one."""
        return (leaving(left) if self._partitions > 1 else UNKNOWN,)

    def _ordered(self, incoming: Incoming, envelope: _Image, said: _Image, view: View, *, going: Going) -> Folded:
        """What `yibao` says of a row to which the database did nothing just now."""
        ours = envelope["yibao"]
        if ours in (REPLAY, RELEASE):
            return self._of_visit(incoming, envelope, going=going)
        if ours == RECAPTURE:
            return ordered.asks(incoming, envelope, going)
        if ours == RECAPTURED:
            return ordered.ends(incoming, envelope, going, self._partition_of)
        folded = self._absent(incoming, envelope, said, view, going=going)
        if going.awaited is None:
            return folded
        return ordered.along(folded, incoming, envelope, table_of(said), going.awaited)

    def _of_visit(self, incoming: Incoming, envelope: _Image, *, going: Going) -> Folded:
        """An order that concerns a row where the join remembers it: to the lane of the visit that it names."""
        if not isinstance(visit := envelope.get("visit"), str):
            return unplaced(incoming, going)
        return Folded((Placed(self._partition_of(visit), visit.encode(), incoming.value),), f"{envelope['yibao']}", going)

    def _absent(self, incoming: Incoming, envelope: _Image, said: _Image, view: View, *, going: Going) -> Folded:
        """A row that a reading of its whole table has not found: it goes where nothing was done to it since it was compared."""
        name, place = table_of(said), envelope.get("place")
        at = f"{said.get('name')}", name
        if self._direct.has(at):
            if not isinstance(place, dict) or not isinstance(visit := place.get("visit"), str):
                return unplaced(incoming, going)
            trail = self._arrived(self._partition_of(place["left"])) if "left" in place else ()
            folded = Folded((Placed(self._partition_of(visit), visit.encode(), incoming.value, trail),), "absent", going)
            if at not in self._contested or place.get("moved") == "left":
                return folded
            return self._claims(at[0], said, view).direct(folded, envelope, name, server="")
        tables = self._linked.get(f"{said.get('name')}")
        table = None if tables is None else tables.by_name.get(name)
        change = None if table is None else event_in(envelope)
        if table is None or not isinstance(change, RowChange):
            return unplaced(incoming, going)
        where = entries.row_key(name, joined(map(change.row.get, table.key)) or "")
        entry = None if (value := view.get(where)) is None else entries.load(where, value)
        if entry is None or entry.deleted or entries.fingerprint(entry) != envelope.get("compared"):
            return Folded((), "overtaken", going)
        return self._linked_row(incoming, envelope, said, view, server="", going=going)

    def _everywhere(self, incoming: Incoming) -> tuple[Placed, ...]:
        """Rows of a table that is emptied stand in all partitions."""
        return tuple([Placed(one, None, incoming.value) for one in range(self._partitions)])

    def _linked_row(  # noqa: PLR0913 - the message, and what its lane knows
        self, incoming: Incoming, envelope: _Image, said: _Image, view: View, *, server: str, going: Going
    ) -> Folded:
        """A change of a row that hangs under a header, or is one; or of a table that nobody mapped."""
        tables = self._linked.get(f"{said.get('name')}")
        table = None if tables is None else tables.by_name.get(table_of(said))
        change = None if table is None else event_in(envelope, server=server)
        if tables is None or table is None or not isinstance(change, RowChange | Truncated):
            return unplaced(incoming, going)
        memory = Memory(tables=tables, view=view)
        settling = Settling(
            memory=memory,
            source=change.source,
            now=incoming.timestamp_ms,
            ended=going.ended,
            at=change.committed_at,
            transaction=named if isinstance(named := said.get("txId"), int | str) else transaction_of(said) or None,
        )
        claims = self._claims(change.source, said, view) if change.source in self._claiming else None
        everywhere: tuple[Placed, ...] = ()
        if isinstance(change, RowChange):
            outcome = settling.row(change, table, said)
        else:
            settling.truncated(change, table)
            outcome, everywhere = (
                "truncated",
                (*self._everywhere(incoming), *(() if claims is None else claims.emptied(change.table, change.mark))),
            )
        placed = (*everywhere, *self._settled(settling, incoming, claims, going.awaited))
        return Folded(placed, outcome, going, settling.memory.state if claims is None else settling.memory.state | claims.state)

    def _settled(
        self, settling: Settling, incoming: Incoming, claims: Claiming | None, awaited: Awaited | None
    ) -> Iterable[Placed]:
        return sent(settling.out, incoming, claims, awaited, partition_of=self._partition_of, arrived=self._arrived)

    def _aside(  # noqa: PLR0913 - the message, and what its lane knows
        self, one: Counted, said: _Image, view: View, *, table: tuple[str, str], server: str, going: Going
    ) -> Folded | None:
        """Of a row that does not count: what its visit is told, where it may have. None: it is for whoever places such a change."""
        if one.is_nothing:
            return Folded((), NOT_COUNTED, going)
        if not one.aside or not self._direct.has(table):
            return None
        folded = self._direct.aside(one.incoming, one.envelope, going, table)
        if table not in self._contested or not folded.placed:
            return folded
        return self._claims(table[0], said, view).direct(folded, one.envelope, table[1], server=server)

    def _claims(self, source: str, said: _Image, view: View) -> Claiming:
        return Claiming(self._claiming[source], view, said, self._taking_over)

    def _taking_over(self, visit: str, formerly: str, value: bytes) -> Placed:
        """A message for a visit which holds a record that another one held."""
        return Placed(self._partition_of(visit), visit.encode(), value, self._arrived(self._partition_of(formerly)))
