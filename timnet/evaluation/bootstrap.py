"""Percentile bootstrap intervals for pooled UAR and WAR, by speaker where speakers are known.

Utterances of one speaker resemble each other, so drawing single utterances gives intervals that are too narrow for
the question "how would it do on other speakers". Whole speakers are drawn instead, with replacement (the cluster
bootstrap: Davison and Hinkley 1997, section 3.8). The networks stay as they are: the interval says nothing of
training again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
REPLICATES = 2000
SEED = 20230814
FEW_SPEAKERS = 10
SPEAKERS, UTTERANCES = "speakers", "utterances"
_AT_ONCE = 200_000  # draws held in memory


@dataclass(frozen=True, slots=True)
class Interval:
    """From where to where the middle share of the bootstrap replicates lies, as fractions."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RecallBootstrap:
    """Intervals of the classes' pooled recalls, drawn as those of :class:`Bootstrap` are.

    ``recalls`` has one for each class, None for a class without an utterance. Replicates that lack a class, as whole
    speakers may, do not count for it; ``least`` is the share of replicates that the class most often missing is over.
    """

    recalls: tuple[Interval | None, ...]
    least: float
    unit: str
    n: int
    level: float
    replicates: int
    note: str


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Intervals of pooled UAR and WAR; the same data and ``seed`` give the same ones.

    ``unit`` is what was drawn, :data:`SPEAKERS` or :data:`UTTERANCES`, and ``n`` how many there are. ``note`` says why
    it is not speakers, or that there are few of them; else it is empty.
    """

    uar: Interval
    war: Interval
    unit: str
    n: int
    level: float
    replicates: int
    seed: int
    note: str


def bootstrap(
    truth: ArrayLike,
    predicted: ArrayLike,
    classes: int,
    speakers: Sequence[str] = (),
    *,
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> Bootstrap:
    """Intervals for predictions pooled over folds: ``truth`` and ``predicted`` are integer arrays ``[n]``.

    ``speakers`` names who spoke, one for each utterance, empty where nobody knows. Where a speaker is not known or
    there is only one, single utterances are drawn, and ``note`` says so. A class that a replicate lacks does not
    count in its UAR. Raises :class:`BadInput` for no predictions, arrays that do not pair up, or numbers out of range.
    """
    import numpy as np

    pairs, (unit, clusters, note) = _checked(truth, predicted, classes, speakers, level, replicates)
    scores = _replicates(_counts(pairs, clusters, classes), replicates, seed, classes)
    edges = [(1 - level) / 2, (1 + level) / 2]
    (uar_low, war_low), (uar_high, war_high) = np.quantile(scores, edges, axis=0).tolist()
    n = int(clusters.max()) + 1
    return Bootstrap(Interval(uar_low, uar_high), Interval(war_low, war_high), unit, n, level, replicates, seed, note)


def recall_bootstrap(
    truth: ArrayLike,
    predicted: ArrayLike,
    classes: int,
    speakers: Sequence[str] = (),
    *,
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> RecallBootstrap:
    """Intervals of each class's recall, for the same arguments as :func:`bootstrap`; it raises the same."""
    import numpy as np

    pairs, (unit, clusters, note) = _checked(truth, predicted, classes, speakers, level, replicates)
    counts = _counts(pairs, clusters, classes)
    parts = list(_drawn(counts, replicates, seed, classes))
    hits = np.concatenate([matrices.diagonal(axis1=1, axis2=2) for matrices in parts])
    totals = np.concatenate([matrices.sum(axis=2) for matrices in parts])
    edges = [(1 - level) / 2, (1 + level) / 2]
    found: list[Interval | None] = []
    for place in range(classes):
        there = totals[:, place] > 0
        shares = hits[there, place] / totals[there, place]
        found.append(Interval(*np.quantile(shares, edges).tolist()) if len(shares) else None)
    filled = (totals > 0).mean(axis=0)
    known = filled[filled > 0]
    return RecallBootstrap(tuple(found), float(known.min()), unit, len(counts), level, replicates, note)


