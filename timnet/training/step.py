"""The arithmetic of training: one step, one epoch, one evaluation. No files, no registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from timnet.evaluation.scores import confusion, uar, war
from timnet.model.network import TimNet
from timnet.records import TrainingConfig
from timnet.training.masks import masked
from timnet.training.mean import MeanWeights
from timnet.training.rate import rate_at
from timnet.training.rows import Rows
from timnet.training.standard import Standard

EVALUATION_BATCH = 256


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's answers for some rows.

    ``loss``: mean cross-entropy on hard labels; ``war``, ``uar``: fractions; ``probabilities``: float32
    ``[n, classes]``.
    """

    loss: float
    war: float
    uar: float
    probabilities: NDArray[np.float32]


def order_of(rows: NDArray[np.int64], seed: int, fold: int, epoch: int) -> NDArray[np.int64]:
    """``rows`` in the order of one epoch: a function of seed, fold and epoch, so that a resume repeats it."""
    return np.random.default_rng([seed, fold, epoch]).permutation(rows)


def smooth(labels: NDArray[np.int64], classes: int, smoothing: float) -> NDArray[np.float32]:
    """One-hot targets with label smoothing, float32 ``[n, classes]``: ``(1 - s) y + s / classes``.

    Source: ``smooth_labels`` of the authors' ``Code/TIMNET.py``, for the training labels alone.
    """
    return (np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes).astype(np.float32)


def make_optimizer(config: TrainingConfig) -> keras.Optimizer:
    """The published optimiser: Adam with the configuration's constants."""
    return keras.optimizers.Adam(config.learning_rate, beta_1=config.beta1, beta_2=config.beta2, epsilon=config.epsilon)


