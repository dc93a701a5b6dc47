"""Mean and spread over folds. A mean never stands without the number of values it is over."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """``n`` values: their mean (None for n = 0) and sample standard deviation.

    The latter is None for n < 2, and for values so far apart that a float cannot hold their squares.
    """

    n: int
    mean: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class FoldScores:
    """The scores of an experiment over its finished folds, as fractions."""

    uar: Summary
    war: Summary


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One epoch of a mean curve, over the ``n`` folds that have a value there; ``sd`` as in :class:`Summary`."""

    epoch: int
    mean: float
    sd: float | None
    n: int


def summarise(values: Iterable[float | None]) -> Summary:
    """Mean and sample standard deviation (n - 1 in the denominator) of the values there are.

    None and what is not finite count as no value: ``n`` says how many were left.
    """
    found = [value for value in values if value is not None and math.isfinite(value)]
    n = len(found)
    if n == 0:
        return Summary(0, None, None)
    try:
        mean = math.fsum(found) / n
        if n == 1:
            return Summary(1, mean, None)
        return Summary(n, mean, math.sqrt(math.fsum((value - mean) ** 2 for value in found) / (n - 1)))
    except OverflowError:  # no score or loss is near it, but others may have written into the registry
        return Summary(n, math.fsum(value / n for value in found), None)


def fold_scores(scores: Iterable[tuple[float | None, float | None]]) -> FoldScores:
    """Summarise the ``(uar, war)`` of each fold; a fold without a score is not counted."""
    pairs = list(scores)
    return FoldScores(summarise(uar for uar, _ in pairs), summarise(war for _, war in pairs))


def mean_curve(series: Sequence[Sequence[float | None]]) -> list[CurvePoint]:
    """The mean over folds for each epoch; ``series[fold][epoch - 1]`` is a fold's value, None for none.

    Folds may differ in length (early stopping, a run still going), so ``n`` can change from epoch to
    epoch, and where it does the mean is over other folds than before. Epochs without a value are left out.
    """
    points = []
    for place in range(max(map(len, series), default=0)):
        summary = summarise(values[place] for values in series if place < len(values))
        if summary.mean is not None:
            points.append(CurvePoint(place + 1, summary.mean, summary.sd, summary.n))
    return points
