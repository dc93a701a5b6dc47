"""The checkpoint rule: when an epoch is checked, what counts as an improvement, when to stop early.

Pure: a configuration, what was best so far, and one epoch's metrics in; a verdict out.
"""

from __future__ import annotations

from dataclasses import dataclass

from timnet.records import Check, EpochMetrics, EventKind, TrainingConfig


@dataclass(frozen=True, slots=True)
class BestSoFar:
    """The best checked value and its epoch, and how many checks have passed since without a better one."""

    epoch: int | None = None
    value: float | None = None
    checks_since: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of one epoch. ``save``: keep these weights as the best; ``stop``: train no further."""

    best: BestSoFar
    check: Check
    save: bool = False
    stop: bool = False


def is_validated(config: TrainingConfig, epoch: int) -> bool:
    """Whether test fold and inner set are asked after ``epoch`` (from 1): every ``validate_every``-th, and the last."""
    return epoch % config.validate_every == 0 or epoch == config.epochs


def is_checked(config: TrainingConfig, epoch: int) -> bool:
    """Whether ``epoch`` (from 1) is checked: every ``check_every``-th one, from ``check_from`` on.

    Where what is checked is measured by validation, only an epoch with one is.
    """
    measured = config.monitor in ("loss", "accuracy") or is_validated(config, epoch)
    return measured and epoch >= config.check_from and epoch % config.check_every == 0


def judge(config: TrainingConfig, best: BestSoFar, metrics: EpochMetrics) -> Verdict:
    """Judge one epoch. ``patience`` counts checks, not epochs; 0 never stops."""
    if not is_checked(config, metrics.epoch):
        return Verdict(best, Check(EventKind.CHECK_SKIPPED, "not checked"))
    value: float | None = getattr(metrics, config.monitor)
    if value is not None and _is_better(config, value, best.value):
        before = "" if best.value is None else f"{best.value:.4f} -> "
        word = "improved" if best.value is not None else "first check"
        text = f"{config.monitor} {word} {before}{value:.4f}, saved"
        return Verdict(BestSoFar(metrics.epoch, value), Check(EventKind.CHECK_IMPROVED, text), save=True)
    waited = BestSoFar(best.epoch, best.value, best.checks_since + 1)
    standing = (
        "there is no finite value yet" if best.value is None else f"best is {best.value:.4f} of epoch {best.epoch}"
    )
    now = "no finite value" if value is None else f"{value:.4f}"
    text = f"{config.monitor} did not improve ({now}; {standing})"
    stop = bool(config.patience) and waited.checks_since >= config.patience
    return Verdict(waited, Check(EventKind.CHECK_NOT_IMPROVED, text), stop=stop)


def _is_better(config: TrainingConfig, value: float, best: float | None) -> bool:
    if best is None:
        return True
    gain = best - value if config.monitor_mode == "min" else value - best
    return gain > config.min_delta
