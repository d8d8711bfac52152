"""What lets requests wait of a platform that takes what it gets: its own 429, or a limit of ours. Pure."""

from collections.abc import Iterable

from streams.spec.masking import mask_text
from streams.topics.steering import LimitOrder


def throttled_by(orders: Iterable[LimitOrder], name: str, *, heard: str, late: bool) -> str:
    """In words; `""` where nothing does. name: of an institution; `""`: of the platform as a whole. heard: what workers say of it.
    late: whether what waits is late, so that a limit is the reason although nobody here heard a worker say so.
    """
    ordered = "; ".join(_said(one) for one in orders if one.institution == name and one.limits)
    if not heard and not (late and ordered):
        return ""
    return "; ".join(filter(None, (heard, ordered)))


def _said(order: LimitOrder) -> str:
    amounts = (
        (order.requests_per_s, "requests a second"),
        (order.records_per_s, "records a second"),
        (order.in_flight, "requests under way"),
    )
    most = ", ".join(f"{amount:g} {unit}" for amount, unit in amounts if amount is not None)
    return f"{order.by} set it to {most} at {order.at}: {mask_text(order.why)}"
