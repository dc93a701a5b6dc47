"""t-SNE of the penultimate layer: every test utterance, embedded by a network that was not trained on it.

With more than one fold the points come from several networks, each with a space of its own. The spaces were
moved onto the first by a shift, a scale and a rotation (:mod:`timnet.evaluation.alignment`), which no label
takes part in. That brings them near each other, not into one: the caption says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.export.colours import CLASS_COLOURS, colours_of
from timnet.export.figures.style import facts, folds_text, frame, new_figure
from timnet.export.placed import Placed
from timnet.records import Experiment
from timnet.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = dict(zip(CLASS_COLOURS, "osD^vP*Xp", strict=True))
"""A shape of its own for each canonical class, the same in every corpus; other classes share the rest."""
OTHER_MARKERS = "<>hd8H"
MANY = 600  # points; from there on they are drawn smaller


def draw_tsne(experiment: Experiment, placed: Placed, fold: int | None) -> Figure:
    """The t-SNE picture; ``fold`` names the one fold it shows, if one."""
    embedded, places = placed.embedded, placed.places
    n = len(places)
    figure = new_figure(6.4, 5.2)
    axes = figure.subplots()
    colours = colours_of(embedded.classes)
    for index, name in enumerate(embedded.classes):
        here = embedded.truth == index
        axes.scatter(
            places[here, 0],
            places[here, 1],
            s=24 if n < MANY else 13,
            color=colours[name],
            marker=MARKERS.get(name, OTHER_MARKERS[index % len(OTHER_MARKERS)]),
            edgecolors="#202124",
            linewidths=0.3,
            alpha=0.85,
            label=f"{clean(name)} ({int(here.sum())})",
        )
    axes.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(True)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="class (utterances)", alignment="left")
    of = f"fold {fold} of {experiment.folds}" if fold else folds_text(embedded.folds, experiment.folds)
    title = f"{experiment.corpus}: t-SNE of {n} test utterances, {of}"
    frame(figure, title, facts(experiment), _note(placed.perplexity, embedded.folds))
    return figure


def _note(perplexity: float, folds: int) -> str:
    note = (
        "Penultimate layer of each utterance, from the network that was not trained on it "
        f"(t-SNE, perplexity {perplexity:.3g}; axes have no unit)."
    )
    if folds > 1:
        note += (
            f" The {folds} folds are {folds} networks; their spaces were brought together by a shift, a scale and a "
            "rotation fitted on all utterances without their labels, so distances between folds are approximate."
        )
    return note
