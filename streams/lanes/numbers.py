"""The numbers by which the join knows that nothing of its input is missing.

The place stage numbers what it writes into a partition of `visit.changes` by series: one series a source, begun anew when the
source's topic was made anew. Within a series no number is missing. Messages of capture itself, from before there was a place stage,
have none; none of them may stand behind a numbered one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from streams.domain.changes import Incoming
from streams.errors import Fatal
from streams.lanes.buffer import Buffer, Clock
from streams.lanes.exits import Exit

FROM: Final = "from"
"""Header with the series."""

NUMBER: Final = "seq"
"""Header with the number in its series."""

FIRST: Final = 1
"""The first number of a series."""


class SeriesBuffer(Buffer[Incoming]):
    """Messages in the order of the partition, each with the number that its series wants next.

    wanted: by series, the number to take next. want: of the messages without numbers, the offset to take next.
    """

    def __init__(self, wanted: Mapping[str, int], *, offset: int, clock: Clock) -> None:
        super().__init__(offset, lambda incoming: incoming.offset, clock=clock)
        self.wanted = dict(wanted)

    def put(self, items: Iterable[Incoming]) -> None:
        """Take the messages that come next. Behind one that is missing nothing is taken, of no series: the offset that is committed
        with it would pass the missing one.
        """
        taken, wanted = 0, self.wanted
        for item in items:
            if item.offset < self.want:
                self.repeated += 1
                continue
            series, number = number_of(item)
            expected = wanted.get(series, FIRST) if series else self._unnumbered(item)
            if number != expected:
                self.hole_since = self._clock() if self.hole_since is None else self.hole_since
                break
            if series:
                wanted[series] = number + 1
            self.hole_since = None
            self._items.append(item)
            self.want = item.offset + 1
            taken += 1
        if taken:
            self._wake.set()

    def _unnumbered(self, item: Incoming) -> int:
        if self.wanted:
            raise Fatal(
                f"{item.topic}-{item.partition} offset {item.offset} has no number, and others before it have: another program "
                "than the place stage writes to this topic. Where it is a connector: `yibao connector apply`",
                exit_code=Exit.LANE,
            )
        return self.want


def number_of(incoming: Incoming) -> tuple[str, int]:
    """Series and number of a message of `visit.changes`; `""` and its offset where it has none."""
    headers = incoming.headers
    if len(headers) < 2 or headers[0][0] != FROM or headers[1][0] != NUMBER:
        return "", incoming.offset
    return (headers[0][1] or b"").decode(), int(headers[1][1] or b"-1")


def taken(wanted: Mapping[str, int], records: Sequence[Incoming]) -> dict[str, int]:
    """The numbers that each series wants behind these records."""
    found = dict(wanted)
    for incoming in records:
        series, number = number_of(incoming)
        if series:
            found[series] = number + 1
    return found
