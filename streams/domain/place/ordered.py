"""What comes of orders to read rows again, and of the rows that come after one (`streams.domain.place.awaited`)."""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import TypeAlias

from connector.contract import Op
from streams.domain.changes import Incoming
from streams.domain.place.awaited import Awaited
from streams.domain.place.going import Going
from streams.domain.place.placed import UNPLACED, Folded, Placed, unplaced
from streams.domain.recapture import RECAPTURE, RECAPTURED, Recapture, ended_value, recapture_in
from streams.errors import Rejected

_Image: TypeAlias = Mapping[str, object]


def asks(incoming: Incoming, envelope: _Image, going: Going) -> Folded:
    """An order came: its row is awaited from now on."""
    awaited = Awaited() if going.awaited is None else going.awaited
    try:
        awaited.asks(recapture_in(envelope))
    except Rejected:
        return unplaced(incoming, going)
    return noted(Folded((), RECAPTURE, going), awaited)


def ends(incoming: Incoming, envelope: _Image, going: Going, partition_of: Callable[[str], int]) -> Folded:
    """A reading is over: where nothing came of the row, each lane that told of it hears that it is not there."""
    try:
        read = recapture_in(envelope)
    except Rejected:
        return unplaced(incoming, going)
    if going.awaited is None:
        return Folded((), RECAPTURED, going)
    order = going.awaited.ends(read)
    gone = () if order is None else tuple(_not_there(read._replace(letters=order.letters), incoming, partition_of))
    return noted(Folded(gone, RECAPTURED, going), going.awaited)


def along(folded: Folded, incoming: Incoming, envelope: _Image, table: str, awaited: Awaited) -> Folded:
    """What comes of a row, with its order, where it has one."""
    key = awaited.key_of(table, envelope)
    if key is not None and folded.outcome != "repeated":
        row, read = envelope.get("before" if envelope.get("op") == Op.DELETE else "after"), envelope.get("op") == Op.READ
        assert isinstance(row, dict)
        placed = []
        for one in folded.placed:
            said = awaited.goes(table, row, read=read) if one.value is incoming.value else ()
            placed.append(one._replace(headers=(*said, *one.headers)) if said else one)
        awaited.came(table, key)
        folded = folded._replace(placed=tuple(placed))
    return noted(folded, awaited)


def noted(folded: Folded, awaited: Awaited) -> Folded:
    """With the entries that changed."""
    changed = awaited.take_changes()
    going = folded.going._replace(awaited=awaited or None)
    return folded._replace(going=going, state={**folded.state, **changed} if changed else folded.state)


def _not_there(read: Recapture, incoming: Incoming, partition_of: Callable[[str], int]) -> Iterable[Placed]:
    letters = sorted((one for one in read.letters if one.own), key=lambda one: one.visit)
    for visit, own in groupby(letters, key=lambda one: one.visit):
        value = ended_value(read._replace(letters=tuple(own)), at=incoming.timestamp_ms)
        yield Placed(partition_of(visit) if visit else UNPLACED, visit.encode() or None, value)
