"""Network weights on disk: one ``.npz`` without pickle, keyed by the variable's name in ``network.py``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from timnet.arrays import MOST_BYTES, arrays_of
from timnet.bounded import read_bounded
from timnet.errors import BadInput, WeightsError
from timnet.files import replacing


def save_weights(model: keras.Model, path: Path, instead: Mapping[str, NDArray[np.float32]] | None = None) -> None:
    """Write the model's weights (float32 arrays) to ``path``, whole or not at all.

    ``instead`` has, by name, what is to be written in place of the model's own.
    """
    with replacing(path) as stream:
        arrays: dict[str, Any] = {weight.name: np.asarray(weight) for weight in model.weights}
        np.savez(stream, **{**arrays, **(instead or {})})


def load_weights(model: keras.Model, path: Path) -> None:
    """Read weights that :func:`save_weights` wrote into ``model``.

    Raises :class:`WeightsError` when the file is broken or of another network shape; the model is then unchanged.
    """
    try:
        found = arrays_of(read_bounded(path, MOST_BYTES), one=False)
    except (BadInput, OSError) as error:
        raise WeightsError(f"cannot read the weights in {path}: {error}") from error
    for weight in model.weights:
        if weight.name not in found or found[weight.name].shape != tuple(weight.shape):
            raise WeightsError(
                f"{path} holds weights of another network: {weight.name} is missing or has another shape"
            )
    for weight in model.weights:
        weight.assign(found[weight.name])
