"""The two plots of a run that stand beside the grid."""

from __future__ import annotations

from typing import Protocol

from timnet.records import EpochMetrics, Event, Experiment, Run
from timnet_tui.charts.curves import Curves, Fold, Group, Look, Metric
from timnet_tui.charts.marks import improved_epochs, resumed_epochs
from timnet_tui.charts.model import Plot


class History(Protocol):
    """A run with what it has done so far."""

    @property
    def run(self) -> Run: ...  # noqa: D102
    @property
    def experiment(self) -> Experiment: ...  # noqa: D102
    @property
    def epochs(self) -> tuple[EpochMetrics, ...]: ...  # noqa: D102
    @property
    def events(self) -> tuple[Event, ...]: ...  # noqa: D102


def fold_of(history: History, steps: int = 1) -> Fold:
    """A run as one fold of a chart; ``steps`` are the optimiser's in an epoch."""
    events = history.events
    return Fold(history.epochs, improved_epochs(events), history.run.best_epoch, resumed_epochs(events), steps)


def curves_of(history: History, metric: Metric, steps: int = 1) -> Curves:
    """One metric of one run."""
    smoothed = history.experiment.config.label_smoothing > 0
    key = (metric.value, history.run.id)
    return Curves(key, metric, (Group((fold_of(history, steps),)),), smoothed_labels=smoothed)


def accuracy_plot(history: History) -> Plot:
    """Accuracy in per cent, train and validation."""
    return curves_of(history, Metric.ACCURACY).plot(Look())


def loss_plot(history: History, *, log: bool) -> Plot:
    """Loss, train and validation, with the warning that the two are different measures."""
    return curves_of(history, Metric.LOSS).plot(Look(log=log))
