"""A fold as a script for legacy Keras holds it: the corpus loaded, rows cut out, ``fit`` with the test rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.ours.run import STEPS
from benchmarks.shapes import BATCH, COEFFICIENTS, SHAPES


def subject(shape: str, rows: int, test: int, folder: str) -> dict[str, Callable[[], Any]]:
    """``run``: load, train :data:`STEPS` steps, score the test rows."""
    return {"run": lambda: run(shape, rows, test, Path(folder))}


def run(shape: str, rows: int, test: int, folder: Path) -> None:
    """The usual way: ``np.load``, rows by index, ``fit``."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import numpy as np

    from benchmarks.ours.project import cached
    from benchmarks.peers.legacy import compiled, smoothed

    one = SHAPES[shape]
    features = np.load(cached(folder / f"memory-{shape}", (rows + test, one.frames, COEFFICIENTS)))
    targets = smoothed(np.arange(rows + test) % one.classes, one.classes)
    chosen = np.random.default_rng(1).permutation(rows + test)
    train, held_out = chosen[:rows], chosen[rows:]
    compiled(one).fit(
        features[train], targets[train], batch_size=BATCH, epochs=1, steps_per_epoch=STEPS, verbose=0,
        validation_data=(features[held_out], targets[held_out]),
    )  # fmt: skip
