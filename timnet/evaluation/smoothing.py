"""Smoothing of curves: the debiased exponential moving average, defined here once for screens, sorting and export.

With a weight ``w`` the smoothed value of the n-th value there is

    m(n) = (x(n) + w x(n-1) + w^2 x(n-2) + ...) / (1 + w + w^2 + ...),

a mean whose weights sum to 1 from the first value on. That is the moving average ``s(n) = w s(n-1) + (1 - w) x(n)``
from ``s(0) = 0``, divided by ``1 - w^n`` to take out the pull towards 0 (the correction of Kingma and Ba, ICLR 2015,
section 3). It is computed in the form ``m(n) = m(n-1) + a (x(n) - m(n-1))`` with ``a = (1 - w) / (1 - w^n)``, in which
nothing can overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from timnet.errors import BadInput

HIGHEST = 0.99


def smooth(values: Iterable[float | None], weight: float) -> list[float | None]:
    """The values, each replaced by the mean of itself and those before it; ``weight`` is 0 (none) to 0.99.

    One value stands for one epoch. None, and what is not finite, is a gap: it stays None and the average goes on
    after it as if it had not been there. Raises :class:`BadInput` for a weight out of its range.
    """
    if not 0 <= weight <= HIGHEST:
        raise BadInput(f"smoothing of {weight:g} is out of range; it goes from 0 (none) to {HIGHEST}")
    smoothed: list[float | None] = []
    mean, remains = 0.0, 1.0
    for value in values:
        if value is None or not math.isfinite(value):
            smoothed.append(None)
            continue
        remains *= weight
        share = (1 - weight) / (1 - remains)
        mean = mean * (1 - share) + share * value
        smoothed.append(mean)
    return smoothed
