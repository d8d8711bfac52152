"""What workers served, look by look: vectors of samples, and how far back they are kept. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final

Labels = frozenset[tuple[str, str]]
"""Names and values."""
Vector = Mapping[Labels, float]
"""The values of one moment."""

INSTANCE: Final = "instance"
"""The label that tells workers apart; in what an alert says it never stands."""


def without(labels: Labels, *names: str) -> Labels:
    """Labels without these."""
    return frozenset(one for one in labels if one[0] not in names)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    """Of the labels these."""
    wanted = set(names)
    return frozenset(one for one in labels if one[0] in wanted)


class History:
    """The looks of the last time, in their order. What a look does not hold was not there any more: an address that did not answer
    has no samples.

    kept_s: looks that are older are forgotten. lookback_s: an older look says nothing about a moment.
    """

    def __init__(self, *, kept_s: float, lookback_s: float = 300.0) -> None:
        self._kept_s = kept_s
        self._lookback_s = lookback_s
        self._times: list[float] = []
        self._looks: list[Mapping[str, Vector]] = []

    def add(self, at: float, look: Mapping[str, Vector]) -> None:
        """Take one look. at: seconds since the epoch, later than all before. look: samples by the name of their series."""
        self._times.append(at)
        self._looks.append(look)
        gone = bisect_right(self._times, at - self._kept_s - self._lookback_s)
        del self._times[:gone], self._looks[:gone]

    def at(self, name: str, at: float) -> Vector:
        """The samples of a series as they were at a moment."""
        index = bisect_right(self._times, at) - 1
        if index < 0 or at - self._times[index] > self._lookback_s:
            return {}
        return self._looks[index].get(name, {})

    def over(self, name: str, begin: float, end: float) -> Mapping[Labels, list[tuple[float, float]]]:
        """By labels, moments and values of a series in a time, both ends in it."""
        found: dict[Labels, list[tuple[float, float]]] = {}
        for at, look in zip(self._times, self._looks, strict=True):
            if begin <= at <= end:
                for labels, value in look.get(name, {}).items():
                    found.setdefault(labels, []).append((at, value))
        return found
