"""A run as the training process holds it: features mapped, records left out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import BATCH, COEFFICIENTS, SHAPES

STEPS = 3


def subject(shape: str, rows: int, test: int, folder: str) -> dict[str, Callable[[], Any]]:
    """``run``: load, train :data:`STEPS` steps, score the test rows, place all utterances."""
    return {"run": lambda: run(shape, rows, test, Path(folder))}


def run(shape: str, rows: int, test: int, folder: Path) -> None:
    """The way of :mod:`timnet.training.fold`, with fewer steps."""
    import numpy as np

    from benchmarks.ours.project import cached
    from timnet.training.device import prepare

    one = SHAPES[shape]
    path = cached(folder / f"memory-{shape}", (rows + test, one.frames, COEFFICIENTS))
    prepare("cpu", 1)
    from timnet.model.network import NetworkShape, TimNet
    from timnet.records import TrainingConfig
    from timnet.training.rows import Rows
    from timnet.training.step import Trainer, smooth

    features = np.load(path, mmap_mode="r")
    labels = np.arange(rows + test) % one.classes
    chosen = np.random.default_rng(1).permutation(rows + test)
    train, held_out = np.sort(chosen[:rows]), np.sort(chosen[rows:])
    config = TrainingConfig(batch_size=BATCH, tabs=one.tabs)
    model = TimNet(NetworkShape(one.frames, one.classes, one.tabs))
    trainer = Trainer(model, config, Rows(features, train), smooth(labels[train], one.classes, 0.1))
    trainer.epoch(np.arange(STEPS * BATCH), lambda: None)
    trainer.evaluate(Rows(features, held_out), labels[held_out], one.classes)
    trainer.embed(Rows.all_of(features[: 4 * BATCH]))
