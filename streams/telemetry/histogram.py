"""How often how much: counts by upper bounds. One comparison tree and two additions a value, no lock: one thread writes."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """bounds: upper bounds in rising order; what is above them all is counted, too."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value. Clocks that differ make negative ones: they count as 0."""
        value = max(value, 0.0)
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def total(self) -> float:
        """The sum of all values."""
        return self._sum

    def buckets(self) -> list[tuple[str, float]]:
        """How many values are at most so much, by the bound as Prometheus writes it."""
        names = [*(f"{bound}" for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(tuple(self._counts))), strict=True))
