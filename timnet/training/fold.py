"""One fold, from data to result: epochs, checks, checkpoints, exact resume, and the final evaluation.

The order of writes is what makes a kill at any moment harmless: an epoch's row goes into the registry
first (fenced), then the resume point that holds the whole history. On the next start the registry is
made equal to the resume point, and the lost epoch is computed again, to the same bits on a CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from timnet.clock import AWAKE
from timnet.errors import TimnetError
from timnet.files import replacing
from timnet.model.network import NetworkShape, TimNet
from timnet.model.weights import load_weights, save_weights
from timnet.paths import RunPaths
from timnet.protocols import Fold
from timnet.records import EpochMetrics, EpochRecord, EventKind, Prediction, TrainingConfig, Want
from timnet.selection import selection_text
from timnet.training import checkpoint
from timnet.training.checkpoint import Progress
from timnet.training.data import CorpusData
from timnet.training.journal import AttemptJournal
from timnet.training.masks import spans_of
from timnet.training.rows import Rows
from timnet.training.rule import is_validated, judge
from timnet.training.step import Evaluation, Trainer, order_of, smooth


class Interrupted(Exception):
    """A user or the worker wants this run to leave; raised between two steps."""

    def __init__(self, want: Want) -> None:
        super().__init__(want.value)
        self.want = want


class Diverged(TimnetError):
    """The training loss is not finite: going on would train on noise."""


@dataclass(frozen=True, slots=True)
class FoldJob:
    """What is to be trained: the data, the rows, the settings, and where its files go."""

    data: CorpusData
    fold: Fold
    config: TrainingConfig
    seed: int
    paths: RunPaths


def train_fold(
    job: FoldJob, journal: AttemptJournal, wanted: Callable[[], Want | None], note: str, say: Callable[[str], None]
) -> None:
    """Train, or go on training, one fold to its end and record its result.

    ``wanted`` is asked between steps; raises :class:`Interrupted` with its answer, :class:`Diverged`, and
    :class:`timnet.errors.Fenced` when the run has been given to somebody else. ``note`` describes the
    device for the first event; ``say`` gets a line for the log.
    """
    job.paths.drop_unfinished()
    trainer = _trainer(job)
    progress = checkpoint.restore(job.paths, trainer.model, trainer.optimizer, trainer.mean)
    text = f"resumed after epoch {progress.epoch} on {note}" if progress.epoch else f"started on {note}"
    journal.begin(progress.history, text)
    if progress.history:  # a kill may have come between files, their rows, and what they supersede
        best = progress.best.epoch
        there = best is not None and job.paths.best_weights(best).exists()
        _record_weights(job, journal, progress, new_best=there)
        checkpoint.drop_older(job.paths, progress.epoch)
        if best is not None:
            job.paths.drop_old_best(best)
    say(text)
    result: Evaluation | None = None
    while progress.epoch < job.config.epochs and not progress.stopped_early:
        progress, result = _train_epoch(job, trainer, progress, journal, wanted, say)
    _finish(job, trainer, progress, result, journal, say)


def initial_seed(seed: int, fold: int) -> int:
    """The seed of a fold's initial weights and dropout: every fold of every seed has its own."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])


def _trainer(job: FoldJob) -> Trainer:
    keras.utils.set_random_seed(initial_seed(job.seed, job.fold.number))
    model = TimNet(network_shape(job.data, job.config))
    rows = job.fold.train
    targets = smooth(job.data.labels[rows], len(job.data.classes), job.config.label_smoothing)
    return Trainer(model, job.config, Rows(job.data.features, rows), targets)


def network_shape(data: CorpusData, config: TrainingConfig) -> NetworkShape:
    """The network that a configuration asks for on a corpus."""
    return NetworkShape(
        frames=data.features.shape[1],
        coefficients=data.features.shape[2],
        classes=len(data.classes),
        tabs=config.tabs,
        filters=config.filters,
        kernel_size=config.kernel_size,
        dropout=config.dropout,
        variant=config.variant,
    )


