"""What timnet writes after an epoch: the row in the registry, the best weights, the resume point."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.peers.logger import EPOCHS
from benchmarks.shapes import COEFFICIENTS, SHAPES


def subject(folder: str) -> dict[str, Callable[[], Any]]:
    """``epochs``: :data:`EPOCHS` more epochs of a run, as :func:`timnet.training.fold.train_fold` writes them."""
    import numpy as np

    from benchmarks.ours.project import one_running
    from timnet.model.network import NetworkShape, TimNet
    from timnet.model.weights import save_weights
    from timnet.records import Check, EpochMetrics, EpochRecord, EventKind
    from timnet.registry import Registry
    from timnet.training import checkpoint
    from timnet.training.checkpoint import Progress
    from timnet.training.rows import Rows
    from timnet.training.rule import BestSoFar
    from timnet.training.step import Trainer

    db = Path(folder) / "logging.db"
    run, uid, config = one_running(db)
    registry = Registry.open(db)
    journal, paths = registry.journal(run, 1), registry.paths.run(uid)
    one = SHAPES["EMODB"]
    model = TimNet(NetworkShape(one.frames, one.classes, one.tabs))
    targets = np.zeros((1, one.classes), np.float32)
    rows = Rows.all_of(np.zeros((1, one.frames, COEFFICIENTS), np.float32))
    trainer = Trainer(model, config, rows, targets)
    numbers = count(1)
    history: list[EpochRecord] = []

    def epochs() -> None:
        for _ in range(EPOCHS):
            epoch = next(numbers)
            metrics = EpochMetrics(epoch, 0.5, 0.5, 0.5, 0.5, 0.5, lr=0.001, seconds=1.0)
            record = EpochRecord(metrics, Check(EventKind.CHECK_IMPROVED, "val_loss improved, saved"), epoch, 0.5)
            history.append(record)
            save_weights(model, paths.best_weights(epoch))
            journal.epoch(record)
            after = Progress(BestSoFar(epoch, 0.5), tuple(history))
            checkpoint.save(paths, model, trainer.optimizer, trainer.mean, after)
            paths.drop_old_best(epoch)

    return {"epochs": epochs}
