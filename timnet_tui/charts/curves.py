"""From the epochs of runs to a plot: which metric, over which axis, one fold or the mean of several, smoothed or not.

All of it is pure and may take some milliseconds for many folds, so the chart has it done in its thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import accumulate, compress

from timnet.evaluation.smoothing import smooth
from timnet.records import EpochMetrics
from timnet_tui.charts import marks, spread
from timnet_tui.charts.model import BandKind, Change, Mark, MarkKind, Plot, Role, Series, XAxis, changes_of

SMOOTHED = "training loss is on smoothed labels, validation loss on hard ones: not comparable"
SMOOTHED_SHORT = "smoothed train labels: not comparable"


class Metric(StrEnum):
    """What a chart can show of the epochs."""

    ACCURACY = "accuracy"
    LOSS = "loss"
    UAR = "uar"
    LEARNING_RATE = "lr"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Shape:
    """How a metric is shown: its title, the fields for each role, and whether it is a share shown in per cent."""

    title: str
    fields: tuple[tuple[Role, str], ...]
    percent: bool = False
    form: str = ".1f"


SHAPES = {
    Metric.ACCURACY: Shape(
        "accuracy %",
        ((Role.TRAIN, "accuracy"), (Role.VALIDATION, "val_accuracy"), (Role.INNER, "inner_accuracy")),
        percent=True,
    ),
    Metric.LOSS: Shape(
        "loss", ((Role.TRAIN, "loss"), (Role.VALIDATION, "val_loss"), (Role.INNER, "inner_loss")), form=".3f"
    ),
    Metric.UAR: Shape("UAR %", ((Role.VALIDATION, "val_uar"), (Role.INNER, "inner_uar")), percent=True),
    Metric.LEARNING_RATE: Shape("learning rate", ((Role.TRAIN, "lr"),), form=".3g"),
    Metric.SECONDS: Shape("seconds an epoch", ((Role.TRAIN, "seconds"),), form=".2f"),
}


@dataclass(frozen=True, slots=True)
class Fold:
    """One run's epochs and what is marked in them. ``steps`` are the optimiser's steps in an epoch."""

    epochs: tuple[EpochMetrics, ...]
    improved: tuple[int, ...] = ()
    best: int | None = None
    resumed: tuple[int, ...] = ()
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """What one colour stands for: one fold, or the mean over several.

    ``mean`` asks for a mean (with its n) even where only one fold has begun. ``colour`` is None where roles decide.
    """

    folds: tuple[Fold, ...]
    label: str = ""
    mean: bool = False
    colour: int | None = None

    @property
    def averaged(self) -> bool:
        """Whether a mean is shown."""
        return self.mean or len(self.folds) > 1


@dataclass(frozen=True, slots=True)
class Look:
    """What a user may change about a chart, the same for every chart of a screen."""

    x_axis: XAxis = XAxis.EPOCH
    band: BandKind = BandKind.SD
    smoothing: float = 0.0
    log: bool = False
    every_fold: bool = True
    roles: tuple[Role, ...] = (Role.TRAIN, Role.VALIDATION, Role.INNER)


@dataclass(frozen=True, slots=True)
class Curves:
    """What a chart is asked to show. ``smoothed_labels``: the training loss is not that of the validation."""

    key: object
    metric: Metric
    groups: tuple[Group, ...]
    smoothed_labels: bool = False

    def plot(self, look: Look) -> Plot:
        """The plot, as a user wants to look at it."""
        shape = SHAPES[self.metric]
        series: list[Series] = []
        found: list[Mark] = []
        for group in self.groups:
            drawn = _Drawn(group, shape, look)
            found += drawn.marks(len(series))
            series += drawn.series
        changes = _changes(series)
        found += [Mark(MarkKind.COUNT, change.x) for change in changes]
        note, short = self._notes(look)
        return Plot(
            key=self.key,
            title=shape.title,
            series=tuple(series),
            marks=tuple(found),
            changes=changes,
            best=self._best(),
            log=look.log,
            smoothing=look.smoothing,
            x_axis=look.x_axis,
            within=(0.0, 100.0) if shape.percent else None,
            form=shape.form,
            note=note,
            short_note=short,
        )

    def _best(self) -> int | None:
        folds = [fold for group in self.groups for fold in group.folds]
        return folds[0].best if len(folds) == 1 and not self.groups[0].averaged else None

    def _notes(self, look: Look) -> tuple[str, str]:
        if self.metric is not Metric.LOSS:
            return "", ""
        both = {Role.TRAIN, Role.VALIDATION} <= set(look.roles)
        note, short = (SMOOTHED, SMOOTHED_SHORT) if self.smoothed_labels and both else ("", "")
        gone = min((epoch for group in self.groups for epoch in map(_diverged, group.folds) if epoch), default=None)
        if gone is not None:
            several = "in a fold " if any(group.averaged for group in self.groups) else ""
            note = f"training loss not finite {several}from epoch {gone}; {note}".removesuffix("; ")
            short = f"not finite from epoch {gone}"
        return note, short


def _diverged(fold: Fold) -> int | None:
    return marks.diverged(fold.epochs)


class _Drawn:
    """The lines and marks of one group."""

    def __init__(self, group: Group, shape: Shape, look: Look) -> None:
        self.group, self.shape, self.look = group, shape, look
        self.places = [_places(fold, look.x_axis) for fold in group.folds]
        # after these epochs the test fold was asked, in one run at least: elsewhere no line has anything to show
        self.asked = frozenset(metrics.epoch for fold in group.folds for metrics in fold.epochs if metrics.validated)
        self.series = [series for role, name in shape.fields if role in look.roles for series in self._of(role, name)]

    def _of(self, role: Role, name: str) -> Iterator[Series]:
        read: Callable[[EpochMetrics], float | None] = partial(_value, name, self.shape.percent)
        lines = []
        for fold, places in zip(self.group.folds, self.places, strict=True):
            epochs, x = (fold.epochs, places) if role is Role.TRAIN else _validated(fold.epochs, places, self.asked)
            lines.append(Series(role, x, tuple(map(read, epochs)), self.group.label, colour=self.group.colour))
        if role is Role.INNER:  # few experiments have an inner validation set
            lines = [line for line in lines if any(value is not None for value in line.y)]
        if not self.group.averaged:
            for line in lines:
                yield _smoothed(line, self.look.smoothing)
            return
        lines = [line for line in lines if any(value is not None for value in line.y)]
        if self.look.every_fold:
            for line in lines:
                yield replace(line, faint=True)
        if lines:
            yield self._mean(lines)

    def _mean(self, lines: Sequence[Series]) -> Series:
        """The mean line. Smoothing is done in each fold, so that where folds end nothing is smeared over."""
        x = self._common(lines)
        aligned = [_aligned(x, line.x, line.y) for line in lines]
        mean, band = spread.average(aligned, self.look.band)
        plain = replace(lines[0], x=x, y=mean, band=band)
        if not self.look.smoothing:
            return plain
        smoothed = [_aligned(x, line.x, smooth(line.y, self.look.smoothing)) for line in lines]
        return replace(plain, y=spread.average(smoothed, BandKind.NONE)[0], raw=mean)

    def _common(self, lines: Sequence[Series]) -> tuple[float, ...]:
        """The x of the mean: every epoch, or, where folds share no x, as many places as the longest has epochs."""
        steps = {fold.steps for fold in self.group.folds}
        if self.look.x_axis is XAxis.EPOCH or (self.look.x_axis is XAxis.STEP and len(steps) == 1):
            longest = max((line.x for line in lines), key=len)
            every = {x for line in lines for x in line.x}
            return longest if len(every) == len(longest) else tuple(sorted(every))
        return spread.grid([line.x for line in lines], max(len(line.x) for line in lines))

    def marks(self, offset: int) -> list[Mark]:
        """What is marked in this group; its series stand in the plot from ``offset`` on."""
        found: list[Mark] = []
        for fold, places in zip(self.group.folds, self.places, strict=True):
            at = dict(zip((metrics.epoch for metrics in fold.epochs), places, strict=True))
            line = None if self.group.averaged else self._validation(offset)
            found += marks.of_fold(fold.epochs, fold, at, line, colour=self.group.colour, mean=self.group.averaged)
        return list(dict.fromkeys(found))

    def _validation(self, offset: int) -> int | None:
        """The place of the line on which the best epoch is marked."""
        own = [place for place, series in enumerate(self.series) if series.role is Role.VALIDATION]
        return offset + own[0] if own else None


def _validated(
    epochs: tuple[EpochMetrics, ...], places: tuple[float, ...], asked: frozenset[int]
) -> tuple[tuple[EpochMetrics, ...], tuple[float, ...]]:
    """Those that were ``asked`` for, so that a line goes straight from one to the next: between them is no gap."""
    kept = [metrics.epoch in asked for metrics in epochs]
    if all(kept) or not asked:
        return epochs, places
    return tuple(compress(epochs, kept)), tuple(compress(places, kept))


def _places(fold: Fold, axis: XAxis) -> tuple[float, ...]:
    """Where each epoch stands. Minutes are those spent training: what lay between two attempts is not in them."""
    if axis is XAxis.MINUTES:
        spent = (max(0.0, m.seconds) if math.isfinite(m.seconds) else 0.0 for m in fold.epochs)
        return tuple(seconds / 60 for seconds in accumulate(spent))
    steps = max(1, fold.steps) if axis is XAxis.STEP else 1
    return tuple(float(m.epoch * steps) for m in fold.epochs)


def _value(name: str, percent: bool, metrics: EpochMetrics) -> float | None:
    value: float | None = getattr(metrics, name)
    if value is None or not math.isfinite(value):
        return None
    return 100 * value if percent else value


def _smoothed(line: Series, weight: float) -> Series:
    return replace(line, y=tuple(smooth(line.y, weight)), raw=line.y) if weight else line


def _aligned(wanted: tuple[float, ...], x: tuple[float, ...], y: Sequence[float | None]) -> Sequence[float | None]:
    """A fold's values at the x of the mean."""
    if wanted == x:
        return y
    if len(x) <= len(wanted) and wanted[: len(x)] == x:
        return [*y, *[None] * (len(wanted) - len(x))]
    return spread.at_each(wanted, x, y)


def _changes(series: Sequence[Series]) -> tuple[Change, ...]:
    """Where the n of any mean changes, each named once."""
    every = (change for one in series if one.band is not None for change in changes_of(one.x, one.band.n))
    return tuple(sorted(dict.fromkeys(every), key=lambda change: change.x))
