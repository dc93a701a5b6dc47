"""Several experiments on one page: the same drawing of each, and one legend for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timnet.evaluation.summary import FoldScores
from timnet.export.colours import CLASS_COLOURS, colours_of
from timnet.export.figures.embeddings import MARKERS, OTHER_MARKERS
from timnet.export.figures.style import GREY, HEAD, MARGIN, folds_text, frame, new_figure
from timnet.export.writers import percent
from timnet.records import Experiment
from timnet.selection import selection_text
from timnet.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#202124"
WIDTH = 10.0  # inches, as the next two
NARROW = 6.4  # of a page with a single panel
LEGEND = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One experiment's drawing: ``draw`` puts it on axes. ``classes`` are those of its corpus."""

    experiment: Experiment
    scores: FoldScores
    classes: tuple[str, ...]
    draw: Callable[[Axes], None]


def draw_page(title: str, note: str, panels: Sequence[Panel], *, height: float, legend: bool) -> Figure:
    """All panels in reading order; ``height`` is that of one in inches. ``legend``: the classes' colours and shapes."""
    across = 1 if len(panels) == 1 else 2 if len(panels) <= 4 else 3
    down = math.ceil(len(panels) / across)
    figure = new_figure(NARROW if across == 1 else WIDTH, down * height + 1.5)
    axes = figure.subplots(down, across, squeeze=False)
    for place, own in enumerate(axes.flat):
        if place >= len(panels):
            own.set_axis_off()
            continue
        panels[place].draw(own)
        own.set_title(_heading(panels[place]), fontsize=8, color=GREY, loc="left", linespacing=1.3)
    under = "each with its protocol and selection rule; mean ± sd over n folds"
    frame(figure, title, under, note, LEGEND if legend else 0.0)
    if legend:
        _legend(figure, classes_in_order([name for panel in panels for name in panel.classes], panels))
    return figure


def _heading(panel: Panel) -> str:
    """What belongs to every number: corpus, protocol, selection, n."""
    one, scores = panel.experiment, panel.scores
    uar, war = (percent(score.mean, score.sd) for score in (scores.uar, scores.war))
    return (
        f"{clean(one.corpus)} (#{one.id}), {folds_text(scores.war.n, one.folds)}\n"
        f"{clean(one.protocol)}, {selection_text(one.selection, one.optimistic)}, seed {one.seed}\n"
        f"UAR {uar} %\nWAR {war} %, n = {scores.war.n}"
    )


def classes_in_order(names: Sequence[str], panels: Sequence[Panel]) -> Mapping[str, tuple[str, str]]:
    """Each class that occurs, canonical ones first, with its colour and marker."""
    found: dict[str, tuple[str, str]] = {}
    for name in sorted(set(names), key=lambda one: (one not in CLASS_COLOURS, one)):
        panel = next(one for one in panels if name in one.classes)
        place = panel.classes.index(name)
        marker = MARKERS.get(name, OTHER_MARKERS[place % len(OTHER_MARKERS)])
        found[name] = (colours_of(panel.classes)[name], marker)
    return found


def _legend(figure: Figure, classes: Mapping[str, tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markeredgecolor=INK, markeredgewidth=0.3,
               markersize=6, label=clean(name))
        for name, (colour, marker) in classes.items()
    ]  # fmt: skip
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles, loc="upper left", ncols=len(handles), columnspacing=1.2, handletextpad=0.2, borderpad=0,
        borderaxespad=0, bbox_to_anchor=(MARGIN / width, 1 - (HEAD - 0.02) / height), fontsize=8,
    )  # fmt: skip
