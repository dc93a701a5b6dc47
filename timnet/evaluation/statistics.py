"""What the stored results of an experiment say together: pooled scores, recalls, folds and seeds apart.

A fold's UAR is the mean recall of the classes that its test data hold. Where a class is missing from a fold, that
mean is over fewer classes, and the mean of such UARs answers no clear question; the UAR of all predictions pooled
does. :class:`PooledScores` gives it, and names the folds and classes that are missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.evaluation.scores import missing_classes, uar, war
from timnet.evaluation.summary import Summary, summarise

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Matrix = tuple[tuple[int, ...], ...]
"""A confusion matrix as plain numbers; rows are the truth."""


@dataclass(frozen=True, slots=True)
class ClassRecall:
    """How many of a class's ``n`` test utterances were recognised; ``recall`` is None for ``n`` 0."""

    name: str
    hits: int
    n: int

    @property
    def recall(self) -> float | None:
        """The share that was recognised, as a fraction."""
        return self.hits / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class MissingClasses:
    """A fold whose test data hold none of these classes."""

    fold: int
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PooledScores:
    """All test predictions of ``folds`` taken as one set of ``n``.

    ``confusion``: counts, rows are the truth, in the order of ``recalls``. ``uar`` and ``war`` are fractions of
    the pooled predictions, not means over folds. ``missing`` names the folds whose test data lack a class.
    """

    folds: tuple[int, ...]
    n: int
    confusion: Matrix
    uar: float
    war: float
    recalls: tuple[ClassRecall, ...]
    missing: tuple[MissingClasses, ...]

    @property
    def note(self) -> str:
        """One line saying where classes are missing; empty where none is."""
        if not self.missing:
            return ""
        named = "; ".join(f"fold {one.fold}: {', '.join(one.classes)}" for one in self.missing)
        return f"a class has no test utterance in some folds ({named}); read the pooled UAR there"


def pooled_scores(classes: Sequence[str], confusions: Sequence[tuple[int, NDArray[np.int64]]]) -> PooledScores:
    """Take folds together: ``confusions`` are ``(fold, matrix)``, int64 ``[classes, classes]``, rows the truth.

    Raises :class:`BadInput` where there is no fold, none has a prediction, or a matrix has another shape.
    """
    import numpy as np

    shape = (len(classes), len(classes))
    total = np.zeros(shape, np.int64)
    for fold, matrix in confusions:
        if matrix.shape != shape:
            raise BadInput(f"the confusion of fold {fold} is {matrix.shape}, not {shape}: other classes than the rest")
        total += matrix
    hits, counts = total.diagonal().tolist(), total.sum(axis=1).tolist()
    missing = [(fold, missing_classes(matrix)) for fold, matrix in confusions]
    return PooledScores(
        folds=tuple(fold for fold, _ in confusions),
        n=int(total.sum()),
        confusion=tuple(tuple(row) for row in total.tolist()),
        uar=uar(total),
        war=war(total),
        recalls=tuple(ClassRecall(*one) for one in zip(classes, hits, counts, strict=True)),
        missing=tuple(MissingClasses(fold, tuple(classes[place] for place in gone)) for fold, gone in missing if gone),
    )


@dataclass(frozen=True, slots=True)
class SeedScores:
    """One score over folds and seeds, the two spreads kept apart.

    ``mean`` is the mean of the ``seeds`` seeds' means over folds, None where nothing is finished; ``folds`` is the
    number of values in all. ``fold_sd`` is the standard deviation over the folds of one seed, pooled over seeds by
    their degrees of freedom (None where no seed has two folds); ``seed_sd`` that of the seeds' means (None for fewer
    than two). Folds of one seed share training data, so neither divided by a root of ``folds`` is a standard error.
    """

    mean: float | None
    fold_sd: float | None
    seed_sd: float | None
    folds: int
    seeds: int


def over_seeds(values: Sequence[Sequence[float | None]]) -> SeedScores:
    """Summarise ``values[seed][fold]``, None for a fold without a score; a seed without any is not counted."""
    found = [summary for one in values if (summary := summarise(one)).n]
    means = summarise(summary.mean for summary in found)
    freedom = sum(summary.n - 1 for summary in found)
    squares = math.fsum((summary.n - 1) * summary.sd**2 for summary in found if summary.sd is not None)
    return SeedScores(
        mean=means.mean,
        fold_sd=math.sqrt(squares / freedom) if freedom else None,
        seed_sd=means.sd,
        folds=sum(summary.n for summary in found),
        seeds=means.n,
    )


def of_one_seed(summary: Summary) -> SeedScores:
    """A summary over the folds of a single seed, in the same terms."""
    return SeedScores(summary.mean, summary.sd, None, summary.n, min(summary.n, 1))
