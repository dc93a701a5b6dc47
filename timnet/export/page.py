"""One page with all corpora: the same drawing of an experiment of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.export import gather
from timnet.export.figures.looks import CurveLook, MatrixLook
from timnet.export.placed import Placing, placed
from timnet.export.results import finished, in_order, scores_of
from timnet.export.service import write_figures
from timnet.records import Experiment
from timnet.registry import Registry
from timnet.selection import selection_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: what a page can show of each experiment -> its title, the height of a panel in inches, what to say of it
DRAWINGS = {
    "tsne": (
        "t-SNE of the penultimate layer",
        3.2,
        "Test utterances, each by the network that was not trained on it; where several folds are shown, their "
        "networks' spaces were brought together without labels, so distances between folds are approximate. "
        "Axes have no unit.",
    ),
    "confusion": ("Confusion matrices", 3.4, "Percent of the true class, all finished folds counted together."),
    "recall": (
        "Recall of each class",
        3.0,
        "Pooled over folds, with 95 % bootstrap intervals over speakers (over utterances where speakers are not "
        "known); dashed line and shade: pooled UAR.",
    ),
    "curves": ("Accuracy over the epochs", 3.1, "Band: ± one sample standard deviation over folds; thin: folds."),
}


def export_page(
    registry: Registry,
    folder: Path,
    formats: Collection[str] = ("png", "svg"),
    *,
    what: str = "tsne",
    experiments: Sequence[int] = (),
    dark: bool = False,
) -> list[Path]:
    """Draw ``what``, a key of :data:`DRAWINGS`, of every experiment named; else of each corpus's newest result.

    Returns the files. Raises :class:`BadInput`: unknown names, nothing finished, or what a drawing itself raises.
    """
    chosen = _chosen(registry, what, experiments)
    stem = _stem(what, chosen, named=bool(experiments))
    return write_figures({stem: _maker(registry, what, chosen)}, folder, formats, dark=dark)


def page_stem(registry: Registry, what: str, experiments: Sequence[int] = ()) -> str:
    """What a page's files are called, without a suffix. Raises :class:`BadInput` as :func:`export_page` does."""
    return _stem(what, _chosen(registry, what, experiments), named=bool(experiments))


def _chosen(registry: Registry, what: str, experiments: Sequence[int]) -> list[Experiment]:
    if what not in DRAWINGS:
        raise BadInput(f"no page of {what!r}; there are: {', '.join(DRAWINGS)}")
    chosen = registry.experiments.ls(experiments) if experiments else _newest(registry)
    if not chosen:
        raise BadInput("no experiment here has a finished fold yet, so there is nothing to put on a page")
    return in_order(chosen)


def _newest(registry: Registry) -> list[Experiment]:
    """Of every corpus the newest experiment with a finished fold."""
    newest: dict[str, Experiment] = {}
    for experiment in registry.experiments.ls(registry.experiments.ids("state:done")):
        newest[experiment.corpus] = experiment  # oldest first: later ones take its place
    return list(newest.values())


def _stem(what: str, experiments: Sequence[Experiment], *, named: bool) -> str:
    """``page-tsne-random-last+loso-best-test-optimistic-7-8``: every label on the page is in the name."""
    labels = dict.fromkeys(
        f"{one.protocol}-{selection_text(one.selection, one.optimistic, '-optimistic')}" for one in experiments
    )
    numbers = [str(one.id) for one in experiments[:6]] if named else ["all"]
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", "-".join(["page", what, "+".join(labels), *numbers]))


def _maker(registry: Registry, what: str, experiments: Sequence[Experiment]) -> Callable[[], Figure]:
    def draw() -> Figure:
        from timnet.export.figures.page import Panel, draw_page

        panels = []
        for one in experiments:
            runs = registry.runs.of_experiment(one.id)
            if not finished(runs):
                raise BadInput(f"experiment {one.id} has no finished fold yet; let one finish first: timnet work")
            classes = registry.corpora.by_id(one.corpus_id).classes
            panels.append(Panel(one, scores_of(runs), classes, _drawing(registry, what, one)))
        title, height, note = DRAWINGS[what]
        if any(one.optimistic for one in experiments):
            note += " Optimistic: the test fold itself chose the epoch that is scored."
        return draw_page(title, note, panels, height=height, legend=what == "tsne")

    return draw


def _drawing(registry: Registry, what: str, experiment: Experiment) -> Callable[[Axes], None]:
    """What draws one panel; everything it needs is read now."""
    from timnet.export.figures.confusion import confusion_panel
    from timnet.export.figures.curves import curves_panel
    from timnet.export.figures.embeddings import tsne_panel
    from timnet.export.figures.recall import recall_panel

    if what == "tsne":
        found = placed(registry, experiment, None, Placing())
        return lambda axes: tsne_panel(axes, found, 0.6)
    if what == "confusion":
        pooled = gather.pooled(registry, experiment)
        return lambda axes: confusion_panel(axes, pooled, MatrixLook("percent"))
    if what == "recall":
        recalls = gather.recalls_of(registry, experiment)
        return lambda axes: recall_panel(axes, recalls)
    curves = gather.fold_curves(registry, experiment, "accuracy")
    return lambda axes: curves_panel(axes, curves, CurveLook())
