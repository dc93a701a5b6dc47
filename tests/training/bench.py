"""A fold small enough to train in milliseconds, and a process that can be "killed" at any of its writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support import CLASSES, PROOF, add_corpus, add_experiment
from timnet.protocols import Fold, random_folds
from timnet.records import RunState, TrainingConfig, Want
from timnet.registry import Registry
from timnet.registry.journal import Journal
from timnet.training import checkpoint, fold
from timnet.training.data import CorpusData
from timnet.training.step import Trainer

CONFIG = TrainingConfig(
    tabs=2, filters=4, batch_size=6, epochs=8, check_every=2, select="best", patience=2, min_delta=9, dropout=0.3
)
"""Checks epochs 2, 4 and 6, keeps epoch 2 as the best, and stops early after 6."""

UTTERANCES, FRAMES = 28, 20


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def data() -> CorpusData:
    generator = np.random.default_rng(7)
    labels = np.array([item * len(CLASSES) // UTTERANCES for item in range(UTTERANCES)])
    features = generator.normal(0, 1, (UTTERANCES, FRAMES, 39)) + labels[:, None, None] * 0.2
    return CorpusData(features.astype(np.float32), labels, CLASSES)


class Process:
    """One trainer, compiled once; :meth:`start` makes it what it is at the start of every process."""

    def __init__(self, config: TrainingConfig = CONFIG, corpus: CorpusData | None = None) -> None:
        split = random_folds(UTTERANCES, 2, 46)[0]
        if config.inner:
            split = Fold(1, split.train[::2], split.test, split.train[1::2])
        self.data = corpus or data()
        self.split = split
        job: Any = fold.FoldJob(self.data, split, config, 46, None)  # type: ignore[arg-type]
        self.trainer: Trainer = fold._trainer(job)
        self.variables = [*self.trainer.model.variables, *self.trainer.optimizer.variables]
        self.standard = self.trainer.standard
        self.fresh = [np.asarray(variable).copy() for variable in self.variables]

    def start(self, *_: object) -> Trainer:
        for variable, value in zip(self.variables, self.fresh, strict=True):
            variable.assign(value)
        self.trainer.mean.values = []
        self.trainer.standard = self.standard
        return self.trainer

    def state(self) -> list[bytes]:
        """Every variable's bits: weights, statistics, the optimiser's moments, the dropout's seed."""
        return [np.asarray(variable).tobytes() for variable in self.variables]


class Deadline:
    """Counts the moments before and after each write and kills at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.passed = 0

    def moment(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Killed

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            self.moment()
            result = write(*arguments, **options)
            self.moment()
            return result

        return watched


class Run:
    """One run in a registry of its own, attempted as often as it takes."""

    def __init__(self, registry: Registry, process: Process, config: TrainingConfig = CONFIG) -> None:
        self.registry, self.process, self.config = registry, process, config
        add_experiment(registry, add_corpus(registry, utterances=UTTERANCES), folds=2, config=config, only=(1,))

    def attempt(
        self, patch: Any, deadline: Deadline | None = None, wanted: Callable[[], Want | None] = lambda: None
    ) -> None:
        """Claim the run and train it; what is raised is the caller's to catch."""
        claimed = self.registry.runs.claim(lambda _uid: 0, PROOF, "local", None)
        assert claimed is not None
        claim = claimed[0]
        journal = Journal(self.registry.db, claim.run_id, claim.attempt)
        patch.setattr(fold, "_trainer", self.process.start)
        if deadline is not None:
            for name in ("begin", "epoch", "event", "checkpoint", "done", "end"):
                setattr(journal, name, deadline.around(getattr(journal, name)))
            patch.setattr(fold, "save_weights", deadline.around(fold.save_weights))
            patch.setattr(checkpoint, "save", deadline.around(checkpoint.save))
            drop = checkpoint.drop_older
            patch.setattr(checkpoint, "drop_older", lambda *what: (deadline.moment(), drop(*what)))
        job = fold.FoldJob(self.process.data, self.process.split, self.config, 46, self.registry.paths.run(claim.uid))
        fold.train_fold(job, journal, wanted, "a bench", lambda _: None)

    def reap(self) -> RunState | None:
        run = self.registry.runs.get("1.1")
        return self.registry.runs.reap(run.id, run.attempt, exit_code=-9, error="killed", max_crashes=9, back_off=0)

    def outcome(self) -> dict[str, Any]:
        """Everything that must not depend on what happened on the way."""
        registry, run = self.registry, self.registry.runs.get("1.1")
        paths = registry.paths.run(run.uid)
        found = registry.results.predictions(run.id)
        with np.load(paths.final_weights) as stored:
            weights = {name: stored[name].tobytes() for name in stored.files}
        events = registry.results.events(run.id)
        return {
            "state": (run.state, run.epoch, run.uar, run.war, run.best_epoch, run.best_value, run.error),
            "metrics": [
                (e.epoch, e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.val_uar, e.lr, e.diverged)
                for e in registry.results.epochs(run.id)
            ],
            "checks": sorted((e.epoch or 0, e.kind, e.text) for e in events if e.kind.startswith("check-")),
            "early stops": [(e.epoch, e.text) for e in events if e.kind == "early-stop"],
            "weights": weights,
            "answers": (found.item.tolist(), found.truth.tolist(), found.probabilities.tobytes()),
            "embeddings": np.load(paths.embeddings).tobytes(),
            "kept": {
                row.kind: (row.epoch, row.path, row.metric, row.value) for row in registry.results.checkpoints(run.id)
            },
            "resume points": [path.name for path in paths.checkpoints()],
            "leftovers": sorted(path.name for path in paths.folder.rglob("*.tmp")),
        }
