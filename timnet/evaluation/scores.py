"""Scores of one set of predictions: the confusion matrix and what follows from it.

WAR (weighted average recall) is the accuracy; UAR (unweighted average recall) is the mean of the
classes' recalls, so that a rare class counts as much as a frequent one (Schuller et al., INTERSPEECH 2009
Emotion Challenge, where both names come from). All scores are fractions in [0, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


def confusion(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """How often each true class was called what: int64 ``[classes, classes]``, rows are the truth.

    ``truth`` and ``predicted`` are integer arrays ``[n]`` of class indices in ``0..classes - 1``; ``n`` may
    be 0. Raises :class:`BadInput` where they differ in length or hold an index out of that range.
    """
    import numpy as np

    pairs = [np.asarray(truth).reshape(-1), np.asarray(predicted).reshape(-1)]
    if len(pairs[0]) != len(pairs[1]):
        raise BadInput(f"{len(pairs[0])} true labels but {len(pairs[1])} predictions; they must pair up")
    for name, labels in zip(("true label", "prediction"), pairs, strict=True):
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            raise BadInput(f"{name} {wrong[0]} is no class index; with {classes} classes they are 0 to {classes - 1}")
    rows, columns = (labels.astype(np.int64) for labels in pairs)
    return np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)


def war(confusion: NDArray[np.int64]) -> float:
    """The accuracy: correct over all. Raises :class:`BadInput` where nothing was predicted."""
    total = int(confusion.sum())
    if total == 0:
        raise BadInput("no predictions to score; a score needs one at least")
    return float(confusion.trace() / total)


def uar(confusion: NDArray[np.int64]) -> float:
    """The mean recall of the classes that occur in the truth; :func:`missing_classes` names the others.

    Raises :class:`BadInput` where nothing was predicted.
    """
    found = [recall for recall in recalls(confusion) if recall is not None]
    if not found:
        raise BadInput("no predictions to score; a score needs one at least")
    return sum(found) / len(found)


def recalls(confusion: NDArray[np.int64]) -> tuple[float | None, ...]:
    """The recall of each class, in order of index; None for a class that does not occur in the truth."""
    totals = confusion.sum(axis=1)
    return tuple(
        float(hits / total) if total else None for hits, total in zip(confusion.diagonal(), totals, strict=True)
    )


def missing_classes(confusion: NDArray[np.int64]) -> tuple[int, ...]:
    """The indices of the classes that do not occur in the truth, ascending."""
    return tuple(index for index, recall in enumerate(recalls(confusion)) if recall is None)
