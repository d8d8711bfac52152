"""Ask again and again how far behind the stages are."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from streams.broker_wiring import client_options
from streams.mapping import Site
from streams.topics.ahead import Lookahead
from streams.topics.broker import Broker
from yibao.lag.aged import aged
from yibao.lag.counted import Lag, counted, paced
from yibao.lag.marks import StageMarks, stage_marks

OVER_S: Final = 10.0
"""Over so long the pace is taken, where there were as many looks: stages commit by portions, and rest between two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One look."""

    marks: StageMarks
    lags: Sequence[Lag]
    """Of each partition of each stage, in the order of the data."""


class Measuring:
    """Looks at a site's stages; from the second look on with what they take a second. Raises Unreachable, Refused.

    broker: open for as long as this is used.
    """

    def __init__(self, site: Site, broker: Broker) -> None:
        self._site = site
        self._broker = broker
        self._ahead: Lookahead | None = None
        self._before: deque[Measured] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        if self._ahead is not None:
            self._ahead.__exit__(kind, exc, trace)

    def look(self) -> Measured:
        """How far they are now. A topic is read only where something waits."""
        site = self._site
        marks = stage_marks(site, self._broker)
        lags = counted(marks, site.topics)
        if any(lag.waiting for lag in lags):
            self._ahead = self._ahead or Lookahead(client_options(site))
            lags = aged(lags, marks, site.topics, self._ahead)
        before = self._before
        while len(before) > 1 and marks.clock_s - before[1].marks.clock_s >= OVER_S:
            before.popleft()
        if before:
            lags = paced(before[0].lags, lags, elapsed_s=marks.clock_s - before[0].marks.clock_s)
        found = Measured(marks=marks, lags=lags)
        before.append(found)
        return found
