"""Keras logs made up for tests, written as Keras and the seed's script write them, and the real ones."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.support import SHARED
from timnet.imports.keras_log import KerasLog, parse_keras_log

SEED_RUN = SHARED / "seed-run"
needs_seed_run = pytest.mark.skipif(
    not SEED_RUN.is_dir(), reason="the seed's logs are not beside the repository (../shared/seed-run)"
)

CHATTER = "2024-10-19 17:31:17.894059: I tensorflow/core/grappler/optimizers/registry.cc:114] Plugin optimizer.\n"
CLASSES = ("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad")


@dataclass(frozen=True)
class Numbers:
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def shown(value: float) -> str:
    """A number as Keras's progress bar prints it."""
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def bar(numbers: Numbers, seconds: str = "2s 2s/step") -> str:
    train = f"loss: {shown(numbers.loss)} - accuracy: {shown(numbers.accuracy)}"
    return (
        f"1/1 [==============================] - {seconds} - {train} - "
        f"val_loss: {shown(numbers.val_loss)} - val_accuracy: {shown(numbers.val_accuracy)}\n"
    )


def fold_text(epochs: Sequence[Numbers], planned: int | None = None) -> str:
    """One fold as the seed's script prints it: every second epoch is checked by ``val_loss``."""
    lines, best = ["Input Shape= (None, 188, 39)\n", "Temporal create succes!\n"], float("inf")
    for number, one in enumerate(epochs, start=1):
        lines.append(f"Epoch {number}/{planned or len(epochs)}\n")
        glued = CHATTER if number == 1 else "\n"
        lines.append(f"1/1 [====] - ETA: 0s - loss: {shown(one.loss)} - accuracy: {shown(one.accuracy)}{glued}\n")
        said = "No save this epoch"
        if number % 2 == 0:
            said = "val_loss did not improve, skipping save"
            if one.val_loss < best:
                best = one.val_loss
                said = f"val_loss improved to {best!r}, saving model"
        lines += [f"Epoch {number}: {said}\n", bar(one)]
    return "".join(lines)


def ending(number: int, loss: float, rows: Sequence[tuple[str, int, int]]) -> str:
    """What the script prints of a trained fold; ``rows``: class, hits, true utterances."""
    accuracy = sum(hits for _, hits, _ in rows) / sum(true for _, _, true in rows)
    lines = [
        f"2/2 [====] - 2s 609ms/step - loss: {loss:.4f} - accuracy: {accuracy:.4f}\n",
        f"{number}_Model evaluation:  [{loss!r}, {accuracy!r}]    Now ACC: {100 * accuracy:.2f}\n",
        "2/2 [==============================] - 3s 600ms/step\n",
        "              precision    recall  f1-score   support\n\n",
        *(f"{name:>12}       1.00      {hits / true:.2f}      0.88{true:>10}\n" for name, hits, true in rows),
        f"\n    accuracy                           {accuracy:.2f}        54\n",
        "   macro avg       0.90      0.90      0.88        54\n",
        "weighted avg       0.91      0.87      0.87        54\n\n",
    ]
    return "".join(lines)


def rows_of(hits: Sequence[int], true: Sequence[int]) -> list[tuple[str, int, int]]:
    return list(zip(CLASSES, hits, true, strict=True))


def steady(count: int) -> list[Numbers]:
    """Epochs whose ``val_loss`` falls."""
    return [Numbers(3.2468 / n, 1 - 0.9 / n, 3.457 / n, round(1 - 0.8 / n, 4)) for n in range(1, count + 1)]


def parse(text: str | bytes) -> KerasLog:
    return parse_keras_log(io.BytesIO(text.encode() if isinstance(text, str) else text))
