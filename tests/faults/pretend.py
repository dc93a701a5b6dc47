"""The warm process with a network of a few numbers: all of a training process is real but its arithmetic.

It is forked, proves its life, reads its run, writes epochs, weights and resume points as any other, within a second
instead of a minute, so that hundreds can be killed. As the real one it goes on exactly only if everything comes back:
the weights, the optimiser's moment, and the state of the noise.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STEP_SECONDS = 0.004
FEATURES = (4, 39)


class _Names(type):
    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class Nothing(metaclass=_Names):
    """What stands for everything of TensorFlow's that is named and never called."""


def without_tensorflow() -> None:
    """Let the modules that need TensorFlow be imported without it."""
    for name in ("keras", "tensorflow", "timnet.model.network"):
        module = types.ModuleType(name)
        module.__getattr__ = lambda _name: Nothing  # type: ignore[method-assign]
        sys.modules[name] = module


class Variable:
    """An array with a name that can be assigned to."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = np.array(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def assign(self, value: Any) -> None:
        self.value = np.array(value, self.value.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.value if dtype is None else self.value.astype(dtype)


class Trainer:
    """Does what the real one is asked for in a fold."""

    def __init__(self, job: Any) -> None:
        from timnet.training.mean import MeanWeights

        self.rate = job.config.learning_rate
        self.standard = None  # it trains on the features as they are
        self._utterances = len(job.data.labels)
        self._filters = job.config.filters
        self._batch = job.config.batch_size
        self._weights = Variable("weights", np.random.default_rng([job.seed, job.fold.number]).normal(size=8))
        self._noise = Variable("noise", np.array([job.fold.number], np.uint32))
        self._moment = Variable("moment", np.zeros(8))
        self.model = types.SimpleNamespace(
            variables=[self._weights, self._noise], weights=[self._weights], trainable_variables=[self._weights]
        )
        self.optimizer = types.SimpleNamespace(variables=[self._moment])
        self.mean = MeanWeights(job.config)

    def epoch(self, order: Any, between_steps: Callable[[], None], _spans: Any = None) -> tuple[float, float]:
        for start in range(0, len(order), self._batch):
            time.sleep(STEP_SECONDS)
            self._noise.assign(self._noise.value + 1)
            noise = np.random.default_rng(int(self._noise.value[0])).normal(size=8)
            gradient = self._weights.value + noise + order[start] / len(order)
            self._moment.assign(0.9 * self._moment.value + 0.1 * gradient)
            self._weights.assign(self._weights.value - self.rate * self._moment.value)
            between_steps()
        return float(np.abs(self._weights.value).sum()), 0.5

    def evaluate(self, _rows: Any, labels: Any, classes: int) -> Any:
        from timnet.training.step import Evaluation

        scores = np.exp(np.outer(labels + 1.0, np.resize(self._weights.value, classes)))
        probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
        hits = float((probabilities.argmax(axis=1) == labels).mean())
        return Evaluation(float(np.abs(self._weights.value).max()), hits, hits, probabilities)

    def embed(self, _rows: Any) -> Any:
        return np.resize(self._weights.value, (self._utterances, self._filters)).astype(np.float32)

    def plain_stem(self) -> dict[str, Any]:
        return {}

    def go_plain(self) -> None:
        return


def data_of(corpus: Any, cache: Path) -> Any:
    """The corpus's labels, and features that nobody reads."""
    from timnet.training.data import CorpusData

    labels = np.array([corpus.classes.index(one.label) for one in corpus.utterances], np.int64)
    return CorpusData(np.zeros((len(labels), *FEATURES), np.float32), labels, corpus.classes)


def prepare() -> None:
    """Put the pretended parts in their places."""
    without_tensorflow()
    import sklearn.model_selection  # noqa: F401  # each process would load these two for itself
    import sqlite_utils.db  # noqa: F401

    import timnet.training.data
    import timnet.training.device
    import timnet.training.fold

    timnet.training.fold._trainer = Trainer  # type: ignore[assignment]
    timnet.training.data.load_corpus = data_of  # type: ignore[assignment]
    timnet.training.device.prepare = lambda *_: "nothing at all"


if __name__ == "__main__":
    from timnet.training import warm

    warm._load = prepare
    sys.exit(warm.main())
