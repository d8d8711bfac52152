"""What is told of the orders that others gave of the same thing at the same time."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import typer

from streams.topics.ordering import Settled

Order = TypeVar("Order")


def documents(settled: Settled[Order], document: Callable[[Order], Mapping[str, Any]]) -> dict[str, Any]:
    """Members of what `-o json` says of an order. document: of each."""
    return {"at_the_same_time": [dict(document(one)) for one in settled.beside], "counts": not settled.overtaken}


def lines(settled: Settled[Order], line: Callable[[Order], str]) -> Iterator[str]:
    """As a person reads it; none where nobody else ordered. line: of each."""
    for one in settled.beside:
        yield f"  at the same time: {line(one)}"
    if settled.overtaken:
        yield "  that came after yours, and counts: speak with each other"
    elif settled.beside:
        yield "  yours came last, and counts: speak with each other"


def demand_effect(settled: Settled[Order], same: Callable[[Order, Order], bool]) -> None:
    """Exit code 1 where another order came behind this one that says something else. same: whether two orders say the same."""
    if settled.overtaken and not same(settled.counts, settled.order):
        raise typer.Exit(1)
