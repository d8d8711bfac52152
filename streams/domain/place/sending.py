"""The messages for visits that rows under headers, and headers, lead to."""

from collections.abc import Callable, Iterator, Sequence

from streams.domain.changes import DOUBTED, Incoming
from streams.domain.place.awaited import Awaited
from streams.domain.place.claiming import Claiming
from streams.domain.place.placed import UNPLACED, Out, Placed, bytes_of
from streams.domain.records import Header


def sent(  # noqa: PLR0913 - what a message is made of
    outs: Sequence[Out],
    incoming: Incoming,
    claims: Claiming | None,
    awaited: Awaited | None,
    *,
    partition_of: Callable[[str], int],
    arrived: Callable[[int], tuple[Header, ...]],
) -> Iterator[Placed]:
    """In their order, and behind them those for the rows that are freed. arrived: headers of a row that left a partition."""
    said, freed = ([], ()) if claims is None else claims.linked(outs)
    for number, (visit, value, left, doubted, row) in enumerate(outs):
        if value is None:
            yield Placed(UNPLACED, incoming.key, incoming.value)
        else:
            headers = arrived(partition_of(left)) if left is not None else ((DOUBTED, b"1"),) if doubted else ()
            more = said[number] if said else ()
            if awaited is not None and row is not None and not row.moves:
                more = (*awaited.goes(row.table, row.columns, read=row.is_read), *more)
            yield Placed(UNPLACED if visit is None else partition_of(visit), bytes_of(visit), value, (*more, *headers))
    yield from freed
