"""Runs' epochs made by hand, for the tests of charts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from timnet.records import EpochMetrics
from timnet_tui.charts.curves import Curves, Fold, Group, Metric


def metrics(epoch: int, value: float | None = None, **changes: object) -> EpochMetrics:
    """One epoch; ``value`` is its validation accuracy and loss."""
    value = 0.5 if value is None else value
    plain = {
        "epoch": epoch, "loss": 2 / epoch, "accuracy": 1 - 1 / (epoch + 1), "val_loss": value, "val_accuracy": value,
        "val_uar": value, "lr": 1e-3, "seconds": 2.0,
    }  # fmt: skip
    return EpochMetrics(**{**plain, **changes})  # type: ignore[arg-type]


def fold(values: Sequence[float | None], **about: object) -> Fold:
    """A fold whose validation accuracy and loss are ``values``."""
    epochs = tuple(
        metrics(epoch, value, val_accuracy=value, val_loss=value, val_uar=value)
        for epoch, value in enumerate(values, 1)
    )
    return Fold(epochs, **about)  # type: ignore[arg-type]


def wave(epochs: int, number: int = 0) -> Fold:
    """A fold that learns, with some noise that is the same every time."""
    return fold(
        [0.9 - 0.8 * math.exp(-e / 40) + 0.03 * math.sin(e * (1.7 + number) + number) for e in range(1, epochs + 1)]
    )


def ten(epochs: int = 60, ends: Sequence[int] = (), key: object = "ten", metric: Metric = Metric.ACCURACY) -> Curves:
    """Ten folds; the first ones end at ``ends``."""
    lengths = [*ends, *[epochs] * (10 - len(ends))]
    return Curves(key, metric, (Group(tuple(wave(length, n) for n, length in enumerate(lengths))),))


def alone(one: Fold, key: object = "alone", metric: Metric = Metric.LOSS) -> Curves:
    """One run."""
    return Curves(key, metric, (Group((one,)),))
