"""The confusion matrix: counts and the share of each true class, pooled over folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timnet.evaluation.scores import confusion
from timnet.evaluation.summary import Summary
from timnet.export.figures.looks import MatrixLook
from timnet.export.figures.style import facts, folds_text, frame, new_figure
from timnet.export.gather import Pooled
from timnet.export.writers import percent
from timnet.records import Experiment
from timnet.text import clean

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_CELLS = {
    "both": "Each cell: utterances, and percent of the true class.",
    "counts": "Each cell: utterances.",
    "percent": "Each cell: percent of the true class.",
}


def draw_confusion(experiment: Experiment, pooled: Pooled, fold: int | None, look: MatrixLook | None = None) -> Figure:
    """Rows are the truth; each cell holds its count and its percent of the row. ``fold`` as for t-SNE."""
    look = look or MatrixLook()
    side = 2.6 + 0.55 * len(pooled.classes)
    figure = new_figure(max(side, 5.2), max(side - 0.1, 4.4))
    confusion_panel(figure.subplots(), pooled, look)
    scores = pooled.scores
    of = f"fold {fold} of {experiment.folds}" if fold else folds_text(scores.war.n, experiment.folds)
    title = f"{experiment.corpus}: confusion of {len(pooled.truth)} utterances, {of}"
    frame(figure, title, facts(experiment), _note(scores.uar, scores.war, fold, look))
    return figure


def confusion_panel(axes: Axes, pooled: Pooled, look: MatrixLook) -> None:
    """The matrix with its axes, without a title."""
    matrix = confusion(pooled.truth, pooled.predicted, len(pooled.classes))
    _draw_cells(axes, matrix, look)
    names = [clean(name) for name in pooled.classes]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), [f"{name} ({total})" for name, total in zip(names, matrix.sum(1), strict=True)])
    axes.set(xlabel="predicted", ylabel="truth (utterances)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_cells(axes: Axes, matrix: NDArray[np.int64], look: MatrixLook) -> None:
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / totals.clip(min=1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in _cells(matrix):
        share = shares[row, column]
        text = _cell(count, share, look) if totals[row, 0] else "–"
        colour = "white" if share > 0.55 else "#202124" if count else "#9AA0A6"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _cell(count: int, share: float, look: MatrixLook) -> str:
    own = {"counts": f"{count}", "percent": f"{100 * share:.1f}"}
    return own.get(look.cells) or f"{count}\n{100 * share:.1f}%"


def _cells(matrix: NDArray[np.int64]) -> list[tuple[tuple[int, int], int]]:
    return [((row, column), count) for row, line in enumerate(matrix.tolist()) for column, count in enumerate(line)]


def _note(uar: Summary, war: Summary, fold: int | None, look: MatrixLook) -> str:
    scores = f"UAR {percent(uar.mean, uar.sd)} %, WAR {percent(war.mean, war.sd)} %"
    cells = _CELLS[look.cells]
    if fold or war.n == 1:
        return f"{scores} (n = 1). {cells}"
    return f"Mean ± sd over n = {war.n} folds: {scores}. {cells} All folds are counted together here."
