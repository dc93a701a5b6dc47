"""The authors' published weights: legacy Keras ``.hdf5`` files, one a fold, in a zip or a folder.

Every byte is foreign. Nothing is extracted to disk or deserialised: datasets are read by shape into our
own network, and only after the shape was compared. Layers are mapped by the order of their creation
(the number behind the layer's name), because the names themselves differ from fold to fold.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from timnet.bounded import read_bounded
from timnet.errors import WeightsError
from timnet.text import clean

if TYPE_CHECKING:
    import h5py

    from timnet.model.network import TimNet

MAX_FILE_BYTES = 64 * 2**20
MAX_BYTES = 2**30
MAX_FOLDS = 1000
MAX_LAYERS = 10_000
MAX_ARRAY = 10**6
MAX_NUMBERS = 10**7
"""Numbers in one file; the largest published network has about 200 000."""
_FOLD_FILE = re.compile(r"(?P<folds>\d{1,4})-fold_weights_best_(?P<fold>\d{1,4})\.(?:hdf5|h5)")
_NUMBERED = re.compile(r"(?P<kind>conv1d|batch_normalization|weight_layer|dense)(?:_(?P<number>\d+))?$")
_PARTS = {
    "conv1d": ("kernel:0", "bias:0"),
    "batch_normalization": ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0"),
    "weight_layer": ("kernel:0",),
    "dense": ("kernel:0", "bias:0"),
}


@dataclass(frozen=True, slots=True)
class FoldWeights:
    """One fold's weights: for each layer kind, layers in order of creation, each a tuple of float32 arrays."""

    fold: int
    layers: dict[str, list[tuple[NDArray[np.float32], ...]]]

    @property
    def tabs(self) -> int:
        """How many TABs each direction has: four batch normalisations make one TAB of both directions."""
        return len(self.layers["batch_normalization"]) // 4

    @property
    def classes(self) -> int:
        """How many classes the head has."""
        return int(self.layers["dense"][0][1].shape[0])


def read_published(source: Path) -> list[FoldWeights]:
    """All folds' weights from a zip or a folder, ordered by fold; stray files are passed over.

    Raises :class:`WeightsError` for what is missing, truncated, incomplete or no weights at all.
    """
    if not source.exists():
        raise WeightsError(f"no such file or folder: {clean(str(source))}; name the authors' zip of weights")
    members = _members(source)
    if not members:
        raise WeightsError(
            f"{clean(str(source))} holds no published weights; they are named like 10-fold_weights_best_1.hdf5"
        )
    folds = max(promised for promised, _, _ in members)
    found = sorted((promised, fold) for promised, fold, _ in members)
    if len(found) != folds or found != [(folds, fold) for fold in range(1, folds + 1)] or folds < 2:
        numbers = ", ".join(str(fold) for _, fold in found)
        raise WeightsError(f"{clean(str(source))} holds folds {numbers} of {folds}; each is needed once")
    where = clean(source.name)
    return [
        FoldWeights(fold, _read(data, f"fold {fold} of {where}"))
        for _, fold, data in sorted(members, key=lambda member: member[1])
    ]


def check_shape(weights: FoldWeights, classes: int, tabs: int) -> None:
    """Raise :class:`WeightsError` where ``weights`` are no TIM-Net's, or of one with other classes or TABs."""
    stack(weights)
    if (weights.classes, weights.tabs) != (classes, tabs):
        raise WeightsError(
            f"fold {weights.fold} has {weights.classes} classes and {weights.tabs} TABs; this corpus's network has "
            f"{classes} and {tabs}: they are weights of another corpus"
        )


def apply_published(weights: FoldWeights, model: TimNet) -> None:
    """Put one fold's weights into ``model``.

    Raises :class:`WeightsError` when they belong to another network shape.
    """
    check_shape(weights, model.shape.classes, model.shape.tabs)
    stacked = stack(weights)
    for name, array in stacked.items():
        ours = tuple(getattr(model, name).shape)
        if array.shape != ours:
            raise WeightsError(
                f"fold {weights.fold}: {name} has shape {array.shape} where this network has {ours}; "
                "they are weights of another network"
            )
    for name, array in stacked.items():
        getattr(model, name).assign(array)


