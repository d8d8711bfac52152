"""How long a flow stood while something waited, by its receipts: what a fault costs those who wait for the platform."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from streams.deliver.receipt import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was accepted at once. Times are milliseconds since the epoch; committed: in the database, of each record."""

    partition: int
    at: int
    committed: tuple[int, ...]
    captured: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """for_ms: how long. from_ms: since when."""

    for_ms: int = 0
    from_ms: int = 0


def answers(receipts: Iterable[tuple[int, Receipt]], *, since_ms: int) -> list[Answer]:
    """By partition and receipt, of what was committed since then."""
    found = []
    for partition, receipt in receipts:
        lines = [line for line in receipt.records if line.committed_at >= since_ms]
        if lines:
            committed, captured = (tuple(line.committed_at for line in lines), tuple(line.captured_at for line in lines))
            found.append(Answer(partition=partition, at=receipt.answered_at, committed=committed, captured=captured))
    return found


def longest(answered: Iterable[Answer]) -> Stood:
    """The longest time in which nothing was accepted, although something waited that was accepted then or later. A pause of the
    hospital is none of the flow's.
    """
    ordered = sorted(answered, key=lambda one: one.at)
    first = [min(one.committed) for one in ordered]
    waiting = list(accumulate(reversed(first), min))[::-1]
    found = Stood()
    before = 0
    for one, since in zip(ordered, waiting, strict=True):
        begun = max(before, since)
        found = max(found, Stood(for_ms=one.at - begun, from_ms=begun), key=lambda stood: stood.for_ms)
        before = one.at
    return found


def told(answered: Sequence[Answer], *, since_ms: int) -> str:
    """The longest of all, that of one partition, the latest record and the latest capture, in words. since_ms: the beginning."""
    whole = longest(answered)
    parts = {number: longest(one for one in answered if one.partition == number) for number in {one.partition for one in answered}}
    which, alone = max(parts.items(), key=lambda item: item[1].for_ms, default=(0, Stood()))
    late = max((one.at - at for one in answered for at in one.committed), default=0)
    captured = max((to - at for one in answered for at, to in zip(one.committed, one.captured, strict=True)), default=0)
    beyond = sorted(round(one.for_ms / 1000) for one in parts.values())
    return (
        f"while something waited nothing was accepted for {_span(whole, since_ms)} at most, of partition {which} for "
        f"{_span(alone, since_ms)} (of each: {beyond} s); the latest record took {late / 1000:.1f} s, the latest capture "
        f"{captured / 1000:.1f} s"
    )


def _span(stood: Stood, since_ms: int) -> str:
    return f"{stood.for_ms / 1000:.1f} s from {(stood.from_ms - since_ms) / 1000:.0f} s on"
