"""A registry whose rows and files are as whole as training leaves them, without training: for what looks after them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import PROOF, add_corpus, add_experiment, epoch_record
from timnet.records import EpochRecord, EventKind, Prediction, Run, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.training.rule import BestSoFar, judge

EPOCHS = 6
__all__ = ["EPOCHS", "resume_point", "whole_registry"]


def records(config: TrainingConfig, epochs: int) -> list[EpochRecord]:
    """Epochs with the verdicts of the real rule."""
    best, found = BestSoFar(), []
    for epoch in range(1, epochs + 1):
        metrics = epoch_record(epoch).metrics
        verdict = judge(config, best, metrics)
        best = verdict.best
        found.append(EpochRecord(metrics, verdict.check, best.epoch, best.value))
    return found


def resume_point(path: Path, history: list[EpochRecord]) -> Path:
    """A resume point as training writes it, with small arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told: dict[str, Any] = {"best": asdict(BestSoFar()), "history": [asdict(one) for one in history]}
    progress = np.frombuffer(json.dumps({**told, "stopped_early": False}).encode(), np.uint8)
    np.savez(path, model0=np.arange(50, dtype=np.float32), progress=progress)
    return path


def whole_registry(db: Path) -> Registry:
    """One experiment of three folds: the first done, the second stopped after 4 epochs and queued, the third new."""
    registry = Registry.open(db)
    config = TrainingConfig(epochs=EPOCHS, check_every=2)
    add_experiment(registry, add_corpus(registry, utterances=21), folds=3, config=config)
    for fold, epochs in ((1, EPOCHS), (2, 4)):
        claimed = registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
        assert claimed is not None
        _train(registry, registry.runs.get(f"1.{fold}"), claimed[0].attempt, config, epochs)
    return registry


def _train(registry: Registry, run: Run, attempt: int, config: TrainingConfig, epochs: int) -> None:
    journal, paths = registry.journal(run.id, attempt), registry.paths.run(run.uid)
    journal.begin([], "started")
    history = records(config, epochs)
    for place, record in enumerate(history, 1):
        journal.epoch(record)
        if place > epochs - 2:
            resume_point(paths.checkpoint(place), history[:place])
    journal.checkpoint("last", epochs, paths.checkpoint(epochs))
    for epoch in (epochs - 2, epochs):
        np.savez(paths.best_weights(epoch), kernel=np.ones(100, np.float32))
    journal.checkpoint("best", epochs, paths.best_weights(epochs), "val_loss", 0.5)
    paths.log.write_text("a log\n")
    paths.lock.touch()
    if epochs < config.epochs:
        journal.end(RunState.QUEUED, EventKind.REQUEUED, "given back")
        return
    np.savez(paths.final_weights, kernel=np.ones(100, np.float32))
    journal.checkpoint("final", epochs, paths.final_weights)
    np.save(paths.embeddings, np.ones((21, 39), np.float32))
    predictions = [Prediction(item, item % 7, item % 7, (0.1,) * 7) for item in range(0, 21, 3)]
    journal.done(1.0, 1.0, predictions, paths.embeddings, "done")
