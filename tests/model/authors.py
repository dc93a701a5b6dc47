"""Weights in the authors' file format, made up: what ``TIM-Net_SER`` saves with legacy Keras, one HDF5 file a fold."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, dict[str, NDArray[np.float32]]]


def layers(
    *, classes: int = 7, tabs: int = 8, filters: int = 39, first_number: int = 0, seed: int = 0, kernel: int = 2
) -> Arrays:
    """One fold's layers by name; ``first_number`` is where Keras had got to with its counting."""
    generator = np.random.default_rng(seed)

    def random(*shape: int) -> NDArray[np.float32]:
        return generator.uniform(0.1, 0.3, shape).astype(np.float32)

    def name(kind: str, place: int) -> str:
        number = first_number + place
        return f"{kind}_{number}" if number else kind

    found: Arrays = {}
    for place in range(2 + 4 * tabs):
        taps = 1 if place < 2 else kernel
        found[name("conv1d", place)] = {"kernel:0": random(taps, filters, filters), "bias:0": random(filters)}
    for place in range(4 * tabs):
        parts = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
        found[name("batch_normalization", place)] = {part: random(filters) for part in parts}
    found[name("weight_layer", 0)] = {"kernel:0": random(tabs, 1)}
    found[name("dense", 0)] = {"kernel:0": random(filters, classes), "bias:0": random(classes)}
    return found


def hdf5(
    arrays: Mapping[str, Mapping[str, NDArray[np.float32]]],
    *,
    nested: bool = False,
    change: Callable[[h5py.Group], object] | None = None,
) -> bytes:
    """The bytes of a fold's file; ``change`` may spoil it, ``nested`` is how a whole saved model looks."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        root = file.create_group("model_weights") if nested else file
        for layer in ("activation", "spatial_dropout1d_3", "lambda"):  # layers without weights have empty groups
            root.create_group(layer)
        for layer, parts in arrays.items():
            for part, array in parts.items():
                root.create_dataset(f"{layer}/{layer}/{part}", data=array)
        if change is not None:
            change(root)
    return stream.getvalue()


def file_name(fold: int, folds: int) -> str:
    return f"{folds}-fold_weights_best_{fold}.hdf5"


def write_zip(path: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def folds_of(count: int, **shape: int) -> dict[str, bytes]:
    """The members of a whole zip of ``count`` folds, each with other weights and other layer numbers."""
    return {
        f"EMODB_46/{file_name(fold, count)}": hdf5(layers(seed=fold, first_number=fold * 40, **shape))
        for fold in range(1, count + 1)
    }
