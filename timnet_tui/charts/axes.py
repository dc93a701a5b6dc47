"""Round numbers for axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

#: below this share of their size, values differ by no more than their last digits do
LEAST_SPAN = 1e-9


def nice_step(span: float, ticks: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts ``span`` into at most ``ticks`` parts."""
    if span <= 0 or ticks < 1:
        return 1.0
    rough = span / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)), 10 * power)


def value_ticks(low: float, high: float, ticks: int) -> list[float]:
    """Round values from at or below ``low`` to at or above ``high``."""
    size = max(abs(low), abs(high))
    if high - low <= max(size * LEAST_SPAN, 1e-290):
        pad = size * 0.1 if size > 1e-280 else 0.1
        low, high = low - pad, high + pad
    step = nice_step(high - low, ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 3 - math.floor(math.log10(step)))
    return [round(number * step, digits) if digits < 300 else number * step for number in range(first, last + 1)]


def log_ticks(low: float, high: float, ticks: int) -> list[float]:
    """Values for a logarithmic axis that frame ``low`` to ``high``, both above 0: 1, 2, 5 or whole decades.

    Where there is no room for every decade, decades at equal distances.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high) + 1e-9)
    if last - first > 2 * ticks:
        step = -(-(last - first) // max(1, ticks))
        powers = [power for power in range(first, first + step * (ticks + 2), step) if power - step < last]
        return [10.0 ** min(power, 308) for power in powers]
    for factors in ((1, 2, 5), (1,)):
        grid = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
        start = max((i for i, value in enumerate(grid) if value <= low * (1 + 1e-9)), default=0)
        end = min((i for i, value in enumerate(grid) if value >= high * (1 - 1e-9)), default=len(grid) - 1)
        end = max(end, start + 1)
        if end - start <= ticks:
            return grid[start : end + 1]
    return [grid[start], grid[end]]


def epoch_ticks(last: int, ticks: int) -> list[int]:
    """Epochs to name below a chart that goes from 1 to ``last``: the first, round ones, and the last."""
    if last <= 1:
        return [1]
    step = max(1, round(nice_step(last, max(1, ticks))))
    inner = [epoch for epoch in range(step, last, step) if epoch > 1 and last - epoch >= step / 2]
    return [1, *inner, last]


def inner_ticks(low: float, high: float, ticks: int, *, whole: bool) -> list[float]:
    """Round values between ``low`` and ``high``; ``whole`` for what is counted. The low end where there is none."""
    step = nice_step(high - low, max(1, ticks))
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    found = [round(number * step, 9) for number in range(first, last + 1)]
    return [tick for tick in found if low <= tick <= high] or [low]


def count_label(value: float) -> str:
    """A whole number, short: ``250``, ``48k``, ``1.2M``."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (abs(value) >= size and letter == "M"):
            return f"{value / size:.4g}{letter}"
    return f"{value:g}"


def label(value: float, step: float) -> str:
    """``value`` with as many digits as a step of ``step`` needs."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e5):
        digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9)
        return f"{value:.{min(9, max(0, digits))}e}"
    return f"{value:.{min(12, max(0, -math.floor(math.log10(step) + 1e-9)))}f}"


def labels(values: Iterable[float], *, log: bool) -> list[str]:
    """Labels of equal width for the ticks of a vertical axis."""
    values = list(values)
    steps = [after - before for before, after in pairwise(values) if after > before] or [1.0]
    named = [label(value, 10.0 ** math.floor(math.log10(value)) if log else min(steps)) for value in values]
    width = max(map(len, named), default=0)
    return [name.rjust(width) for name in named]
