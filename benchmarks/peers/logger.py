"""What legacy Keras writes after an epoch: a line of CSV and the weights, by its own callbacks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import SHAPES

EPOCHS = 20


def subject(folder: str) -> dict[str, Callable[[], Any]]:
    """``epochs``: :data:`EPOCHS` epochs' worth of what ``CSVLogger`` and ``ModelCheckpoint`` write."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf

    from benchmarks.peers.legacy import compiled, saved

    callbacks = [tf.keras.callbacks.CSVLogger(str(Path(folder) / "log.csv")), saved(Path(folder))]
    model = compiled(SHAPES["EMODB"])
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()

    def epochs() -> None:
        for epoch in range(EPOCHS):
            logs = {"loss": 0.5, "accuracy": 0.5, "val_loss": 0.5, "val_accuracy": 0.5}
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)

    return {"epochs": epochs}
