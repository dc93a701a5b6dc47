"""Some utterances' features, read a batch at a time from where they lie: the cache's file, mapped.

So a run holds no copy of its rows. What it reads are pages of the file, which the kernel keeps once for all runs that
read it, and may drop where memory is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """The ``places``, int64 ``[n]``, of ``features``, float32 ``[utterances, frames, coefficients]``, in that order."""

    features: NDArray[np.float32]
    places: NDArray[np.int64]

    @classmethod
    def all_of(cls, features: NDArray[np.float32]) -> Self:
        """Every row of ``features``."""
        return cls(features, np.arange(len(features)))

    def __len__(self) -> int:
        return len(self.places)

    def take(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """A copy of those that stand at ``which`` in :attr:`places`: ``[len(which), frames, coefficients]``."""
        return np.asarray(self.features[self.places[which]])

    def batches(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Copies of all of them in their order, ``size`` at a time; the last may be shorter."""
        for start in range(0, len(self), size):
            yield np.asarray(self.features[self.places[start : start + size]])
