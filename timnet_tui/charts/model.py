"""What a chart shows, as values: series with bands, marks, and the plot that holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Role(StrEnum):
    """Whose curve it is; decides its colour and, where there is no colour, its marker."""

    TRAIN = "train"
    VALIDATION = "validation"
    INNER = "inner"


class BandKind(StrEnum):
    """What the band round a mean over folds is. Its word stands in the caption."""

    NONE = "none"
    SD = "sd"
    SE = "se"
    CI = "95% CI"
    RANGE = "min-max"


class XAxis(StrEnum):
    """What the horizontal axis counts: epochs, optimiser steps, or minutes of training."""

    EPOCH = "epoch"
    STEP = "step"
    MINUTES = "minutes"


class MarkKind(StrEnum):
    """What a mark tells. Glyphs and places: :mod:`timnet_tui.charts.glyphs`."""

    IMPROVED = "improved"
    BEST = "best"
    RESUMED = "resumed"
    LEARNING_RATE = "learning rate"
    DIVERGED = "diverged"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Band:
    """The spread round a mean, one entry for each of its points. ``n`` counts the folds that have a value there.

    ``lower`` and ``upper`` are None where the kind has no value: a spread needs two folds.
    """

    kind: BandKind
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    n: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: ``y[i]`` at ``x[i]``, which rises; None leaves a gap.

    ``raw`` is what was measured where ``y`` is smoothed, and is drawn faintly behind. A series with a band is a
    mean over folds. ``colour`` counts the things compared from 0; None leaves the colour to the role.
    """

    role: Role
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    label: str = ""
    faint: bool = False
    colour: int | None = None
    raw: tuple[float | None, ...] | None = None
    band: Band | None = None

    @property
    def points(self) -> tuple[tuple[float, float | None], ...]:
        """The line's points."""
        return tuple(zip(self.x, self.y, strict=True))

    @property
    def measured(self) -> tuple[float | None, ...]:
        """The values that were measured, never smoothed ones."""
        return self.y if self.raw is None else self.raw

    @property
    def last(self) -> float | None:
        """The newest measured value, None where the newest is missing."""
        return self.measured[-1] if self.x else None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at ``x``. A mark on a line says on which: ``series`` is its place in the plot."""

    kind: MarkKind
    x: float
    series: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """From ``x`` on, a mean is over ``after`` folds, before over ``before``."""

    x: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Plot:
    """One chart. ``key`` tells charts of different things apart, so that no picture stays of another run.

    ``within`` bounds the vertical axis (an accuracy never leaves 0 to 100 %); ``form`` is the format of the
    caption's numbers; ``note`` stands below, or ``short_note`` where there is little room. ``best`` is the epoch
    of the best check where one run is shown; ``smoothing`` the weight with which lines are smoothed.
    """

    key: object
    title: str
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    changes: tuple[Change, ...] = ()
    best: int | None = None
    log: bool = False
    smoothing: float = 0.0
    x_axis: XAxis = XAxis.EPOCH
    within: tuple[float, float] | None = None
    form: str = ".1f"
    note: str = ""
    short_note: str = ""

    @property
    def strong(self) -> tuple[Series, ...]:
        """The lines that are read: all but the faint ones."""
        return tuple(series for series in self.series if not series.faint)

    @property
    def xs(self) -> tuple[float, ...]:
        """Every x at which a line that is read has a point, in order."""
        return tuple(sorted({x for series in self.strong for x in series.x}))

    @property
    def empty(self) -> bool:
        """Whether there is no point at all."""
        return not any(series.x for series in self.series)


def changes_of(x: Iterable[float], n: Iterable[int]) -> tuple[Change, ...]:
    """Where the number of folds of a mean changes."""
    pairs = pairwise(zip(x, n, strict=True))
    return tuple(Change(x, before, after) for (_, before), (x, after) in pairs if before != after)
