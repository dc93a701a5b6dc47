"""timnet's own training: steps, epochs with their test fold and weights file, and what they take in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import BATCH, SHAPES


def subject(
    shape: str, threads: int, rows: int, steps: int, folder: str, frames: int | None = None, test: int = 0
) -> dict[str, Callable[[], Any]]:
    """``steps`` full batches, or an ``epoch`` of ``rows`` and ``test`` rows, in a process of ``threads`` threads."""
    from timnet.training.device import prepare

    prepare("cpu", threads)
    import numpy as np

    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import save_weights
    from timnet.records import TrainingConfig
    from timnet.training.rows import Rows
    from timnet.training.step import Trainer, smooth

    one = SHAPES[shape]
    test = test or max(1, rows * one.test // one.train)
    features, labels = one.arrays(rows, test)
    if frames:
        features = np.resize(features, (rows + test, frames, features.shape[2]))
    config = TrainingConfig(batch_size=BATCH, tabs=one.tabs)
    model = TimNet(NetworkShape(features.shape[1], one.classes, one.tabs))
    targets = smooth(labels[:rows], one.classes, config.label_smoothing)
    trainer = Trainer(model, config, Rows.all_of(features[:rows]), targets)
    order = np.arange(rows)

    def some_steps() -> None:
        trainer.epoch(np.resize(order, steps * BATCH), lambda: None)

    def epoch() -> None:
        trainer.epoch(order, lambda: None)
        trainer.evaluate(Rows.all_of(features[rows:]), labels[rows:], one.classes)
        save_weights(model, Path(folder) / "weights.npz")

    return {"steps": some_steps, "epoch": epoch}
