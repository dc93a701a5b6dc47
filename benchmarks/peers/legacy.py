"""The published network as it is published: plain layers under legacy Keras, trained by ``fit``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shapes import BATCH, SHAPES, Shape


def subject(
    shape: str, threads: int, rows: int, steps: int, folder: str, test: int = 0
) -> dict[str, Callable[[], Any]]:
    """As :func:`benchmarks.ours.training.subject`; 0 threads leaves their number to TensorFlow."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import numpy as np

    _threads(threads)
    one = SHAPES[shape]
    test = test or max(1, rows * one.test // one.train)
    features, labels = one.arrays(rows, test)
    targets = smoothed(labels, one.classes)
    model = compiled(one)
    places = np.resize(np.arange(rows), steps * BATCH)
    x, y = (features[:rows], targets[:rows]) if steps * BATCH == rows else (features[places], targets[places])
    held_out = (features[rows:], np.eye(one.classes, dtype=np.float32)[labels[rows:]])

    def some_steps() -> None:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    def epoch() -> None:
        model.fit(
            features[:rows], targets[:rows], batch_size=BATCH, epochs=1, verbose=0, validation_data=held_out,
            callbacks=[saved(Path(folder))],
        )  # fmt: skip

    return {"steps": some_steps, "epoch": epoch}


def folds(shape: str, number: int, epochs: int, folder: str) -> dict[str, Callable[[], Any]]:
    """``folds``: that many folds one after another, each a network of its own, with all threads."""
    import tensorflow as tf

    one = SHAPES[shape]
    features, labels = one.arrays()
    targets = smoothed(labels, one.classes)
    rows = one.train

    def all_folds() -> None:
        for _ in range(number):
            tf.keras.backend.clear_session()
            compiled(one).fit(
                features[:rows], targets[:rows], batch_size=BATCH, epochs=epochs, verbose=0,
                validation_data=(features[rows:], targets[rows:]), callbacks=[saved(Path(folder))],
            )  # fmt: skip

    return {"folds": all_folds}


def compiled(one: Shape) -> Any:
    """The network of a shape, with the published optimiser and loss."""
    import tensorflow as tf

    from benchmarks.peers.plain import build
    from timnet.model.network import NetworkShape

    model = build(tf.keras, NetworkShape(one.frames, one.classes, one.tabs), softmax=True)
    adam = tf.keras.optimizers.Adam(1e-3, beta_1=0.93, beta_2=0.98, epsilon=1e-8)
    model.compile(loss="categorical_crossentropy", optimizer=adam, metrics=["accuracy"])
    return model


def smoothed(labels: Any, classes: int) -> Any:
    """One-hot labels, smoothed by a tenth."""
    import numpy as np

    return (np.eye(classes)[labels] * 0.9 + 0.1 / classes).astype(np.float32)


def saved(folder: Path) -> Any:
    """Keras's own way to keep an epoch's weights."""
    import tensorflow as tf

    return tf.keras.callbacks.ModelCheckpoint(str(folder / "peer.weights.h5"), save_weights_only=True)


def _threads(threads: int) -> None:
    import tensorflow as tf

    assert tf.keras.Model.__module__.startswith("tf_keras"), "legacy Keras was asked for"
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
