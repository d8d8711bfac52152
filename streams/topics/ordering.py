"""An order among those that others give at the same time: whoever comes second builds on the first, and hears of it.

Nobody keeps others out: the log has one order, and whoever wrote reads what came before. Where that is not what the order was made
of, it is made again; so of what two persons set at once nothing is lost, and neither works on without the other's word.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from streams.errors import Unreachable
from streams.topics.control import Controls
from streams.topics.steering import Orders

_TRIES: Final = 20
"""Others that may come first, one after the other, before one gives up."""

Order = TypeVar("Order")
Written_contra = TypeVar("Written_contra", contravariant=True)


class OrderLog(Protocol[Written_contra]):
    """`visit.control`, as far as orders of one kind go."""

    def read(self) -> Iterable[tuple[int, bytes | None]]:
        """Offset and value of every message. Raises Unreachable."""

    def write(self, order: Written_contra) -> int:
        """Append it, and return its offset. Raises Unreachable where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled(Generic[Order]):
    """What became of an order."""

    before: Order | None
    """The order of the same thing whose place it took; None where there was none."""
    order: Order
    """As it was written."""
    beside: tuple[Order, ...]
    """What others ordered of the same thing between the first look and the last one, the earliest first."""
    counts: Order
    """The last of all of them."""

    @property
    def overtaken(self) -> bool:
        """Whether another one's order came behind it."""
        return self.counts is not self.order


def settle(
    log: OrderLog[Order],
    *,
    pick: Callable[[Orders], Order | None],
    make: Callable[[Order | None], Order | None],
    note: Callable[[Order], None],
    upon: Callable[[Order | None, Order], Order] = lambda _before, order: order,
) -> Settled[Order] | None:
    """Order something. None, and nothing is written, where there is nothing to order.

    pick: of what was ordered, the order of the same thing. make: the new order, of the last one; None for none. note: is told of
    each before it is written, and may raise. upon: what stands after two orders, one behind the other. Raises Unreachable, Newer,
    Fatal.
    """
    seen = _ordered(log, pick)
    known, before = _place(seen), _standing(seen, upon)
    order = make(before)
    if order is None:
        return None
    own: set[int] = set()
    for _ in range(_TRIES):
        note(order)
        offset = log.write(order)
        own.add(offset)
        others = [(at, one) for at, one in _ordered(log, pick) if at not in own]
        earlier = _standing([(at, one) for at, one in others if at < offset], upon)
        again = order if earlier == before else make(earlier)
        before = earlier
        if again is None or again == order:
            beside = tuple(one for at, one in others if at > known)
            return Settled(before=before, order=order, beside=beside, counts=others[-1][1] if _place(others) > offset else order)
        order = again
    raise Unreachable(f"others gave orders of the same thing at the same time, {_TRIES} times; look what stands now, and try again")


def _ordered(log: OrderLog[Order], pick: Callable[[Orders], Order | None]) -> list[tuple[int, Order]]:
    found = []
    for offset, value in log.read():
        one = Controls()
        one.take([value])
        if (order := pick(one.orders)) is not None:
            found.append((offset, order))
    return found


def _standing(orders: Sequence[tuple[int, Order]], upon: Callable[[Order | None, Order], Order]) -> Order | None:
    standing = None
    for _at, order in orders:
        standing = upon(standing, order)
    return standing


def _place(orders: Sequence[tuple[int, Order]]) -> int:
    return orders[-1][0] if orders else -1
