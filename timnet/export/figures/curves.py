"""Training curves: the mean over folds, its spread, and every fold faintly behind."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.evaluation.bands import BANDS, band
from timnet.evaluation.smoothing import smooth
from timnet.evaluation.summary import CurvePoint, mean_curve
from timnet.export.colours import TEST, TRAIN
from timnet.export.figures.looks import CurveLook
from timnet.export.figures.style import GREY, facts, folds_text, frame, new_figure
from timnet.export.gather import FoldCurves, Series
from timnet.records import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("training data", "test fold")
_BAND_WORDS = {"sd": "mean ± sd", "se": "mean ± se", "ci": "mean, 95 % CI", "range": "mean, min to max"}


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the chart: a colour, the folds it is over, and their mean."""

    name: str
    colour: str
    folds: tuple[Series, ...]
    points: tuple[CurvePoint, ...]


def draw_curves(experiment: Experiment, curves: FoldCurves, classes: int, look: CurveLook | None = None) -> Figure:
    """Training data and test fold over the epochs; where the number of folds changes, a strip shows it.

    ``classes`` is the number of classes, which decides how low the loss on smoothed labels can get.
    """
    look = look or CurveLook()
    figure = new_figure(6.4, 4.2)
    lines = _lines(curves)
    changing = changes(curves)
    if changing:
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[9, 1])
        _draw_counts(strip, lines, curves.epochs)
    else:
        axes = strip = figure.subplots()
    curves_panel(axes, curves, look)
    strip.set_xlabel("epoch")
    drawn = folds_text(len(curves.train), experiment.folds)
    unfinished = f", {curves.finished} finished" if curves.finished < len(curves.train) else ""
    title = f"{experiment.corpus}: {curves.metric} over {drawn}{unfinished}"
    frame(figure, title, facts(experiment), _note(experiment, curves, classes, look))
    return figure


def curves_panel(axes: Axes, curves: FoldCurves, look: CurveLook) -> None:
    """Both lines of one metric with their bands, axes and legend, without a title."""
    for line in _lines(curves):
        _draw_line(axes, line, look)
    _scale(axes, curves)
    axes.legend(loc="lower right" if curves.metric == "accuracy" else "upper right")


def changes(curves: FoldCurves) -> bool:
    """Whether the mean is over other folds at some epochs than at others."""
    return len({point.n for line in _lines(curves) for point in line.points}) > 1


def _lines(curves: FoldCurves) -> tuple[_Line, _Line]:
    train, test = (
        _Line(name, colour, folds, tuple(mean_curve(folds)))
        for name, colour, folds in zip(NAMES, (TRAIN, TEST), (curves.train, curves.test), strict=True)
    )
    return train, test


def _draw_line(axes: Axes, line: _Line, look: CurveLook) -> None:
    several = len(line.folds) > 1
    for series in line.folds if several else ():
        asked = _asked([series])
        axes.plot(
            asked, _gaps([series[epoch - 1] for epoch in asked]), color=line.colour, alpha=0.22, linewidth=0.6,
            marker=_marker(series), markersize=2,
        )  # fmt: skip
    by_epoch = {point.epoch: point for point in line.points}
    epochs = _asked(line.folds)
    mean = [by_epoch[epoch].mean if epoch in by_epoch else None for epoch in epochs]
    if look.smoothing:
        axes.plot(epochs, _gaps(mean), color=line.colour, alpha=0.55, linewidth=0.9, zorder=2.5)
    axes.plot(
        epochs, _gaps(smooth(mean, look.smoothing)), color=line.colour, linewidth=1.7,
        label=f"{line.name}, {_count(line.points, look)}", zorder=3, marker=_marker(mean), markersize=4,
    )  # fmt: skip
    edges = [band([series[epoch - 1] for series in line.folds if epoch <= len(series)], look.band) for epoch in epochs]
    low, high = ([math.nan if edge is None else edge[side] for edge in edges] for side in (0, 1))
    axes.fill_between(epochs, low, high, color=line.colour, alpha=0.16, linewidth=0)


def _asked(folds: Sequence[Series]) -> list[int]:
    """The epochs after which any of the folds was asked: lines go from one to the next, whatever lies between."""
    longest = max(map(len, folds), default=0)
    return [
        epoch
        for epoch in range(1, longest + 1)
        if any(len(series) >= epoch and series[epoch - 1] is not None for series in folds)
    ]


