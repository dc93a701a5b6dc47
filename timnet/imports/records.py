"""From the epochs of a log to the records that the registry keeps of a training."""

from __future__ import annotations

from timnet.imports.keras_log import LoggedCheck, LoggedEpoch, LoggedFold
from timnet.records import Check, EpochMetrics, EpochRecord, EventKind, TrainingConfig


def epoch_records(fold: LoggedFold, config: TrainingConfig) -> list[EpochRecord]:
    """Every epoch of ``fold`` with the log's own verdict; ``config`` gives the learning rate where no line does."""
    records = []
    best_epoch: int | None = None
    best: float | None = None
    for one in fold.epochs:
        before = (best_epoch, best)
        if one.check is not None and one.check.kind is EventKind.CHECK_IMPROVED:
            best_epoch, best = one.epoch, one.check.value
        check = Check(EventKind.CHECK_SKIPPED if one.check is None else one.check.kind, _text(one, *before))
        records.append(EpochRecord(_metrics(one, config), check, best_epoch, best))
    return records


def _metrics(one: LoggedEpoch, config: TrainingConfig) -> EpochMetrics:
    return EpochMetrics(
        epoch=one.epoch,
        loss=one.loss,
        accuracy=one.accuracy,
        val_loss=one.val_loss,
        val_accuracy=one.val_accuracy,
        val_uar=None,
        lr=config.learning_rate if one.lr is None else one.lr,
        seconds=one.seconds,
        diverged=one.diverged,
    )


def _text(one: LoggedEpoch, best_epoch: int | None, best: float | None) -> str:
    """What the event says, in the words of :mod:`timnet.training.rule`."""
    check: LoggedCheck | None = one.check
    if check is None:
        return "the log tells of no check"
    if check.kind is EventKind.CHECK_SKIPPED:
        return "not checked"
    if check.kind is EventKind.CHECK_IMPROVED:
        value = "" if check.value is None else f"{check.value:.4f}"
        before = "first check" if best is None else f"improved {best:.4f} ->"
        return f"{check.monitor} {before} {value}, saved"
    standing = "" if best is None else f" (best is {best:.4f} of epoch {best_epoch})"
    return f"{check.monitor} did not improve{standing}"