class Trainer:
    """A network with its optimiser, and one fold's training rows.

    A batch of them is read when its step comes; where they are ``resident``, all of them are put on the device
    beforehand. None is for a GPU resident: its memory is its own, and the way there is long.

    Where the configuration standardises features, ``standard`` is what the training rows gave for it, and the network
    reads standardised features until :meth:`go_plain`; whoever asks hands in plain ones, always. ``rate`` is the
    learning rate of the last step.
    """

    def __init__(
        self,
        model: TimNet,
        config: TrainingConfig,
        rows: Rows,
        targets: NDArray[np.float32],
        *,
        resident: bool | None = None,
    ) -> None:
        self.model = model
        self.config = config
        self.optimizer = make_optimizer(config)
        self.optimizer.build(model.trainable_variables)
        self.rate = config.learning_rate
        self.standard = None if config.normalise == "none" else Standard.of(rows, alike=config.normalise == "centred")
        self._rows = rows
        self._targets = targets
        self._resident: Any = None
        if bool(tf.config.list_logical_devices("GPU")) if resident is None else resident:
            self._resident = tf.concat([tf.constant(self._read(one)) for one in rows.batches(EVALUATION_BATCH)], 0)
        self._step = tf.function(self._one_step, input_signature=self._signature())
        self._forward = forward_of(model)
        self.mean = MeanWeights(config)

    def epoch(
        self, order: NDArray[np.int64], between_steps: Callable[[], None], spans: NDArray[np.int64] | None = None
    ) -> tuple[float, float]:
        """Train once over the training rows in ``order``; ``between_steps`` may raise to leave the epoch.

        ``spans`` tells what of each row is masked, where the configuration masks (:mod:`timnet.training.masks`).

        Returns the mean loss (on smoothed labels) and accuracy over the samples, each measured before
        the step that used it, as Keras's ``fit`` reports them.
        """
        loss_sum = hits = 0.0
        starts = range(0, len(order), self.config.batch_size)
        for start in starts:
            which = order[start : start + self.config.batch_size]
            self._set_rate(len(starts))
            masks = () if spans is None else (tf.constant(spans[which]),)
            loss, correct = self._step(self._batch(which), tf.constant(self._targets[which]), *masks)
            loss_sum += float(loss) * len(which)
            hits += float(correct)
            between_steps()
        return loss_sum / len(order), hits / len(order)

    def evaluate(self, rows: Rows, labels: NDArray[np.int64], classes: int) -> Evaluation:
        """Answers and scores for ``rows`` with their ``labels`` [n]."""
        return evaluate(self._read_and_forward, rows, labels, classes)

    def plain_stem(self) -> dict[str, NDArray[np.float32]]:
        """What the stem's weights are for plain features, by name; empty where they are that already."""
        if self.standard is None:
            return {}
        kernel, bias = (np.asarray(one) for one in (self.model.stem_kernel, self.model.stem_bias))
        return dict(zip(("stem_kernel", "stem_bias"), self.standard.plain_stem(kernel, bias), strict=True))

    def go_plain(self) -> None:
        """Put the standardisation into the stem: from now on the network reads plain features."""
        for name, value in self.plain_stem().items():
            getattr(self.model, name).assign(value)
        self.standard = None

    def use_mean(self) -> None:
        """Go over to the mean of the last epochs' weights, with batch statistics measured anew for them.

        They are measured on all training rows without dropout, as the network will be asked, each batch normalised by
        its own; mean and variance are pooled over the batches in float64.
        """
        self.mean.assign(self.model)
        measure = tf.function(self.model.statistics, input_signature=self._signature()[:1])
        rows = np.arange(len(self._rows))
        batches = [rows[start : start + EVALUATION_BATCH] for start in range(0, len(rows), EVALUATION_BATCH)]
        found = [[np.asarray(part, np.float64) for part in measure(self._batch(which))] for which in batches]
        share = [len(which) / len(rows) for which in batches]
        mean = sum(s * m for s, (m, _) in zip(share, found, strict=True))
        square = sum(s * (v + m**2) for s, (m, v) in zip(share, found, strict=True))
        self.model.moving_mean.assign(mean)
        self.model.moving_variance.assign(square - mean**2)

    def embed(self, rows: Rows) -> NDArray[np.float32]:
        """The penultimate layer for ``rows``: float32 ``[n, filters]``."""
        return embed(self._read_and_forward, rows)

    def _signature(self) -> list[Any]:
        """What a step takes: features, targets and, where there are any, masks.

        Of any number of rows: one trace serves every size of batch, and tracing costs seconds.
        """
        shapes: list[tuple[tuple[int, ...], Any]] = [
            (self._rows.features.shape[1:], tf.float32),
            (self._targets.shape[1:], tf.float32),
        ]
        if self.config.mask_frames or self.config.mask_coefficients:
            shapes.append(((4,), tf.int64))
        return [tf.TensorSpec([None, *shape], kind) for shape, kind in shapes]

    def _batch(self, which: NDArray[np.int64]) -> Any:
        """Some of the training rows as the network reads them."""
        if self._resident is not None:
            return tf.gather(self._resident, which)
        return tf.constant(self._read(self._rows.take(which)))

    def _read_and_forward(self, features: NDArray[np.float32]) -> Any:
        return self._forward(self._read(features))

    def _read(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return features if self.standard is None else self.standard.apply(features)

    def _set_rate(self, steps: int) -> None:
        """Give the optimiser the rate of its next step. It counts its steps itself; resume points keep the count."""
        if self.config.schedule != "constant" or self.config.warmup:
            self.rate = rate_at(self.config, int(self.optimizer.iterations), steps)
            self.optimizer.learning_rate.assign(self.rate)

    def _one_step(self, batch: Any, targets: Any, spans: Any = None) -> tuple[Any, Any]:
        if spans is not None:
            batch = masked(batch, spans)
        with tf.GradientTape() as tape:
            logits, _ = self.model(batch, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        correct = tf.equal(tf.argmax(logits, axis=-1), tf.argmax(targets, axis=-1))
        return loss, tf.reduce_sum(tf.cast(correct, tf.float32))


def forward_of(model: TimNet) -> Callable[[Any], Any]:
    """The model's answers as a compiled function of ``[batch, frames, coefficients]``, any batch size."""
    signature = tf.TensorSpec([None, model.shape.frames, model.shape.coefficients], tf.float32)
    return cast("Callable[[Any], Any]", tf.function(lambda batch: model(batch), input_signature=[signature]))


def evaluate(forward: Callable[[Any], Any], rows: Rows, labels: NDArray[np.int64], classes: int) -> Evaluation:
    """Scores of ``forward`` (features to logits and embedding) on ``rows``, batch by batch."""
    scores = np.concatenate([np.asarray(forward(one)[0], np.float64) for one in rows.batches(EVALUATION_BATCH)])
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    table = confusion(labels, scores.argmax(axis=1), classes)
    return Evaluation(
        loss=float(-logs[np.arange(len(labels)), labels].mean()),
        war=war(table),
        uar=uar(table),
        probabilities=np.exp(logs).astype(np.float32),
    )


def embed(forward: Callable[[Any], Any], rows: Rows) -> NDArray[np.float32]:
    """The penultimate layer that ``forward`` gives for ``rows``, batch by batch: float32 ``[n, filters]``."""
    return np.concatenate([np.asarray(forward(one)[1], np.float32) for one in rows.batches(EVALUATION_BATCH)])