def _train_epoch(
    job: FoldJob,
    trainer: Trainer,
    progress: Progress,
    journal: AttemptJournal,
    wanted: Callable[[], Want | None],
    say: Callable[[str], None],
) -> tuple[Progress, Evaluation | None]:
    """One epoch and all that is written of it; with what the test fold said after it, where it was asked."""
    epoch, started = progress.epoch + 1, AWAKE.sign()

    def look() -> None:
        want = wanted()
        if want is not None:
            raise Interrupted(want)

    # the trainer knows the training rows alone, so the order is one of range(n)
    rows, shape = len(job.fold.train), job.data.features.shape[1:]
    order = order_of(np.arange(rows), job.seed, job.fold.number, epoch)
    spans = spans_of(job.config, rows, (shape[0], shape[1]), job.seed, job.fold.number, epoch)
    loss, accuracy = trainer.epoch(order, look, spans)
    trainer.mean.take(trainer.model, epoch)
    result = inner = None
    if is_validated(job.config, epoch):
        result, inner = _evaluate(job, trainer, job.fold.test), _evaluate(job, trainer, job.fold.inner)
    metrics = EpochMetrics(
        epoch=epoch,
        loss=_finite(loss),
        accuracy=accuracy,
        val_loss=_finite(result.loss) if result else None,
        val_accuracy=result.war if result else None,
        val_uar=result.uar if result else None,
        lr=trainer.rate,
        seconds=round(AWAKE.sign() - started, 4),
        diverged=not math.isfinite(loss),
        inner_loss=_finite(inner.loss) if inner else None,
        inner_accuracy=inner.war if inner else None,
        inner_uar=inner.uar if inner else None,
    )
    verdict = judge(job.config, progress.best, metrics)
    record = EpochRecord(metrics, verdict.check, verdict.best.epoch, verdict.best.value)
    say(_line(job.config, record))
    if verdict.save:
        save_weights(trainer.model, job.paths.best_weights(epoch), trainer.plain_stem())
    want = journal.epoch(record)
    if metrics.diverged:
        text = f"the training loss is not finite (epoch {epoch}); try a lower learning_rate"
        journal.event(EventKind.DIVERGED, text, epoch)
        raise Diverged(text)
    if verdict.stop:
        waited = f"{job.config.patience} checks without improvement"
        journal.event(EventKind.EARLY_STOP, f"stopped early: {waited}", epoch)
    after = Progress(verdict.best, (*progress.history, record), verdict.stop)
    checkpoint.save(job.paths, trainer.model, trainer.optimizer, trainer.mean, after)
    _record_weights(job, journal, after, new_best=verdict.save)
    if verdict.save:
        job.paths.drop_old_best(epoch)
    if not verdict.stop and want is not None and epoch < job.config.epochs:
        raise Interrupted(want)
    return after, result


def _record_weights(job: FoldJob, journal: AttemptJournal, progress: Progress, *, new_best: bool) -> None:
    """Tell the registry where the weights of ``progress`` lie."""
    monitor, best = job.config.monitor, progress.best
    value = getattr(progress.history[-1].metrics, monitor)
    journal.checkpoint("last", progress.epoch, job.paths.checkpoint(progress.epoch), monitor, value)
    if new_best and best.epoch is not None:
        journal.checkpoint("best", best.epoch, job.paths.best_weights(best.epoch), monitor, best.value)


def _finish(
    job: FoldJob,
    trainer: Trainer,
    progress: Progress,
    result: Evaluation | None,
    journal: AttemptJournal,
    say: Callable[[str], None],
) -> None:
    """Score the selected weights on the test fold and end the run.

    ``result`` is what the test fold said after the last epoch, where it was asked in this attempt; it need not be asked
    again where those weights are selected and need not be changed to read plain features.
    """
    epoch = progress.epoch
    if job.config.select != "last" or trainer.standard is not None:
        result = None
    if job.config.select == "average":
        trainer.use_mean()
    trainer.go_plain()
    if job.config.select == "best" and progress.best.epoch is not None:
        epoch = progress.best.epoch
        load_weights(trainer.model, job.paths.best_weights(epoch))  # they read plain features, as all that is kept
    result = result or _evaluate(job, trainer, job.fold.test)
    assert result is not None  # every protocol tests something in each fold
    save_weights(trainer.model, job.paths.final_weights)
    journal.checkpoint("final", epoch, job.paths.final_weights)
    weights = (
        f"epochs {epoch - job.config.average + 1} to {epoch}" if job.config.select == "average" else f"epoch {epoch}"
    )
    label = selection_text(job.config.selection, job.config.optimistic, ", optimistic")
    text = f"done: UAR {result.uar:.4f}, WAR {result.war:.4f} ({label}, weights of {weights})"
    embeddings = trainer.embed(Rows.all_of(job.data.features))
    record_result(journal, job.fold, job.data, result, embeddings, job.paths.embeddings, text)
    say(text)


def record_result(
    journal: AttemptJournal,
    fold: Fold,
    data: CorpusData,
    result: Evaluation,
    embeddings: NDArray[np.float32],
    path: Path,
    text: str,
) -> None:
    """Write the embeddings of all utterances to ``path`` and end the run with predictions and scores."""
    with replacing(path) as stream:
        np.save(stream, embeddings)
    journal.done(
        result.uar,
        result.war,
        [
            Prediction(int(item), int(data.labels[item]), int(row.argmax()), tuple(row.tolist()))
            for item, row in zip(fold.test, result.probabilities, strict=True)
        ],
        path,
        text,
    )


def _evaluate(job: FoldJob, trainer: Trainer, rows: NDArray[np.int64]) -> Evaluation | None:
    """Scores on some rows; None where there are none (no inner validation set)."""
    if not len(rows):
        return None
    return trainer.evaluate(Rows(job.data.features, rows), job.data.labels[rows], len(job.data.classes))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _line(config: TrainingConfig, record: EpochRecord) -> str:
    """One epoch as the log shows it."""
    m = record.metrics

    def shown(value: float | None) -> str:
        return "nan" if value is None else f"{value:.4f}"

    names = ["loss", "accuracy"]
    if m.validated:
        names += ["val_loss", "val_accuracy", "val_uar"] + (["inner_loss", "inner_uar"] if config.inner else [])
    values = "  ".join(f"{name} {shown(getattr(m, name))}" for name in names)
    return f"epoch {m.epoch}/{config.epochs}  {values}  {m.seconds:.2f} s  {record.check.text}"
