"""Round numbers for axes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise


def nice_step(span: float, ticks: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts ``span`` into at most ``ticks`` parts."""
    if span <= 0 or ticks < 1:
        return 1.0
    rough = span / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)), 10 * power)


def value_ticks(low: float, high: float, ticks: int) -> list[float]:
    """Round values from at or below ``low`` to at or above ``high``."""
    if high <= low:
        pad = abs(low) * 0.1 or 0.1
        low, high = low - pad, high + pad
    step = nice_step(high - low, ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def log_ticks(low: float, high: float, ticks: int) -> list[float]:
    """Values for a logarithmic axis that frame ``low`` to ``high``, both above 0: 1, 2, 5 or whole decades."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high) + 1e-9)
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


def label(value: float, step: float) -> str:
    """``value`` with as many digits as a step of ``step`` needs."""
    if value and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.0e}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def labels(values: Iterable[float], *, log: bool) -> list[str]:
    """Labels of equal width for the ticks of a vertical axis."""
    values = list(values)
    steps = [after - before for before, after in pairwise(values)] or [1.0]
    named = [label(value, 10.0 ** math.floor(math.log10(value)) if log else min(steps)) for value in values]
    width = max(map(len, named), default=0)
    return [name.rjust(width) for name in named]
