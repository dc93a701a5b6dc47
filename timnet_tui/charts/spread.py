"""Means over folds with their spread. Each point is over the folds that have a value there, and says how many."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from timnet.evaluation.summary import summarise
from timnet_tui.charts.model import Band, BandKind
from timnet_tui.charts.student import quantile_975

Values = Sequence[float | None]
Averaged = tuple[tuple[float | None, ...], Band]


def average(folds: Sequence[Values], kind: BandKind) -> Averaged:
    """The mean of values that stand at the same x in every fold (``folds[fold][place]``), and its band.

    A fold that has ended before counts no more: ``n`` falls there, and the mean is over other folds than before.
    """
    points = [_point(values, kind) for values in zip(*folds, strict=True)]
    means = tuple(mean for mean, _, _, _ in points)
    lower, upper = tuple(low for _, low, _, _ in points), tuple(high for _, _, high, _ in points)
    return means, Band(kind, lower, upper, tuple(n for _, _, _, n in points))


def _point(values: Iterable[float | None], kind: BandKind) -> tuple[float | None, float | None, float | None, int]:
    found = [value for value in values if value is not None and math.isfinite(value)]
    summary = summarise(found)
    mean, sd, n = summary.mean, summary.sd, summary.n
    if mean is None or n < 2 or kind is BandKind.NONE:
        return mean, None, None, n
    if kind is BandKind.RANGE:
        return mean, min(found), max(found), n
    if sd is None or not math.isfinite(sd):
        return mean, None, None, n
    half = sd * _factor(kind, n)
    return mean, mean - half, mean + half, n


def _factor(kind: BandKind, n: int) -> float:
    """How many standard deviations a band reaches to either side of a mean of ``n``."""
    if kind is BandKind.SD:
        return 1.0
    error = 1 / math.sqrt(n)
    return error if kind is BandKind.SE else error * quantile_975(n - 1)


def grid(lines: Sequence[Sequence[float]], points: int) -> tuple[float, ...]:
    """``points`` evenly spaced x from the first to the last of all lines, for lines that share none."""
    first, last = min(line[0] for line in lines), max(line[-1] for line in lines)
    if points < 2 or last <= first:
        return (first,)
    step = (last - first) / (points - 1)
    return (*(first + place * step for place in range(points - 1)), last)


def at_each(wanted: Sequence[float], x: Sequence[float], y: Values) -> tuple[float | None, ...]:
    """The line's value at each wanted x, interpolated linearly between the two points round it.

    None outside the line and where one of the two has no value: nothing is made up beyond what was measured.
    """
    return tuple(_at(place, x, y) for place in wanted)


def _at(wanted: float, x: Sequence[float], y: Values) -> float | None:
    after = bisect_left(x, wanted)
    if after == len(x):
        return None
    right = y[after]
    if x[after] == wanted or after == 0:
        return right if x[after] == wanted else None
    left = y[after - 1]
    if left is None or right is None:
        return None
    share = (wanted - x[after - 1]) / (x[after] - x[after - 1])
    return left * (1 - share) + right * share
