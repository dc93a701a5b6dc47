"""The smoothed last value of a run's metrics, kept beside the last value itself so that lists can sort by it.

The rule is the one of the curves (:func:`timnet.evaluation.smoothing.smooth`), epoch by epoch: a debiased moving
average that passes over epochs without a value.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence

from timnet.records import EpochMetrics

#: the weight of what was before, as the curves have it when smoothing is first turned on
WEIGHT = 0.9

#: what is smoothed: columns of ``epochs``; in ``runs`` each is called ``smooth_`` and its name
METRICS = ("loss", "accuracy", "val_loss", "val_accuracy", "val_uar")

COLUMNS = tuple(f"smooth_{metric}" for metric in METRICS)

Values = tuple[float | None, ...]


class Smoothed:
    """The averages of one run so far. The same epochs in the same order give the same values, bit for bit."""

    def __init__(self) -> None:
        self._means = [0.0] * len(METRICS)
        self._remains = [1.0] * len(METRICS)

    def add(self, values: Sequence[float | None]) -> None:
        """Take in one epoch's values, in the order of :data:`METRICS`."""
        for place, value in enumerate(values):
            if value is not None and math.isfinite(value):
                self._remains[place] *= WEIGHT
                share = (1 - WEIGHT) / (1 - self._remains[place])
                self._means[place] = self._means[place] * (1 - share) + share * value

    def values(self) -> Values:
        """The smoothed values, in the order of :data:`METRICS`; None where no epoch had one."""
        return tuple(mean if remains < 1 else None for mean, remains in zip(self._means, self._remains, strict=True))


def values_of(metrics: EpochMetrics) -> Values:
    """One epoch's values, in the order of :data:`METRICS`."""
    return tuple(getattr(metrics, metric) for metric in METRICS)


def of_run(connection: sqlite3.Connection, run_id: int) -> Smoothed:
    """The averages over the epochs that the registry has of a run."""
    smoothed = Smoothed()
    rows = connection.execute(f"SELECT {', '.join(METRICS)} FROM epochs WHERE run_id = ? ORDER BY epoch", (run_id,))
    for row in rows:
        smoothed.add(tuple(row))
    return smoothed


def fill_smoothed(connection: sqlite3.Connection) -> None:
    """Compute the smoothed values of every run from its epochs: for registries from before there were any."""
    update = f"UPDATE runs SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE id = ?"
    runs = [row[0] for row in connection.execute("SELECT id FROM runs WHERE epoch > 0")]
    connection.executemany(update, ((*of_run(connection, run_id).values(), run_id) for run_id in runs))
