"""Standardised features: each coefficient with the mean 0 of a fold's training rows, and of a size near 1.

The published network reads MFCCs as they are, c0 near -370 with a spread of 180 on EMODB and the last coefficients
near 0 with one of 5; an optimiser that treats all weights alike then takes most of its epochs to make up for
it. With ``training`` each coefficient gets the standard deviation 1. That makes the last ones as loud as the first,
which helped on speakers that training had heard and hurt on others (docs/results.md). With ``centred`` all are divided
by one number and keep their proportions, as the published network has them. Either is linear, and so is the stem: in
the end the one goes into the other, and the weights that are kept read plain features like any others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timnet.training.rows import Rows

MEASURED_AT_ONCE = 64
"""Rows that are looked at together; in float64 they take twice the memory."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What is taken from each coefficient and what it is then divided by, float64 ``[coefficients]`` each."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Rows, *, alike: bool = False) -> Standard:
        """Mean and standard deviation over all frames of ``rows``, in two passes; what never varies keeps its size.

        ``alike``: one number for all, the root mean square of their standard deviations.
        """
        count = len(rows) * rows.features.shape[1]
        mean = sum(one.sum((0, 1), np.float64) for one in rows.batches(MEASURED_AT_ONCE)) / count
        square = sum(np.square(one - mean).sum((0, 1)) for one in rows.batches(MEASURED_AT_ONCE))
        sd = np.sqrt(square / count)
        if alike:
            sd = np.full_like(sd, np.sqrt(np.square(sd).mean()))
        return cls(mean, np.where(sd > 0, sd, 1.0))

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """``features`` standardised, of the same shape."""
        mean, factor = self.mean.astype(np.float32), (1 / self.sd).astype(np.float32)
        result: NDArray[np.float32] = features - mean
        result *= factor
        return result

    def plain_stem(
        self, kernel: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The stem that answers to plain features as this one does to standardised ones.

        ``kernel``: ``[directions, filters, coefficients]``; ``bias``: ``[directions, filters]``:
        ``k (x - m) / s + b = (k / s) x + (b - (k / s) m)``.
        """
        plain = kernel.astype(np.float64) / self.sd
        return plain.astype(np.float32), (bias - plain @ self.mean).astype(np.float32)
