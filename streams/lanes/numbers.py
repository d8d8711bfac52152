"""The numbers by which the join knows that nothing of its input is missing.

The place stage numbers what it writes into a partition of `visit.changes` by series: one series a source, begun anew when the
source's topic was made anew. Within a series no number is missing. Messages of capture itself, from before there was a place stage,
have none. Behind a numbered one, a message without a number is a stranger's.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from streams.domain.changes import Incoming
from streams.domain.series import number_of
from streams.lanes.buffer import Buffer, Clock

STRANGER: Final = "stranger"
"""First header, put there by the buffer, of a message that another program than the place stage wrote."""

FIRST: Final = 1
"""The first number of a series."""


class SeriesBuffer(Buffer[Incoming]):
    """Messages in the order of the partition, each with the number that its series wants next.

    wanted: by series, the number to take next. want: the lowest offset that can come next. strangers: messages without a number
    behind numbered ones; they are taken with the next numbered one.
    """

    def __init__(self, wanted: Mapping[str, int], *, offset: int, clock: Clock) -> None:
        super().__init__(offset, lambda incoming: incoming.offset, clock=clock)
        self.wanted = dict(wanted)
        self.strangers: list[Incoming] = []
        self._stopped_at: int | None = None

    def put(self, items: Iterable[Incoming]) -> None:
        """Take the messages that come next. From the message on that shows that one is missing nothing is taken, of no series, also
        when it comes with a later fetch: the offset that is committed with it would pass the missing one.
        """
        before, wanted = len(self._items), self.wanted
        for item in items:
            if item.offset < self.want:
                self.repeated += 1
                continue
            if self._stopped_at is not None and item.offset > self._stopped_at:
                break
            series, number = number_of(item)
            if not series and wanted:
                self.strangers.append(item)
            elif number == (wanted.get(series, FIRST) if series else self.want):
                self._take(item, series, number)
            else:
                self.hole_since = self._clock() if self.hole_since is None else self.hole_since
                self._stopped_at = item.offset
                break
        if len(self._items) != before:
            self._wake.set()

    def _take(self, item: Incoming, series: str, number: int) -> None:
        """The next message, and before it what a stranger wrote: that nothing is missing among those is known only now."""
        if series:
            self.wanted[series] = number + 1
        if self.strangers:
            for one in self.strangers:
                if self.want <= one.offset < item.offset:
                    self._items.append(one._replace(headers=((STRANGER, b""), *one.headers)))
                    self.want = one.offset + 1
            self.strangers.clear()
        self._items.append(item)
        self.want = item.offset + 1
        if self._stopped_at is not None and item.offset >= self._stopped_at:
            self._stopped_at = self.hole_since = None


def taken(wanted: Mapping[str, int], records: Sequence[Incoming]) -> dict[str, int]:
    """The numbers that each series wants behind these records."""
    found: dict[str, int] = {}
    seen: object = None
    for incoming in reversed(records):  # the last one of a series says it
        headers = incoming.headers
        if headers and headers[0] == seen:
            continue
        series, number = number_of(incoming)
        if series:
            found.setdefault(series, number + 1)
            seen = headers[0]
    return {**wanted, **found}
