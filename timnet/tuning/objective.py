"""What a trial is worth: the mean over its folds of what the inner validation set measured. The test fold has no say.

Of a trial's runs nothing is read here but their state, their epochs and one ``inner_`` metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timnet.records import EventKind, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.training.rule import is_checked

METRICS = ("inner_uar", "inner_accuracy", "inner_loss")
"""What a trial can be judged by."""
POINTS = 20
"""How often a fold is looked at, to prune, from its first epoch to its last."""


@dataclass(frozen=True, slots=True)
class FoldProgress:
    """One fold of a trial: how far it is, and ``points``, ``(epoch, value)`` of the inner metric where it was checked.

    ``why`` is the error of a run that failed; ``diverged``: its loss was not finite.
    """

    fold: int
    state: RunState
    epoch: int
    points: tuple[tuple[int, float], ...]
    why: str = ""
    diverged: bool = False

    def best(self, metric: str, until: int | None = None) -> float | None:
        """The best value (up to epoch ``until``); None where nothing finite was measured yet."""
        values = [value for epoch, value in self.points if until is None or epoch <= until]
        return (min if metric == "inner_loss" else max)(values, default=None)


def read_progress(registry: Registry, experiment_id: int, config: TrainingConfig, metric: str) -> list[FoldProgress]:
    """How far every fold of a trial is, by fold. Raises :class:`timnet.errors.UnknownName` for a removed one."""
    registry.experiments.get(experiment_id)
    runs = registry.runs.of_experiment(experiment_id)
    curves = registry.results.curves([run.id for run in runs], (metric,))
    return [
        FoldProgress(
            fold=run.fold,
            state=run.state,
            epoch=run.epoch,
            points=tuple(
                (epoch, value)
                for epoch, value in curves.get(run.id, ())
                if value is not None and is_checked(config, epoch)
            ),
            why=run.error or "",
            diverged=run.state is RunState.FAILED and _diverged(registry, run.id),
        )
        for run in runs
    ]


def _diverged(registry: Registry, run_id: int) -> bool:
    return any(event.kind == EventKind.DIVERGED for event in registry.results.events(run_id, limit=20))


def worth(folds: Sequence[FoldProgress], metric: str) -> float | None:
    """The mean over all folds of each one's best; None until all are done, or where one measured nothing."""
    values = [one.best(metric) for one in folds if one.state is RunState.DONE]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(folds) and known else None


def by_epochs(folds: Sequence[FoldProgress], metric: str, epochs: int) -> list[tuple[int, float]]:
    """``(step, value)`` on the way, alike for all trials: the folds one after another, each at up to 20 epochs.

    The value at a step is the mean of the best of the folds before and the best so far of this one. So trials are
    compared when the same folds were trained for the same epochs, however many run at once.
    """
    looks = _looks(epochs)
    found: list[tuple[int, float]] = []
    before: list[float] = []
    for place, fold in enumerate(folds):
        for number, epoch in enumerate(looks):
            value = fold.best(metric, epoch)
            if value is None or (fold.epoch < epoch and fold.state is not RunState.DONE):
                return found
            found.append((place * len(looks) + number, (sum(before) + value) / (len(before) + 1)))
        last = fold.best(metric)
        if last is None or fold.state is not RunState.DONE:
            return found
        before.append(last)
    return found


def by_folds(folds: Sequence[FoldProgress], metric: str) -> list[tuple[int, float]]:
    """``(fold, value)`` of each fold that is done."""
    values = [(one.fold, one.best(metric)) for one in folds if one.state is RunState.DONE]
    return [(fold, value) for fold, value in values if value is not None]


def _looks(epochs: int) -> list[int]:
    """The epochs at which a fold is looked at: evenly, the last among them."""
    number = min(POINTS, epochs)
    return [round(epochs * (place + 1) / number) for place in range(number)]
