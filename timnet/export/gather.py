"""What figures are drawn from, collected over the folds of an experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.arrays import load_array
from timnet.errors import BadInput
from timnet.evaluation.bootstrap import Interval, RecallBootstrap, bootstrap, recall_bootstrap
from timnet.evaluation.statistics import PooledScores
from timnet.evaluation.summary import FoldScores
from timnet.export.confusion import confusion_of
from timnet.export.evidence import drawn_from, pooled_of, tested_folds
from timnet.export.results import scores_of
from timnet.records import EpochMetrics, Experiment, Run, RunState
from timnet.registry import Registry
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: metric of the training data -> the same of the test fold
METRICS = {"accuracy": "val_accuracy", "loss": "val_loss"}

Series = list[float | None]


@dataclass(frozen=True, slots=True)
class FoldCurves:
    """One metric over the epochs, for every fold that has any: ``train[i][epoch - 1]``, likewise ``test``.

    None where the test fold was not asked, NaN where it was and the value is not finite.
    """

    metric: str
    train: tuple[Series, ...]
    test: tuple[Series, ...]
    finished: int

    @property
    def epochs(self) -> int:
        """The length of the longest fold."""
        return max(map(len, self.train))


@dataclass(frozen=True, slots=True)
class Recalls:
    """Pooled scores of an experiment or a fold, with the intervals of its classes' recalls and of its pooled UAR."""

    scores: PooledScores
    intervals: RecallBootstrap
    uar: Interval


@dataclass(frozen=True, slots=True)
class Pooled:
    """The test predictions of several folds together, in no order: int64 ``[n]``, class indices of ``classes``."""

    classes: tuple[str, ...]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    scores: FoldScores


@dataclass(frozen=True, slots=True)
class Embedded:
    """Test utterances embedded by networks that were not trained on them.

    ``vectors`` float32 ``[n, filters]``; ``truth`` and ``predicted`` int64 ``[n]``, class indices; ``item`` int64
    ``[n]``, rows of the corpus; ``fold`` int64 ``[n]``. ``folds`` networks took part, whose spaces were moved onto
    the first one's (:func:`timnet.evaluation.alignment.align`). ``seen``: bool ``[n]``, which utterances their network
    was trained on or chosen by, where all of one network's are shown; ``predicted`` is -1 there. Else None.
    """

    classes: tuple[str, ...]
    vectors: NDArray[np.float32]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    item: NDArray[np.int64]
    fold: NDArray[np.int64]
    folds: int
    seen: NDArray[np.bool_] | None = None


def fold_curves(registry: Registry, experiment: Experiment, metric: str) -> FoldCurves:
    """The curves of every fold that has finished an epoch, whatever state it is in.

    Raises :class:`BadInput` for an unknown ``metric`` or where no fold has finished an epoch.
    """
    if metric not in METRICS:
        raise BadInput(f"no curves of {metric!r}; there are: {', '.join(METRICS)}")
    every = [(run, registry.results.epochs(run.id)) for run in registry.runs.of_experiment(experiment.id)]
    begun = [(run, history) for run, history in every if history]
    if not begun:
        raise BadInput(f"experiment {experiment.id} has no epoch to draw yet; train it first: timnet work")
    return FoldCurves(
        metric=metric,
        train=tuple(_series(history, metric) for _, history in begun),
        test=tuple(_series(history, METRICS[metric]) for _, history in begun),
        finished=sum(run.state is RunState.DONE for run, _ in begun),
    )


def _series(history: Sequence[EpochMetrics], field: str) -> Series:
    series: Series = [None] * history[-1].epoch
    for metrics in history:
        value: float | None = getattr(metrics, field)
        if value is None and (metrics.validated or field in METRICS):
            value = math.nan
        series[metrics.epoch - 1] = value
    return series


def finished_runs(registry: Registry, experiment: Experiment, fold: int | None = None) -> list[Run]:
    """The runs that are done, or the one of ``fold``. Raises :class:`BadInput` where there is none."""
    single = fold is not None
    runs = [registry.runs.get(f"{experiment.id}.{fold}")] if single else registry.runs.of_experiment(experiment.id)
    done = [run for run in runs if run.state is RunState.DONE]
    if done:
        return done
    if single:
        raise BadInput(f"run {runs[0].key} is {runs[0].state}, not done; let it finish first: timnet work")
    raise BadInput(f"experiment {experiment.id} has no finished fold yet; let one finish first: timnet work")


