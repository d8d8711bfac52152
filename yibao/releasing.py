"""End waits of the join by order: hand on the orders behind live traffic, and see that the join has answered them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from streams.broker_wiring import broker_access, client_options
from streams.domain.release import Release, release_value
from streams.mapping import Site
from streams.replay.pace import Pace
from streams.topics.broker import Broker
from streams.topics.writing import write_all
from yibao.moments import now_ms
from yibao.replaying.awaiting import await_answers

_PORTIONS_A_SECOND: Final = 2.0
_LOOK_EVERY_S: Final = 5.0
UNWRITTEN: Final = "it is not known whether the last orders were written; the same command goes on, and one twice does no harm"
AGAIN: Final = "each order stands for itself, and one twice does no harm: the same command goes on with what waits still"


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """One run."""

    site: Site
    """Whose rows wait."""
    pace: Pace
    """How fast it goes."""
    say: Callable[[str], None]
    """Told how far it is."""
    deadline_s: float
    """So long each stage is waited for."""

    def run(self, orders: Sequence[Release]) -> None:
        """Write the orders, and return when the join has answered all of them. Raises Refused where it does not in time."""
        portion, told_at = max(1, round(self.pace.rate_per_s / _PORTIONS_A_SECOND)), time.monotonic()
        for first in range(0, len(orders), portion):
            some = orders[first : first + portion]
            began = time.monotonic()
            self._write(some)
            if began - told_at >= _LOOK_EVERY_S:
                told_at = began
                self.say(f"{first + len(some)} of {len(orders)} ordered")
            if first + len(some) < len(orders):
                time.sleep(max(0.0, len(some) / self.pace.rate_per_s - (time.monotonic() - began)))
        with Broker(broker_access(self.site)) as broker:
            await_answers(self.site, broker, deadline_s=self.deadline_s, again=AGAIN)

    def _write(self, orders: Sequence[Release]) -> None:
        at = now_ms()
        for source in dict.fromkeys(one.source for one in orders):
            values = [release_value(one, at=at) for one in orders if one.source == source]
            write_all(client_options(self.site), self.site.topics.rows(source), values, otherwise=UNWRITTEN)
