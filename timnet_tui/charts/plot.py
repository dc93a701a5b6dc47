"""What a chart shows, as a value: from the epochs of a run to curves, marks and a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from timnet.records import EpochMetrics, Event, EventKind
from timnet_tui.snapshot import Detail


class Role(StrEnum):
    """Whose curve it is; decides its colour and, where there is no colour, its marker."""

    TRAIN = "train"
    VALIDATION = "validation"


@dataclass(frozen=True, slots=True)
class Curve:
    """One value an epoch; None leaves a gap."""

    role: Role
    points: tuple[tuple[int, float | None], ...]

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.points[-1][1] if self.points else None


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart. ``improved`` are epochs at which a check improved, ``best`` the best of them.

    ``within`` bounds the vertical axis (an accuracy never leaves 0 to 100 %); ``digits`` are those of
    the caption's numbers; ``note`` stands below.
    """

    key: object
    title: str
    curves: tuple[Curve, ...]
    improved: tuple[int, ...] = ()
    best: int | None = None
    log: bool = False
    within: tuple[float, float] | None = None
    digits: int = 1
    note: str = ""
    short_note: str = ""

    @property
    def last_epoch(self) -> int:
        """The last epoch of any curve, 0 when there is none."""
        return max((curve.points[-1][0] for curve in self.curves if curve.points), default=0)


SMOOTHED = "training loss is on smoothed labels, validation loss on hard ones: not comparable"
SMOOTHED_SHORT = "smoothed train labels: not comparable"


def accuracy_plot(detail: Detail) -> Plot:
    """Accuracy in per cent, train and validation."""
    epochs = detail.epochs
    return Plot(
        key=("accuracy", detail.run.id),
        title="accuracy %",
        curves=(
            _curve(Role.TRAIN, [(m.epoch, _percent(m.accuracy)) for m in epochs]),
            _curve(Role.VALIDATION, [(m.epoch, _percent(m.val_accuracy)) for m in epochs]),
        ),
        improved=improved_epochs(detail.events),
        best=detail.run.best_epoch,
        within=(0.0, 100.0),
    )


def loss_plot(detail: Detail, *, log: bool) -> Plot:
    """Loss, train and validation, with the warning that the two are different measures."""
    epochs = detail.epochs
    smoothed = detail.experiment.config.label_smoothing > 0
    gone = diverged(epochs)
    note, short = (SMOOTHED, SMOOTHED_SHORT) if smoothed else ("", "")
    if gone is not None:
        note, short = f"training loss not finite from epoch {gone}; {note}", f"not finite from epoch {gone}"
    return Plot(
        key=("loss", detail.run.id),
        title="loss, log y" if log else "loss",
        curves=(
            _curve(Role.TRAIN, [(m.epoch, m.loss) for m in epochs]),
            _curve(Role.VALIDATION, [(m.epoch, m.val_loss) for m in epochs]),
        ),
        improved=improved_epochs(detail.events),
        best=detail.run.best_epoch,
        log=log,
        digits=3,
        note=note.removesuffix("; "),
        short_note=short,
    )


def improved_epochs(events: Sequence[Event]) -> tuple[int, ...]:
    """The epochs at which a check improved and weights were kept."""
    return tuple(e.epoch for e in events if e.kind == EventKind.CHECK_IMPROVED and e.epoch is not None)


def diverged(epochs: Sequence[EpochMetrics]) -> int | None:
    """The first epoch whose training loss was not finite."""
    return next((m.epoch for m in epochs if m.diverged), None)


def _curve(role: Role, points: Sequence[tuple[int, float | None]]) -> Curve:
    return Curve(role, tuple(points))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