def pooled(registry: Registry, experiment: Experiment, fold: int | None = None) -> Pooled:
    """The predictions of all finished folds, or those of one ``fold``.

    Raises :class:`BadInput` where no fold is finished or none kept its predictions.
    """
    import numpy as np

    runs = finished_runs(registry, experiment, fold)
    classes = registry.corpora.by_id(experiment.corpus_id).classes
    matrices = [matrix for run in runs if (matrix := confusion_of(registry, run, classes)) is not None]
    if not matrices:
        raise BadInput(f"experiment {experiment.id} kept no predictions, so there is no confusion to draw")
    pairs = np.repeat(np.arange(len(classes) ** 2), np.sum(matrices, axis=0).reshape(-1))
    return Pooled(classes, pairs // len(classes), pairs % len(classes), scores_of(runs))


def embedded(registry: Registry, experiment: Experiment, fold: int | None = None) -> Embedded:
    """Every test utterance of the finished folds, or of one ``fold``, embedded by the network that tested it.

    Raises :class:`BadInput` where no finished fold left embeddings, or where a file of them is gone or damaged.
    """
    import numpy as np

    from timnet.evaluation.alignment import align

    runs = finished_runs(registry, experiment, fold)
    files = [(run, path) for run in runs if (path := _embeddings_file(registry, run)) is not None]
    if not files:
        raise BadInput(f"no finished fold of experiment {experiment.id} left embeddings, so t-SNE has nothing to show")
    corpus = registry.corpora.by_id(experiment.corpus_id)
    spaces = [_embeddings(run, path, len(corpus.utterances)) for run, path in files]
    widths = {vectors.shape[1] for vectors in spaces}
    if len(widths) > 1:
        raise BadInput(f"the folds of experiment {experiment.id} left embeddings of different widths: {sorted(widths)}")
    tested = [registry.results.predictions(run.id) for run, _ in files]
    vectors = [space[one.item] for space, one in zip(align(spaces), tested, strict=True)]
    return Embedded(
        classes=corpus.classes,
        vectors=np.concatenate(vectors),
        truth=np.concatenate([one.truth for one in tested]),
        predicted=np.concatenate([one.predicted for one in tested]),
        item=np.concatenate([one.item for one in tested]),
        fold=np.repeat([run.fold for run, _ in files], [len(one.item) for one in tested]),
        folds=len(files),
    )


def embedded_by(registry: Registry, experiment: Experiment, fold: int) -> Embedded:
    """Every utterance of the corpus, embedded by the network of one ``fold``: those it was trained on as well.

    Raises :class:`BadInput` as :func:`embedded` does.
    """
    import numpy as np

    [run] = finished_runs(registry, experiment, fold)
    path = _embeddings_file(registry, run)
    if path is None:
        raise BadInput(f"run {run.key} left no embeddings, so t-SNE has nothing to show")
    corpus = registry.corpora.by_id(experiment.corpus_id)
    n = len(corpus.utterances)
    tested = registry.results.predictions(run.id)
    seen, predicted = np.ones(n, bool), np.full(n, -1, np.int64)
    seen[tested.item], predicted[tested.item] = False, tested.predicted
    return Embedded(
        classes=corpus.classes,
        vectors=_embeddings(run, path, n),
        truth=np.array(corpus.labels(), np.int64),
        predicted=predicted,
        item=np.arange(n),
        fold=np.full(n, fold, np.int64),
        folds=1,
        seen=seen,
    )


def mfcc_means(
    registry: Registry, experiment: Experiment, cache: Path, items: NDArray[np.int64]
) -> NDArray[np.float32]:
    """What the network is given, each coefficient's mean over all frames, padding included: float32 ``[n, 39]``.

    ``items`` are rows of the corpus, ``cache`` is where features are kept. Raises :class:`BadInput` where the
    corpus's features are not there.
    """
    import numpy as np

    from timnet.features.build import find_features, open_features

    corpus = registry.corpora.by_id(experiment.corpus_id)
    path = find_features(corpus, cache) if corpus.utterances else None
    if path is None:
        raise BadInput(
            f"no features of this version of {clean(corpus.name)} are in {clean(str(cache))}, so there is no MFCC to "
            f"show; extract them: timnet corpora features {clean(corpus.name)}"
        )
    features = open_features(corpus, cache, path)
    return np.stack([features[item].mean(axis=0, dtype=np.float64) for item in items.tolist()]).astype(np.float32)


def recalls_of(registry: Registry, experiment: Experiment, fold: int | None = None) -> Recalls:
    """The pooled recalls of all finished folds, or of one ``fold``, with their bootstrap intervals.

    Raises :class:`BadInput` where no fold is finished or none kept its predictions.
    """
    corpus = registry.corpora.by_id(experiment.corpus_id)
    folds = tested_folds(registry, corpus, finished_runs(registry, experiment, fold))
    scores = pooled_of(corpus, folds)
    if scores is None:
        raise BadInput(f"experiment {experiment.id} kept no predictions, so there are no recalls to draw")
    truth, predicted, speakers = drawn_from(corpus, folds)
    classes = len(corpus.classes)
    return Recalls(
        scores,
        recall_bootstrap(truth, predicted, classes, speakers),
        bootstrap(truth, predicted, classes, speakers).uar,
    )


def _embeddings_file(registry: Registry, run: Run) -> Path | None:
    found = [artifact.path for artifact in registry.results.artifacts(run.id) if artifact.kind == "embeddings"]
    return registry.paths.resolve(found[0]) if found else None


def _embeddings(run: Run, path: Path, utterances: int) -> NDArray[np.float32]:
    """The embeddings of one run's network, one row for each utterance of the corpus."""
    import numpy as np

    try:
        vectors = load_array(path)
    except FileNotFoundError:
        raise BadInput(f"the embeddings of run {run.key} are gone from {path}; put them back or retrain it") from None
    except BadInput as error:
        raise BadInput(f"cannot read the embeddings of run {run.key} from {path}: {error}") from None
    if vectors.ndim != 2 or len(vectors) != utterances:
        raise BadInput(f"{path} of run {run.key} does not hold one vector for each of the {utterances} utterances")
    return np.asarray(vectors, np.float32)