def _marker(series: Sequence[float | None]) -> str:
    """A line through one point cannot be seen: give it a marker."""
    return "o" if sum(value is not None and math.isfinite(value) for value in series) == 1 else ""


def _gaps(series: Sequence[float | None]) -> list[float]:
    """For matplotlib: NaN breaks the line where there is no value."""
    return [math.nan if value is None or not math.isfinite(value) else value for value in series]


def _count(points: Sequence[CurvePoint], look: CurveLook) -> str:
    """``mean ± sd, n = 10``: what the line and the band are, and over how many folds."""
    counts = {point.n for point in points}
    if counts <= {1}:
        return f"n = {len(counts)}"
    return f"{_BAND_WORDS[look.band]}, n = {min(counts)}" + (f" to {max(counts)}" if len(counts) > 1 else "")


def _draw_counts(strip: Axes, lines: Sequence[_Line], epochs: int) -> None:
    """Over how many folds the means are, epoch by epoch: one area, or two where the two lines differ."""
    from matplotlib.ticker import MaxNLocator

    every = range(1, epochs + 1)
    found = [{point.epoch: point.n for point in line.points} for line in lines]
    asked = [_asked(line.folds) for line in lines]  # what lies before an epoch that was asked counts as it does
    counts = [
        [n.get(places[at], 0) if (at := bisect_left(places, epoch)) < len(places) else 0 for epoch in every]
        for n, places in zip(found, asked, strict=True)
    ]
    edges = [*(epoch - 0.5 for epoch in every), epochs + 0.5]
    areas = [(counts[0], GREY)] if counts[0] == counts[1] else zip(counts, (TRAIN, TEST), strict=True)
    for count, colour in areas:
        strip.fill_between(edges, [*count, count[-1]], step="post", color=colour, alpha=0.35, linewidth=0)
    strip.set_ylim(0, max(map(max, counts)))
    strip.set_ylabel("n", rotation=0, ha="right", va="center")
    strip.yaxis.set_major_locator(MaxNLocator(1, integer=True))


def _scale(axes: Axes, curves: FoldCurves) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    if curves.epochs > 1:
        axes.set_xlim(1, curves.epochs)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    else:
        axes.set(xlim=(0, 2), xticks=[1])
    axes.set_ylabel(curves.metric)
    axes.grid(axis="y", color="#E8EAED", linewidth=0.7)
    axes.set_axisbelow(True)
    if curves.metric == "accuracy":
        axes.set_ylim(0, 1.005)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    else:
        axes.set_ylim(bottom=0)


def _note(experiment: Experiment, curves: FoldCurves, classes: int, look: CurveLook) -> str:
    parts = []
    smoothing = experiment.config.label_smoothing
    if curves.metric == "loss" and smoothing:
        floor = smoothed_floor(smoothing, classes)
        parts.append(
            f"The training loss is on smoothed labels (smoothing {smoothing:g}: with {classes} classes it cannot fall "
            f"below {floor:.3f}), the loss on the test fold on hard ones: the two are not comparable as they stand."
        )
    if len(curves.train) > 1:
        words = BANDS[look.band]
        parts.append(f"Thin lines: single folds. Band: {'± ' if look.band in ('sd', 'se') else ''}{words}.")
    if look.smoothing:
        parts.append(
            f"Thick line: the mean, smoothed (debiased exponential moving average over epochs, weight "
            f"{look.smoothing:g}); everything else is as measured."
        )
    if changes(curves):
        parts.append("Where n changes, the mean is over other folds than before.")
    if experiment.optimistic:
        parts.append("Optimistic: the test fold itself chose the epoch that is scored.")
    return " ".join(parts)


def smoothed_floor(smoothing: float, classes: int) -> float:
    """The lowest cross-entropy (nats) that labels smoothed by ``smoothing`` allow: their own entropy.

    Smoothing gives the true class ``1 - s + s / K`` and each other ``s / K`` (Szegedy et al., CVPR 2016).
    """
    other = smoothing / classes
    true = 1 - smoothing + other
    rest = (classes - 1) * other * math.log(other) if other else 0.0
    return -(true * math.log(true) + rest)
