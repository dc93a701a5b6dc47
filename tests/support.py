"""Real registries for tests, filled through the same calls that workers and training processes use."""

from __future__ import annotations

import atexit
import math
import shutil
import tempfile
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from timnet.records import (
    Check,
    CorpusRecord,
    EpochMetrics,
    EpochRecord,
    EventKind,
    Experiment,
    Prediction,
    ProcessProof,
    RunState,
    TrainingConfig,
    Utterance,
)
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment
from timnet.states import Command

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
PROOF = ProcessProof("testhost", "boot-1", 4242, 1000.0)
FILLED_DB = "filled.db"
CLASSES = ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad")


def add_corpus(registry: Registry, name: str = "EMODB", utterances: int = 70, path: str = "corpus") -> CorpusRecord:
    """A registered corpus whose files do not exist: enough for everything but features."""
    items = tuple(
        Utterance(
            path=f"{item:03d}.wav",
            label=CLASSES[item * len(CLASSES) // utterances],
            speaker=f"{item % 10:02d}",
            sentence=f"s{item % 5}",
            sha256=f"{item:064x}",
        )
        for item in range(utterances)
    )
    return registry.corpora.add(CorpusRecord(0, name, "raw", path, f"digest-{name}", CLASSES, 96000, 8, "", items))


def add_experiment(registry: Registry, corpus: CorpusRecord, **changes: object) -> Experiment:
    """A queued experiment; ``changes`` are fields of NewExperiment."""
    new = NewExperiment(
        corpus=corpus, config=TrainingConfig(epochs=20), protocol="random", preset="github", seed=46, folds=10
    )
    return registry.experiments.create([replace(new, **changes)])[0]  # type: ignore[arg-type]


def start_next(registry: Registry) -> int:
    """Claim the next waiting run without any process; returns its row id."""
    claimed = registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
    assert claimed is not None
    registry.runs.started(claimed[0], PROOF)
    registry.journal(claimed[0].run_id, claimed[0].attempt).begin([], "started")
    return claimed[0].run_id


def epoch_record(epoch: int, *, level: float = 0.0) -> EpochRecord:
    """A plausible epoch: loss falls, accuracy rises; every fifth epoch is checked."""
    accuracy = 1 - 0.85 * math.exp(-epoch / 12) - level
    metrics = EpochMetrics(
        epoch=epoch,
        loss=0.45 + 1.6 * math.exp(-epoch / 10),
        accuracy=accuracy,
        val_loss=0.6 + 1.4 * math.exp(-epoch / 12) + level,
        val_accuracy=accuracy - 0.08,
        val_uar=accuracy - 0.1,
        lr=1e-3,
        seconds=1.5,
    )
    if epoch % 5:
        return EpochRecord(metrics, Check(EventKind.CHECK_SKIPPED, "not checked"), epoch - epoch % 5 or None, None)
    text = f"val_loss improved to {metrics.val_loss:.4f}, saved"
    return EpochRecord(metrics, Check(EventKind.CHECK_IMPROVED, text), epoch, metrics.val_loss)


def train(registry: Registry, run_id: int, epochs: int, *, level: float = 0.0) -> None:
    """Write ``epochs`` epochs of a started run."""
    run = registry.runs.by_id(run_id)
    journal = registry.journal(run_id, run.attempt)
    for epoch in range(run.epoch + 1, epochs + 1):
        journal.epoch(epoch_record(epoch, level=level))


def finish(registry: Registry, run_id: int, *, wrong: int = 1) -> None:
    """End a started run: fold ``f`` tests items ``f-1, f-1+folds, ...``; the first ``wrong`` are misclassified."""
    run = registry.runs.by_id(run_id)
    experiment = registry.experiments.get(run.experiment_id)
    labels = [CLASSES.index(u.label) for u in registry.corpora.utterances(experiment.corpus_id)]
    items = list(range(run.fold - 1, len(labels), run.folds))
    predictions, hits = [], 0
    for place, item in enumerate(items):
        predicted = (labels[item] + 1) % len(CLASSES) if place < wrong else labels[item]
        hits += predicted == labels[item]
        probabilities = [0.04] * len(CLASSES)
        probabilities[predicted] = 0.76
        predictions.append(Prediction(item, labels[item], predicted, tuple(probabilities)))
    embeddings = registry.paths.run(run.uid).embeddings
    embeddings.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(run_id)
    np.save(
        embeddings, (generator.normal(size=(len(labels), 39)) + np.array([[label] for label in labels])).astype("<f4")
    )
    share = hits / len(items)
    registry.journal(run_id, run.attempt).done(share, share, predictions, embeddings, "done")


def filled_registry(path: Path) -> Registry:
    """Two experiments: one of 3 folds all done, one of 10 folds with done, running, failed, paused and queued runs.

    It is a copy of one that a process fills once a minute, so that what runs there still looks alive.
    """
    filled = _filled_folder(int(time.monotonic() / 60))
    shutil.copytree(filled, path.parent, ignore=shutil.ignore_patterns(FILLED_DB), dirs_exist_ok=True)
    shutil.copyfile(filled / FILLED_DB, path)
    return Registry.open(path)


@lru_cache(maxsize=1)
def _filled_folder(minute: int) -> Path:
    """A folder with the registry and its runs' files."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Registry.open(folder / FILLED_DB) as registry:
        _fill(registry)
    return folder


def _fill(registry: Registry) -> None:
    emodb = add_corpus(registry)
    savee = add_corpus(registry, "SAVEE", 40)
    add_experiment(registry, savee, folds=3, seed=44, tags=("paper",))
    for fold in range(3):
        run_id = start_next(registry)
        train(registry, run_id, 20, level=0.02 * fold)
        finish(registry, run_id, wrong=fold + 1)
    config = TrainingConfig(epochs=20, select="best", monitor="val_loss", check_every=5)
    add_experiment(registry, emodb, config=config, preset="seed")
    for fold in range(2):
        run_id = start_next(registry)
        train(registry, run_id, 20, level=0.03 * fold)
        finish(registry, run_id, wrong=fold + 1)
    train(registry, start_next(registry), 12)
    failed = start_next(registry)
    train(registry, failed, 3)
    registry.journal(failed, 1).end(RunState.FAILED, EventKind.FAILED, "failed", "the loss is not finite (epoch 4)")
    train(registry, start_next(registry), 1)
    registry.runs.command(Command.PAUSE, ["2.8"])
