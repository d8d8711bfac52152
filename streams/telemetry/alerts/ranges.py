"""What Prometheus makes of the values of a time: rates of counters, slopes of gauges, quantiles of histograms. Pure.

The ways of computing are Prometheus's own (promql/functions.go, promql/quantile.go), so that an alert is decided alike.
"""

from collections.abc import Sequence
from itertools import pairwise

_FAR = 1.1
"""An end of the time is taken to be reached when it is not further from the next value than so many mean distances of values."""


def rate(run: Sequence[tuple[float, float]], begin: float, end: float) -> float | None:
    """How much a counter rose a second from `begin` to `end`; None of fewer than two values. A value below the one before it: the
    counter began anew at 0. What is missing at the ends is taken to go on alike, where it is near, and not below 0.
    """
    if len(run) < 2:
        return None
    (first_at, first), (last_at, last) = run[0], run[-1]
    rose = last - first + sum(before for (_, before), (_, after) in pairwise(run) if after < before)
    seen_s = last_at - first_at
    mean_s = seen_s / (len(run) - 1)
    to_first, to_last = first_at - begin, end - last_at
    if rose > 0 and first >= 0:
        to_first = min(to_first, seen_s * (first / rose))
    whole_s = seen_s
    for missing_s in (to_first, to_last):
        whole_s += missing_s if missing_s < mean_s * _FAR else mean_s / 2
    return rose * (whole_s / seen_s) / (end - begin)


def slope(run: Sequence[tuple[float, float]]) -> float:
    """How much the straight line through at least two values rises a second."""
    origin, count = run[0][0], len(run)
    xs, ys = [at - origin for at, _ in run], [value for _, value in run]
    sum_x, sum_y = sum(xs), sum(ys)
    covariance = sum(x * y for x, y in zip(xs, ys, strict=True)) - sum_x * sum_y / count
    return covariance / (sum(x * x for x in xs) - sum_x * sum_x / count)


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Where `share` of all is reached, by upper bounds in rising order and how much lies below each; the last bound is infinite.
    Not a number where nothing was counted.
    """
    total = buckets[-1][1]
    if len(buckets) < 2 or not total:
        return float("nan")
    rank = share * total
    index = next(place for place, (_, below) in enumerate(buckets) if below >= rank)
    if index == len(buckets) - 1:
        return buckets[-2][0]
    bound, below = buckets[index]
    start, before = (0.0, 0.0) if index == 0 else buckets[index - 1]
    return start + (bound - start) * ((rank - before) / (below - before))
