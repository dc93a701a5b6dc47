"""The corpora that are measured, as shapes: the numbers in them are random, which costs the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 64
COEFFICIENTS = 39


@dataclass(frozen=True, slots=True)
class Shape:
    """A corpus's training rows and test rows in one of its ten folds, its frames, classes, and the network's TABs."""

    name: str
    frames: int
    classes: int
    tabs: int
    train: int
    test: int

    def arrays(
        self, train: int | None = None, test: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Features ``[train + test, frames, 39]`` and labels, the test rows last; by default as many as a fold has."""
        import numpy as np

        generator = np.random.default_rng(1)
        rows = (train or self.train) + (test or self.test)
        features = generator.standard_normal((rows, self.frames, COEFFICIENTS), np.float32)
        return features, generator.integers(0, self.classes, rows)


SHAPES = {
    "EMODB": Shape("EMODB", 188, 7, 8, 482, 53),
    "SAVEE": Shape("SAVEE", 254, 7, 8, 432, 48),
    "IEMOCAP": Shape("IEMOCAP", 606, 4, 10, 4978, 553),
}
