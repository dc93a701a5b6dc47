"""Workers that train nothing: they claim runs and write what a function says, through the registry's own calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support import finish, start_next
from timnet.records import Check, EpochMetrics, EpochRecord, EventKind, RunState, TrainingConfig, Want
from timnet.registry import Registry
from timnet.tuning.tuner import Places

Value = Callable[[TrainingConfig, int, int], float | None]
"""The inner UAR of a configuration's fold at an epoch; None where the loss is not finite any more."""


@dataclass
class FakeEngine:
    """Each :meth:`turn` gives every running run so many epochs; ``wrong`` test utterances are misclassified."""

    registry: Registry
    value: Value
    jobs: int = 2
    epochs_a_turn: int = 4
    test: float = 0.5
    wrong: int = 1
    alive: bool = True
    turns: int = 0
    trained: dict[str, int] = field(default_factory=dict)

    def places(self) -> Places:
        return Places(self.jobs, lambda: self.alive)

    def turn(self) -> None:
        self.turns += 1
        assert self.turns < 500, "the tuner does not come to an end"
        with self.registry.db.write():  # one transaction a turn: each costs a wait for the disk
            self._turn()

    def _turn(self) -> None:
        waiting = self.registry.runs.counts()[RunState.QUEUED]
        for _ in range(min(waiting, self.jobs - len(self.registry.runs.running()))):
            start_next(self.registry)
        for run in self.registry.runs.running():
            self._train(run.id)

    def _train(self, run_id: int) -> None:
        run = self.registry.runs.by_id(run_id)
        journal = self.registry.journal(run_id, run.attempt)
        if run.want is Want.CANCEL:
            journal.end(RunState.CANCELLED, EventKind.CANCELLED, "cancelled by the user")
            return
        config = self.registry.experiments.get(run.experiment_id).config
        for epoch in range(run.epoch + 1, min(run.epoch + self.epochs_a_turn, config.epochs) + 1):
            inner = self.value(config, run.fold, epoch)
            self.trained[run.key] = epoch
            if inner is None:
                text = f"the training loss is not finite (epoch {epoch})"
                journal.event(EventKind.DIVERGED, text, epoch)
                journal.end(RunState.FAILED, EventKind.FAILED, text, error=text)
                return
            metrics = EpochMetrics(
                epoch, 1.0, 0.5, self.test, self.test, self.test, 1e-3, 0.1,
                inner_loss=1 - inner, inner_accuracy=inner, inner_uar=inner,
            )  # fmt: skip
            journal.epoch(EpochRecord(metrics, Check(EventKind.CHECK_SKIPPED, "not checked"), None, None))
        if self.registry.runs.by_id(run_id).epoch >= config.epochs:
            finish(self.registry, run_id, wrong=self.wrong)
