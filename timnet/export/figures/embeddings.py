"""t-SNE of the penultimate layer: every test utterance, embedded by a network that was not trained on it.

With more than one fold the points come from several networks, each with a space of its own. The spaces were
moved onto the first by a shift, a scale and a rotation (:mod:`timnet.evaluation.alignment`), which no label
takes part in. That brings them near each other, not into one: the caption says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.export.colours import CLASS_COLOURS, colours_of
from timnet.export.figures.style import GREY, facts, folds_text, frame, new_figure
from timnet.export.placed import Placed
from timnet.records import Experiment
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MARKERS = dict(zip(CLASS_COLOURS, "osD^vP*Xp", strict=True))
"""A shape of its own for each canonical class, the same in every corpus; other classes share the rest."""
OTHER_MARKERS = "<>hd8H"
MANY, VERY_MANY = 600, 2500  # points; from there on they are drawn smaller


def draw_tsne(experiment: Experiment, placed: Placed, fold: int | None, mfcc: Placed | None = None) -> Figure:
    """The t-SNE picture; ``fold`` names the one fold it shows, if one.

    ``mfcc``: the same utterances by what the network is given, drawn beside it.
    """
    found = placed.embedded
    figure = new_figure(6.4 if mfcc is None else 9.6, 5.2 if mfcc is None else 5.0)
    if mfcc is None:
        axes = figure.subplots()
    else:
        before, axes = figure.subplots(1, 2)
        tsne_panel(before, mfcc)
        before.set_title("input: MFCC, mean over frames", fontsize=9, color=GREY)
        axes.set_title("penultimate layer", fontsize=9, color=GREY)
    tsne_panel(axes, placed)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="class (utterances)", alignment="left")
    n = len(placed.places)
    if found.seen is not None:
        title = f"{experiment.corpus}: t-SNE of all {n} utterances by the network of fold {fold}"
    else:
        of = f"fold {fold} of {experiment.folds}" if fold else folds_text(found.folds, experiment.folds)
        title = f"{experiment.corpus}: t-SNE of {n} test utterances, {of}"
    frame(figure, title, facts(experiment), _note(placed, mfcc))
    return figure


def tsne_panel(axes: Axes, placed: Placed, scale: float = 1.0) -> None:
    """The points in their classes' colours and shapes, without a title or legend; ``scale`` is of their size."""
    found = placed.embedded
    colours = colours_of(found.classes)
    n = len(placed.places)
    size = scale * (24 if n < MANY else 13 if n < VERY_MANY else 6)
    for index, name in enumerate(found.classes):
        here = found.truth == index
        marker = MARKERS.get(name, OTHER_MARKERS[index % len(OTHER_MARKERS)])
        label = f"{clean(name)} ({int(here.sum())})"
        if found.seen is not None:  # faint behind: what the network was trained on says little
            _points(axes, placed.places[here & found.seen], size * 0.7, colours[name], marker, 0.25)
            here = here & ~found.seen
        _points(axes, placed.places[here], size, colours[name], marker, 0.85, label)
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(True)


def _points(
    axes: Axes, places: NDArray[np.float32], size: float, colour: str, marker: str, alpha: float, label: str = ""
) -> None:
    axes.scatter(
        places[:, 0], places[:, 1], s=size, color=colour, marker=marker, alpha=alpha,
        edgecolors="#202124", linewidths=0.3, label=label or None,
    )  # fmt: skip


def _note(placed: Placed, mfcc: Placed | None) -> str:
    found = placed.embedded
    if found.seen is None:
        by = "from the network that was not trained on it"
    else:
        by = (
            f"from one network: {int((~found.seen).sum())} test utterances, and faint the {int(found.seen.sum())} that "
            "it was trained on or chosen by, which lie apart more cleanly than new ones would"
        )
    scaled = ", each value scaled to mean 0 and sd 1" if placed.scaled else ""
    note = (
        f"Penultimate layer of each utterance, {by} "
        f"(t-SNE by {placed.library}, perplexity {placed.perplexity:.3g}{scaled}; axes have no unit)."
    )
    if mfcc is not None:
        note += " MFCC: 39 coefficients, each its mean over all frames that the network is given, padding included."
    if found.folds > 1:
        note += (
            f" The {found.folds} folds are {found.folds} networks; their spaces were brought together by a shift, a "
            "scale and a rotation fitted on all utterances without their labels, so distances between folds are "
            "approximate."
        )
    return note
