"""The mean of the last epochs' weights, for the selection rule ``average-last-N``.

Averaging the end of one trajectory, and measuring the batch statistics of the averaged network anew: Izmailov et
al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, section 3.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from timnet.records import TrainingConfig


class MeanWeights:
    """A running mean over the trainable weights of the last ``config.average`` epochs.

    ``values`` are float64, in the order of ``model.trainable_variables``; empty before the first of these epochs,
    and always where the configuration does not average.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self._first = config.epochs - config.average + 1 if config.select == "average" else None
        self.values: list[NDArray[np.float64]] = []

    def take(self, model: keras.Model, epoch: int) -> None:
        """Count the weights after ``epoch`` in, where it is one of the last."""
        if self._first is None or epoch < self._first:
            return
        weights = [np.asarray(variable, np.float64) for variable in model.trainable_variables]
        count = epoch - self._first + 1
        if count == 1:
            self.values = weights
        else:
            self.values = [mean + (new - mean) / count for mean, new in zip(self.values, weights, strict=True)]

    def assign(self, model: Any) -> None:
        """Give ``model`` the mean."""
        for variable, value in zip(model.trainable_variables, self.values, strict=True):
            variable.assign(value)
