"""Training curves: the mean over folds, its spread, and every fold faintly behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from timnet.evaluation.summary import CurvePoint, mean_curve
from timnet.export.colours import TEST, TRAIN
from timnet.export.figures.style import GREY, facts, folds_text, frame, new_figure
from timnet.export.gather import FoldCurves, Series
from timnet.records import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_curves(experiment: Experiment, curves: FoldCurves, classes: int) -> Figure:
    """Training data and test fold over the epochs; where the number of folds changes, a strip shows it.

    ``classes`` is the number of classes, which decides how low the loss on smoothed labels can get.
    """
    figure = new_figure(6.4, 4.2)
    means = [mean_curve(curves.train), mean_curve(curves.test)]
    changing = len({point.n for points in means for point in points}) > 1
    if changing:
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[9, 1])
        _draw_counts(strip, means, curves.epochs)
    else:
        axes = strip = figure.subplots()
    _draw_mean(axes, "training data", TRAIN, curves.train, means[0])
    _draw_mean(axes, "test fold", TEST, curves.test, means[1])
    _scale(axes, curves)
    strip.set_xlabel("epoch")
    place = "lower right" if curves.metric == "accuracy" else "upper right"
    axes.legend(loc=place)
    drawn = folds_text(len(curves.train), experiment.folds)
    unfinished = f", {curves.finished} finished" if curves.finished < len(curves.train) else ""
    title = f"{experiment.corpus}: {curves.metric} over {drawn}{unfinished}"
    frame(figure, title, facts(experiment), _note(experiment, curves, classes, changing=changing))
    return figure


def _draw_mean(axes: Axes, name: str, colour: str, folds: Sequence[Series], points: Sequence[CurvePoint]) -> None:
    several = len(folds) > 1
    for series in folds if several else ():
        epochs = range(1, len(series) + 1)
        axes.plot(epochs, _gaps(series), color=colour, alpha=0.22, linewidth=0.6, marker=_marker(series), markersize=2)
    by_epoch = {point.epoch: point for point in points}
    last = max(by_epoch, default=0)
    line = [by_epoch[epoch].mean if epoch in by_epoch else None for epoch in range(1, last + 1)]
    label = f"{name}, {_count(points)}"
    axes.plot(
        range(1, last + 1),
        _gaps(line),
        color=colour,
        linewidth=1.7,
        label=label,
        zorder=3,
        marker=_marker(line),
        markersize=4,
    )
    low, high = ([_offset(by_epoch.get(epoch), side) for epoch in range(1, last + 1)] for side in (-1, 1))
    axes.fill_between(range(1, last + 1), low, high, color=colour, alpha=0.16, linewidth=0)


def _marker(series: Sequence[float | None]) -> str:
    """A line through one point cannot be seen: give it a marker."""
    return "o" if sum(value is not None for value in series) == 1 else ""


def _gaps(series: Sequence[float | None]) -> list[float]:
    """For matplotlib: NaN breaks the line where there is no value."""
    return [math.nan if value is None or not math.isfinite(value) else value for value in series]


def _offset(point: CurvePoint | None, side: int) -> float:
    return math.nan if point is None or point.sd is None else point.mean + side * point.sd


def _count(points: Sequence[CurvePoint]) -> str:
    """``mean ± sd, n = 10``: what the line and the band are, and over how many folds."""
    counts = {point.n for point in points}
    if counts <= {1}:
        return f"n = {len(counts)}"
    return f"mean ± sd, n = {min(counts)}" + (f" to {max(counts)}" if len(counts) > 1 else "")


def _draw_counts(strip: Axes, means: Sequence[Sequence[CurvePoint]], epochs: int) -> None:
    """Over how many folds the means are, epoch by epoch: one area, or two where the two lines differ."""
    from matplotlib.ticker import MaxNLocator

    found = [{point.epoch: point.n for point in points} for points in means]
    counts = [[n.get(epoch, 0) for epoch in range(1, epochs + 1)] for n in found]
    edges = [epoch - 0.5 for epoch in range(1, epochs + 2)]
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


def _note(experiment: Experiment, curves: FoldCurves, classes: int, *, changing: bool) -> str:
    parts = []
    smoothing = experiment.config.label_smoothing
    if curves.metric == "loss" and smoothing:
        floor = smoothed_floor(smoothing, classes)
        parts.append(
            f"The training loss is on smoothed labels (smoothing {smoothing:g}: with {classes} classes it cannot fall "
            f"below {floor:.3f}), the loss on the test fold on hard ones: the two are not comparable as they stand."
        )
    if len(curves.train) > 1:
        parts.append("Thin lines: single folds. Band: ± one sample standard deviation over folds.")
    if changing:
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
