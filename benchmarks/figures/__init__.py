"""The figures, each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench, Row
from benchmarks.figures import equality, features, folds, growth, logging, memory, placing, roofline, training

FIGURES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "equality": equality.measure,
    "training": training.measure,
    "folds": folds.measure,
    "memory": memory.measure,
    "logging": logging.measure,
    "features": features.measure,
    "placing": placing.measure,
    "growth": growth.measure,
    "roofline": roofline.measure,
}
"""By the names that ``--only`` takes, in the order of the table."""
