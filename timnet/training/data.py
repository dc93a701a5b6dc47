"""The data of one fold: features from the cache, labels and rows from the registry and the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timnet.features.build import features_of, open_features
from timnet.protocols import Fold, make_folds
from timnet.records import CorpusRecord, Experiment
from timnet.tasks import Progress


@dataclass(frozen=True, slots=True)
class CorpusData:
    """A corpus ready to train on.

    ``features``: float32 ``[n, frames, 39]``, memory-mapped read-only; ``labels``: int64 ``[n]``, indices
    into ``classes``. Row i is utterance i of the registered corpus.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def load_corpus(
    corpus: CorpusRecord, cache: Path, jobs: int | None = None, on_progress: Callable[[Progress], None] | None = None
) -> CorpusData:
    """Features (made now if the cache lacks them) and labels of a registered corpus."""
    features = open_features(corpus, cache, features_of(corpus, cache, jobs, on_progress))
    return CorpusData(features, np.array(corpus.labels(), np.int64), corpus.classes)


def fold_of(corpus: CorpusRecord, experiment: Experiment, number: int) -> Fold:
    """Fold ``number`` (from 1) of an experiment over its corpus."""
    made = make_folds(
        experiment.protocol, corpus.utterances, experiment.folds, experiment.seed, experiment.config.inner
    )
    return made[number - 1]