def stack(weights: FoldWeights) -> dict[str, NDArray[np.float32]]:
    """The published layers as our stacked variables, by their names.

    The published code makes both stems, then for each TAB two forward and two backward convolutions,
    each with its normalisation; a legacy kernel is ``[taps, in, out]``, ours ``[taps, out, in]``.
    """
    convolutions, norms = weights.layers["conv1d"], weights.layers["batch_normalization"]
    tabs = weights.tabs
    fits = (
        len(norms) == 4 * tabs
        and len(convolutions) == 2 + 4 * tabs
        and all(len(weights.layers[kind]) == 1 for kind in ("weight_layer", "dense"))
    )
    if not fits:
        counts = ", ".join(f"{len(layers)} {kind}" for kind, layers in weights.layers.items())
        raise WeightsError(f"fold {weights.fold} has {counts} layers, which is no TIM-Net")

    def blocks(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """From creation order (TAB, direction, convolution) to ours (TAB, convolution, direction)."""
        return np.stack(arrays).reshape(tabs, 2, 2, *arrays[0].shape).swapaxes(1, 2)

    try:
        stem_kernels, stem_biases = zip(*convolutions[:2], strict=True)
        kernels, biases = zip(*convolutions[2:], strict=True)
        gamma, beta, mean, variance = zip(*norms, strict=True)
        return {
            "stem_kernel": np.stack([kernel[0].T for kernel in stem_kernels]),
            "stem_bias": np.stack(stem_biases),
            "kernel": blocks([kernel.swapaxes(1, 2) for kernel in kernels]),
            "bias": blocks(list(biases)),
            "gamma": blocks(list(gamma)),
            "beta": blocks(list(beta)),
            "moving_mean": blocks(list(mean)),
            "moving_variance": blocks(list(variance)),
            "fusion": weights.layers["weight_layer"][0][0][:, 0],
            "head_kernel": weights.layers["dense"][0][0],
            "head_bias": weights.layers["dense"][0][1],
        }
    except (ValueError, IndexError) as error:
        raise WeightsError(f"fold {weights.fold} has layers of shapes that are no TIM-Net's") from error


def name_and_seed(source: Path) -> tuple[str | None, int | None]:
    """Corpus and seed from a name such as ``EMODB_46.zip``, or None where the name tells nothing."""
    match = re.match(r"(?P<corpus>[A-Za-z]+)_(?P<seed>\d+)(?:\D|$)", source.name)
    return (match["corpus"].upper(), int(match["seed"])) if match else (None, None)


def _members(source: Path) -> list[tuple[int, int, bytes]]:
    """``(folds promised by its name, fold, bytes)`` of every weights file, read with bounds on each and on all."""
    try:
        if source.is_dir():
            return _in_folder(source)
        if not source.is_file():  # reading a pipe would wait for ever
            raise WeightsError(f"{clean(str(source))} is neither a file nor a folder; name the authors' zip of weights")
        with zipfile.ZipFile(source) as archive:
            return _in_zip(archive)
    except WeightsError:
        raise
    except OSError as error:
        reason = clean(error.strerror or str(error))
        raise WeightsError(f"cannot read {clean(str(source))} ({reason}); check the path") from error
    except Exception as error:  # zipfile, zlib, lzma: each has errors of its own
        reason = clean(str(error)) or type(error).__name__
        raise WeightsError(
            f"{clean(str(source))} is no readable zip, or damaged ({reason}); download it again"
        ) from error


def _in_folder(folder: Path) -> list[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    for path in sorted(folder.rglob("*")):
        match = _FOLD_FILE.fullmatch(path.name)
        if match is not None and path.is_file():
            _refuse_large(path.name, path.stat().st_size, len(found))
            found.append((*_numbers(match), read_bounded(path, MAX_FILE_BYTES)))
    return found


def _in_zip(archive: zipfile.ZipFile) -> list[tuple[int, int, bytes]]:
    named = [
        (match, info)
        for info in archive.infolist()
        if (match := _FOLD_FILE.fullmatch(info.filename.rpartition("/")[2])) is not None  # never a Mac's "._10-fold..."
        and not info.is_dir()
    ]
    if sum(info.file_size for _, info in named) > MAX_BYTES:
        raise WeightsError(f"it would take more than {MAX_BYTES} bytes, too many for TIM-Net's weights")
    found: list[tuple[int, int, bytes]] = []
    for match, info in named:
        _refuse_large(info.filename, info.file_size, len(found))
        with archive.open(info) as member:
            found.append((*_numbers(match), member.read(MAX_FILE_BYTES)))
    return found


def _refuse_large(name: str, size: int, before: int) -> None:
    if size > MAX_FILE_BYTES:
        raise WeightsError(f"{clean(name)} claims {size} bytes, too many for TIM-Net's weights")
    if before >= MAX_FOLDS:
        raise WeightsError(f"there are more than {MAX_FOLDS} folds' weights; one experiment has fewer")


def _numbers(name: re.Match[str]) -> tuple[int, int]:
    return int(name["folds"]), int(name["fold"])


def _read(data: bytes, where: str) -> dict[str, list[tuple[NDArray[np.float32], ...]]]:
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            by_kind = _layers(_group(file, "model_weights") if "model_weights" in file else file)
    except Exception as error:  # h5py passes on whatever the library meets in a damaged file
        reason = clean(str(error))[:200] or type(error).__name__
        raise WeightsError(f"{where} is no readable weights file ({reason}); it may be truncated") from error
    if not by_kind["dense"] or not by_kind["batch_normalization"]:
        raise WeightsError(f"{where} holds no TIM-Net weights")
    return by_kind


def _layers(root: h5py.Group) -> dict[str, list[tuple[NDArray[np.float32], ...]]]:
    """The layers below ``root`` by kind. Raises where they are more than any TIM-Net has, among other things."""
    if len(root) > MAX_LAYERS:
        raise ValueError(f"it has {len(root)} layers, more than {MAX_LAYERS}")
    groups = {str(name): match for name in root if (match := _NUMBERED.fullmatch(str(name)))}
    by_kind: dict[str, list[tuple[NDArray[np.float32], ...]]] = {kind: [] for kind in _PARTS}
    numbers = 0
    for name in sorted(groups, key=lambda name: int(groups[name]["number"] or 0)):
        kind = groups[name]["kind"]
        parts = _layer(_group(root, name), name, _PARTS[kind])
        if parts is not None:
            numbers += sum(part.size for part in parts)
            if numbers > MAX_NUMBERS:
                raise ValueError(f"it has more than {MAX_NUMBERS} weights")
            by_kind[kind].append(parts)
    return by_kind


def _layer(group: h5py.Group, name: str, parts: tuple[str, ...]) -> tuple[NDArray[np.float32], ...] | None:
    """The arrays of one layer, or None for a group without weights."""
    if not len(group):
        return None
    inner = _group(group, name)
    return tuple(_array(_hard(inner, part), f"{name}/{part}") for part in parts)


def _array(dataset: Any, name: str) -> NDArray[np.float32]:
    import h5py

    plain = isinstance(dataset, h5py.Dataset) and not (dataset.is_virtual or dataset.external)
    if not plain or dataset.dtype != np.float32 or not dataset.shape or dataset.size > MAX_ARRAY:
        raise ValueError(f"{name} is not a plain float32 array of a sane size")
    if math.prod(dataset.chunks or ()) > MAX_ARRAY:  # a chunk is unpacked whole, however little of it is used
        raise ValueError(f"{name} is kept in chunks of an insane size")
    array = np.asarray(dataset[()], np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return array


def _group(parent: h5py.Group, name: str) -> h5py.Group:
    import h5py

    member = _hard(parent, name)
    if not isinstance(member, h5py.Group):
        raise ValueError(f"{name} is no group")
    return member


def _hard(group: h5py.Group, name: str) -> Any:
    """A member that really lies in this file: links out of it are refused."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing or a link")
    return group[name]