def _checked(
    truth: ArrayLike, predicted: ArrayLike, classes: int, speakers: Sequence[str], level: float, replicates: int
) -> tuple[NDArray[np.int64], tuple[str, NDArray[np.int64], str]]:
    """Each utterance's cell, and what is drawn as :func:`_units` says. Raises :class:`BadInput`."""
    if not 0 < level < 1 or replicates < 1:
        raise BadInput(f"{replicates} replicates at level {level}: it takes 1 or more, and a level between 0 and 1")
    pairs = _pairs(truth, predicted, classes)
    if speakers and len(speakers) != len(pairs):
        raise BadInput(f"{len(speakers)} speakers for {len(pairs)} predictions; they must pair up")
    return pairs, _units(speakers, len(pairs))


def _pairs(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Truth and prediction of each utterance as one cell of the confusion matrix, int64 ``[n]``."""
    import numpy as np

    true, called = (np.asarray(values).reshape(-1).astype(np.int64) for values in (truth, predicted))
    if len(true) != len(called):
        raise BadInput(f"{len(true)} true labels but {len(called)} predictions; they must pair up")
    if not len(true):
        raise BadInput("no predictions to draw from; a bootstrap needs one at least")
    if min(true.min(), called.min()) < 0 or max(true.max(), called.max()) >= classes:
        raise BadInput(f"with {classes} classes the class indices are 0 to {classes - 1}")
    return true * classes + called


def _units(speakers: Sequence[str], n: int) -> tuple[str, NDArray[np.int64], str]:
    """What is drawn, which of them each utterance belongs to, int64 ``[n]``, and what to say of it."""
    import numpy as np

    unknown = n if not speakers else sum(not speaker for speaker in speakers)
    known = sorted(set(speakers) - {""})
    if unknown or len(known) < 2:
        why = f"the speakers of {unknown} of {n} utterances are not known" if unknown else "there is only one speaker"
        return UTTERANCES, np.arange(n), f"{why}, so single utterances were drawn: the interval is too narrow"
    place = {speaker: index for index, speaker in enumerate(known)}
    note = f"only {len(known)} speakers, so the interval is rough" if len(known) < FEW_SPEAKERS else ""
    return SPEAKERS, np.array([place[speaker] for speaker in speakers]), note


def _counts(cells: NDArray[np.int64], clusters: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """The confusion of each cluster, laid flat: float64 ``[clusters, classes * classes]``, whole numbers."""
    import numpy as np

    n, size = int(clusters.max()) + 1, classes * classes
    counts = np.bincount(clusters * size + cells, minlength=n * size)
    return counts.reshape(n, size).astype(np.float64)


def _replicates(counts: NDArray[np.float64], replicates: int, seed: int, classes: int) -> NDArray[np.float64]:
    """``(uar, war)`` of each replicate: float64 ``[replicates, 2]``."""
    import numpy as np

    found = []
    for matrices in _drawn(counts, replicates, seed, classes):
        hits, totals = matrices.diagonal(axis1=1, axis2=2), matrices.sum(axis=2)
        present = totals > 0
        recalls = np.where(present, hits / np.where(present, totals, 1), 0)
        found.append(
            np.stack([recalls.sum(axis=1) / present.sum(axis=1), hits.sum(axis=1) / totals.sum(axis=1)], axis=1)
        )
    return np.concatenate(found)


def _drawn(counts: NDArray[np.float64], replicates: int, seed: int, classes: int) -> Iterator[NDArray[np.float64]]:
    """The confusion matrices of all replicates, some at a time: float64 ``[some, classes, classes]``."""
    import numpy as np

    n = len(counts)
    generator = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // n)
    for start in range(0, replicates, rows):
        here = min(rows, replicates - start)
        drawn = generator.integers(0, n, (here, n)) + n * np.arange(here)[:, None]
        times = np.bincount(drawn.reshape(-1), minlength=here * n).reshape(here, n)
        yield (times @ counts).reshape(here, classes, classes)
