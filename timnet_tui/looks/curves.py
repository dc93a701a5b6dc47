"""From what was read of a run or an experiment to what a chart is asked to show."""

from __future__ import annotations

from timnet_tui.charts.curves import Curves, Fold, Group, Metric
from timnet_tui.charts.marks import improved_epochs, resumed_epochs
from timnet_tui.charts.plot import curves_of
from timnet_tui.looks.experiment import FoldHistory, Whole
from timnet_tui.looks.run import Detail


def curves(shown: Detail | Whole, metric: Metric) -> Curves:
    """One metric of a run, or of all folds of an experiment that have begun, with their mean."""
    config = shown.experiment.config
    if isinstance(shown, Detail):
        return curves_of(shown, metric, shown.background.steps(shown.run, config))

    def fold(history: FoldHistory) -> Fold:
        steps = shown.background.steps(history.run, config)
        events = history.events
        return Fold(history.epochs, improved_epochs(events), history.run.best_epoch, resumed_epochs(events), steps)

    folds = tuple(fold(history) for history in shown.histories if history.epochs)
    key = (metric.value, "all", shown.experiment.id)
    return Curves(key, metric, (Group(folds, mean=True),), smoothed_labels=config.label_smoothing > 0)
