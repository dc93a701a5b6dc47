"""The scores of a fold that only a log, and perhaps a result sheet, tell of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timnet.errors import BadInput
from timnet.imports.keras_log import ClassRecall, LoggedEpoch, LoggedFold
from timnet.imports.sheet import Matrix
from timnet.records import EventKind

TOLERANCE = 1e-4  # Keras prints a float32 accuracy with four decimals


@dataclass(frozen=True, slots=True)
class LoggedScores:
    """WAR and UAR as fractions, UAR None where it cannot be told; ``confusion`` has the truth as rows."""

    war: float
    uar: float | None
    confusion: Matrix | None = None


def scores_of_matrix(matrix: Matrix) -> LoggedScores:
    """The scores of a confusion matrix whose rows are the truth. Raises :class:`BadInput` for an empty one."""
    total = sum(map(sum, matrix))
    if total == 0:
        raise BadInput("no predictions to score; a score needs one at least")
    recalls = [row[place] / sum(row) for place, row in enumerate(matrix) if sum(row)]
    hits = sum(row[place] for place, row in enumerate(matrix))
    return LoggedScores(hits / total, sum(recalls) / len(recalls), matrix)


def scores_of_log(fold: LoggedFold) -> LoggedScores | None:
    """What a finished fold's log tells; None where it tells no accuracy.

    WAR is the accuracy of the evaluation after training; where the log ends before that, the ``val_accuracy``
    of the epoch that the checks chose. scikit-learn's report prints recalls with two decimals, from which the
    hits of a class of less than a hundred utterances follow exactly, and from them the UAR.
    """
    accuracy = fold.accuracy
    if accuracy is None:
        chosen = chosen_epoch(fold.epochs)
        accuracy = chosen.val_accuracy if chosen else None
    if accuracy is None:
        return None
    hits = [_hits(row) for row in fold.report]
    total = sum(row.support for row in fold.report)
    counted = [hit for hit in hits if hit is not None]
    if not total or len(counted) < len(hits) or abs(sum(counted) / total - accuracy) > TOLERANCE:
        return LoggedScores(accuracy, None)
    recalls = [hit / row.support for hit, row in zip(counted, fold.report, strict=True) if row.support]
    return LoggedScores(sum(counted) / total, sum(recalls) / len(recalls))


def chosen_epoch(epochs: Sequence[LoggedEpoch]) -> LoggedEpoch | None:
    """The epoch whose weights the script kept: the last improvement, else the lowest ``val_loss``."""
    improved = [one for one in epochs if one.check is not None and one.check.kind is EventKind.CHECK_IMPROVED]
    if improved:
        return improved[-1]
    measured = [one for one in epochs if one.val_loss is not None]
    return min(measured, key=lambda one: one.val_loss or 0.0) if measured else None


def _hits(row: ClassRecall) -> int | None:
    """How many of a class were recognised, if only one number gives the recall that is printed."""
    if row.support == 0:
        return 0
    near = round(row.recall * row.support)
    fitting = [hit for hit in (near - 1, near, near + 1) if f"{hit / row.support:.2f}" == f"{row.recall:.2f}"]
    return fitting[0] if len(fitting) == 1 else None
