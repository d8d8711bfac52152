"""What a worker may send of what all workers of the deliver stage may send together. Pure.

A worker has the share of the partitions that it works on: the shares of all are the whole, however many workers there are, and a
partition that changes hands takes its share along. At least one request at a time stays to each, or a worker would stand.
"""

from collections.abc import Mapping
from dataclasses import replace

from streams.deliver.limits import LimitSettings, OwnLimits
from streams.topics.steering import LimitOrder


def shared(settings: LimitSettings, orders: Mapping[str, LimitOrder], *, held: int, of: int) -> LimitSettings:
    """The limits of a process. settings: where nobody ordered others, for each process. orders: by institution; `""`: of all. held:
    how many partitions it works on. of: how many there are.
    """
    if not orders:
        return settings
    share, whole = max(held, 1) / of, orders.get("")
    own = {
        name: OwnLimits(
            in_flight=_places(order.in_flight, share),
            rate_per_s=_rate(order.requests_per_s, share),
            records_per_s=_rate(order.records_per_s, share),
        )
        for name, order in orders.items()
        if name and order.limits
    }
    found = replace(settings, own=own)
    if whole is None or not whole.limits:
        return found
    rate_per_s = settings.rate_per_s if whole.requests_per_s is None else _rate(whole.requests_per_s, share)
    return replace(
        found,
        in_flight=_places(whole.in_flight, share) or settings.in_flight,
        rate_per_s=rate_per_s,
        records_per_s=_rate(whole.records_per_s, share),
        burst=settings.burst if whole.requests_per_s is None else max(1, min(settings.burst, int(rate_per_s or 1))),
    )


def _places(amount: int | None, share: float) -> int | None:
    return None if amount is None else max(1, int(amount * share))


def _rate(amount: float | None, share: float) -> float | None:
    return None if amount is None else amount * share
