"""The resume point: one ``.npz`` without pickle that holds everything an exact continuation needs.

``model.variables`` includes the states of the dropout layers' seed generators, which Keras's own
formats leave out; with them, the optimiser, the rule's best-so-far and the whole history, a run that was
killed goes on as if it had not been. Order of samples needs no state: it is a function of seed and epoch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from timnet.arrays import UNREADABLE, packed_part
from timnet.files import replacing
from timnet.paths import KEPT_POINTS, RunPaths, drop_all_but
from timnet.records import EpochRecord
from timnet.training.mean import MeanWeights
from timnet.training.rule import BestSoFar


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands after an epoch: the rule's best-so-far, all epochs, and whether it stopped early."""

    best: BestSoFar = field(default_factory=BestSoFar)
    history: tuple[EpochRecord, ...] = ()
    stopped_early: bool = False

    @property
    def epoch(self) -> int:
        """The last finished epoch, 0 before the first."""
        return self.history[-1].metrics.epoch if self.history else 0


def save(
    paths: RunPaths, model: keras.Model, optimizer: keras.Optimizer, mean: MeanWeights, progress: Progress
) -> Path:
    """Write the resume point of ``progress.epoch`` and drop all but the newest two; returns its path."""
    path = paths.checkpoint(progress.epoch)
    arrays: dict[str, Any] = {f"model{place}": np.asarray(v) for place, v in enumerate(model.variables)}
    arrays |= {f"optimizer{place}": np.asarray(v) for place, v in enumerate(optimizer.variables)}
    arrays |= {f"mean{place}": value for place, value in enumerate(mean.values)}
    arrays["progress"] = np.frombuffer(json.dumps(asdict(progress)).encode(), np.uint8)
    with replacing(path) as stream:
        np.savez(stream, **arrays)
    drop_older(paths, progress.epoch)
    return path


def drop_older(paths: RunPaths, epoch: int) -> None:
    """Remove all resume points but that of ``epoch`` and the one before."""
    drop_all_but(paths.checkpoints(), paths.checkpoint(epoch), KEPT_POINTS)


def restore(paths: RunPaths, model: keras.Model, optimizer: keras.Optimizer, mean: MeanWeights) -> Progress:
    """Load the newest whole resume point into ``model``, ``optimizer`` (which must be built) and ``mean``.

    A file that cannot be read, or that belongs to another network, is passed over for the one before; with
    none left, training starts at the beginning.
    """
    for path in reversed(paths.checkpoints()):
        found = _read(path, [*model.variables], [*optimizer.variables])
        if found is not None:
            values, mean.values, progress = found
            for variable, value in zip([*model.variables, *optimizer.variables], values, strict=True):
                variable.assign(value)
            return progress
    return Progress()


def _read(path: Path, model: Sequence[Any], optimizer: Sequence[Any]) -> tuple[list[Any], list[Any], Progress] | None:
    names = [f"model{place}" for place in range(len(model))] + [f"optimizer{place}" for place in range(len(optimizer))]
    try:
        if packed_part(path):
            return None
        with np.load(path, allow_pickle=False) as stored:
            values = [stored[name] for name in names]
            mean = [stored[name] for name in stored.files if name.startswith("mean")]
            progress = _progress(json.loads(stored["progress"].tobytes()))
    except UNREADABLE:
        return None
    fits = all(tuple(v.shape) == value.shape for v, value in zip([*model, *optimizer], values, strict=True))
    return (values, mean, progress) if fits else None


def _progress(stored: dict[str, Any]) -> Progress:
    history = tuple(map(EpochRecord.from_dict, stored["history"]))
    return Progress(BestSoFar(**stored["best"]), history, stored["stopped_early"])
