"""What stored results say of an experiment or a run, in the shape that statistics take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.evaluation.bootstrap import Bootstrap, bootstrap
from timnet.evaluation.statistics import PooledScores, pooled_scores
from timnet.export.confusion import confusion_of
from timnet.records import CorpusRecord, Run, RunState
from timnet.registry import Registry
from timnet.selection import selection_text
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class FoldEvidence:
    """What one finished fold predicted of its test data.

    ``confusion``: int64 ``[classes, classes]``, rows are the truth. ``item``, ``truth``, ``predicted``: int64 ``[n]``,
    empty where an import knows no single predictions.
    """

    fold: int
    confusion: NDArray[np.int64]
    item: NDArray[np.int64]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]


def tested_folds(registry: Registry, corpus: CorpusRecord, runs: Sequence[Run]) -> tuple[FoldEvidence, ...]:
    """The finished runs that kept predictions or a confusion matrix, in the order of ``runs``.

    Raises :class:`timnet.errors.BadInput` for a damaged file.
    """
    found = []
    for run in runs:
        matrix = confusion_of(registry, run, corpus.classes) if run.state is RunState.DONE else None
        if matrix is not None and matrix.sum():
            kept = registry.results.predictions(run.id)
            found.append(FoldEvidence(run.fold, matrix, kept.item, kept.truth, kept.predicted))
    return tuple(found)


def pooled_of(corpus: CorpusRecord, folds: Sequence[FoldEvidence]) -> PooledScores | None:
    """The scores of all folds' predictions together; None where none kept any."""
    return pooled_scores(corpus.classes, [(one.fold, one.confusion) for one in folds]) if folds else None


def notes_on_missing(registry: Registry, experiments: Sequence[int]) -> tuple[str, ...]:
    """A line for each experiment with a fold whose test data lack a class: which, and the pooled UAR to read instead.

    It looks at all their predictions, so it is for exports and not for a table that is looked at while runs end.
    """
    said = []
    for one in (registry.experiments.get(number) for number in dict.fromkeys(experiments)):
        corpus = registry.corpora.by_id(one.corpus_id)
        if set(registry.results.classes_tested(one.id).values()) <= {len(corpus.classes)}:
            continue  # told without reading every prediction, which would load numpy
        pooled = pooled_of(corpus, tested_folds(registry, corpus, registry.runs.of_experiment(one.id)))
        if pooled is not None and pooled.missing:
            label = f"{one.protocol}, {selection_text(one.selection, one.optimistic)}"
            score = f"{100 * pooled.uar:.2f}, n = {pooled.n} utterances of {len(pooled.folds)} folds"
            said.append(clean(f"{one.corpus} #{one.id} ({label}): {pooled.note}: {score}."))
    return tuple(said)


def interval_of(corpus: CorpusRecord, folds: Sequence[FoldEvidence]) -> Bootstrap | None:
    """Bootstrap intervals of the pooled scores, by speaker where the corpus names them; None without predictions."""
    if not folds:
        return None
    truth, predicted, speakers = drawn_from(corpus, folds)
    return bootstrap(truth, predicted, len(corpus.classes), speakers)


def drawn_from(
    corpus: CorpusRecord, folds: Sequence[FoldEvidence]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """What bootstraps draw from: truth and prediction of each tested utterance, int64 ``[n]``, and who spoke.

    Nobody is named where the corpus names no speakers, or a fold kept no single predictions.
    """
    import numpy as np

    classes = len(corpus.classes)
    if all(len(one.item) for one in folds):
        truth, predicted = (np.concatenate([getattr(one, name) for one in folds]) for name in ("truth", "predicted"))
        items = np.concatenate([one.item for one in folds]).tolist()
        return truth, predicted, [corpus.utterances[item].speaker for item in items] if corpus.utterances else []
    total = np.sum([one.confusion for one in folds], axis=0)
    pairs = np.repeat(np.arange(classes**2), total.reshape(-1))
    return pairs // classes, pairs % classes, []
