"""The recall of each class, pooled over folds, with a bootstrap interval over speakers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.export.colours import colours_of
from timnet.export.figures.style import GREY, facts, folds_text, frame, new_figure
from timnet.export.gather import Recalls
from timnet.export.writers import percent
from timnet.records import Experiment
from timnet.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#202124"


def draw_recall(experiment: Experiment, recalls: Recalls, fold: int | None) -> Figure:
    """One line a class: its recall, its interval, and over how many utterances it is."""
    figure = new_figure(6.4, 2.1 + 0.34 * len(recalls.scores.recalls))
    recall_panel(figure.subplots(), recalls)
    of = f"fold {fold} of {experiment.folds}" if fold else folds_text(len(recalls.scores.folds), experiment.folds)
    title = f"{experiment.corpus}: recall of each class, {of}"
    frame(figure, title, facts(experiment), _note(recalls, fold))
    return figure


def recall_panel(axes: Axes, recalls: Recalls) -> None:
    """The classes one below the other, the pooled UAR as a line across them, without a title."""
    from matplotlib.ticker import PercentFormatter

    classes = recalls.scores.recalls
    colours = colours_of([one.name for one in classes])
    uar = recalls.scores.uar
    axes.axvspan(recalls.uar.low, recalls.uar.high, color=GREY, alpha=0.12, linewidth=0)
    axes.axvline(uar, color=GREY, linewidth=0.9, linestyle=(0, (4, 2)))
    for place, (one, interval) in enumerate(zip(classes, recalls.intervals.recalls, strict=True)):
        if one.recall is None:
            axes.text(0.01, place, "no utterance", va="center", fontsize=7, color=GREY)
            continue
        axes.barh(place, one.recall, height=0.62, color=colours[one.name], alpha=0.85, edgecolor=INK, linewidth=0.3)
        if interval is not None:
            axes.plot([interval.low, interval.high], [place, place], color=INK, linewidth=1.3, solid_capstyle="butt")
            axes.plot([interval.low, interval.high], [place, place], color=INK, linestyle="", marker="|", markersize=7)
        axes.text(1.015, place, f"{100 * one.recall:.1f}", va="center", ha="left", fontsize=8, color=INK)
    axes.set_yticks(range(len(classes)), [f"{clean(one.name)} ({one.n})" for one in classes])
    axes.set(xlim=(0, 1.0), ylim=(len(classes) - 0.4, -0.6), xlabel="recall")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.tick_params(axis="y", length=0)


def _note(recalls: Recalls, fold: int | None) -> str:
    drawn = recalls.intervals
    parts = [
        f"Pooled UAR {percent(recalls.scores.uar)} %, WAR {percent(recalls.scores.war)} % over n = {recalls.scores.n} "
        f"utterances{'' if fold else ' of all folds taken together'} (dashed line: UAR).",
        f"Lines and shade: {100 * drawn.level:g} % bootstrap intervals, {drawn.replicates} draws of {drawn.n} "
        f"{drawn.unit}{f'; {drawn.note}' if drawn.note else ''}.",
    ]
    if drawn.least < 1:
        parts.append(f"Draws without an utterance of a class do not count for it (at most {1 - drawn.least:.1%}).")
    if recalls.scores.missing:
        parts.append(f"{recalls.scores.note.capitalize()}.")
    return " ".join(parts)
