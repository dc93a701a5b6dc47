"""Exports as the command line and the terminal interface ask for them.

Every file appears whole or not at all, and everything is computed before the first one is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from timnet.errors import BadInput
from timnet.export import gather, writers
from timnet.export.contract import fold_object, result_object, run_details, to_json
from timnet.export.evidence import notes_on_missing
from timnet.export.figures.ink import darken
from timnet.export.figures.looks import CurveLook, MatrixLook
from timnet.export.figures.style import FORMATS, check_format, format_of, house_style, render
from timnet.export.placed import Placing, place, placed
from timnet.export.results import fold_rows, result_rows
from timnet.export.table_files import check_target, one_line_errors, write_table
from timnet.files import write_bytes, write_text
from timnet.records import Experiment
from timnet.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "confusion_figure", "curves", "export_confusion", "export_curves", "export_recall", "export_runs", "export_table",
    "export_tsne", "file_stem", "tsne_figure", "write_table",
]  # fmt: skip

_CURVES, _MATRIX, _PLACING = CurveLook(), MatrixLook(), Placing()

TABLE_FORMATS = ("csv", "markdown", "json")
_ALIASES = {"md": "markdown"}


def export_table(
    registry: Registry,
    experiment_ids: Sequence[int],
    form: str,
    path: Path | None = None,
    *,
    folds: bool = False,
) -> str | Path:
    """The result table as text, or written to ``path``, which is then returned.

    ``form`` is one of :data:`TABLE_FORMATS` (``md`` also does). ``folds`` asks for one row a fold instead of
    one an experiment; Markdown always holds both. Raises :class:`BadInput` for no or an unknown experiment,
    an unknown format, no finished fold, or a path that cannot be written.
    """
    form = _ALIASES.get(form.lower(), form.lower())
    if form not in TABLE_FORMATS:
        raise BadInput(f"no table format {form!r}; there are: {', '.join(TABLE_FORMATS)}")
    if path is not None:
        check_target(path)
    if not experiment_ids:
        raise BadInput("no experiment to export; list them with: timnet runs ls --group experiment")
    experiments = registry.experiments.ls(experiment_ids)
    single = fold_rows(registry, experiments)
    if not any(row.n for row in single):
        named = ", ".join(str(experiment.id) for experiment in experiments)
        raise BadInput(f"no fold of experiment {named} is finished, so there is no result yet; see: timnet queue ls")
    results = result_rows(registry, experiments)
    text = {
        "markdown": lambda: writers.markdown(results, single, notes_on_missing(registry, experiment_ids)),
        "csv": lambda: writers.fold_csv(single) if folds else writers.result_csv(results),
        "json": lambda: to_json([*map(fold_object, single)] if folds else [*map(result_object, results)]),
    }[form]()
    if path is None:
        return text
    with one_line_errors(path):
        write_text(path, text)
    return path


def export_runs(registry: Registry, filter_text: str, path: Path | None = None) -> str | Path:
    """Every run that matches, with all it left behind, as JSON text or written to ``path``, which is then returned.

    Raises :class:`BadInput` for a filter that cannot be read or a path that cannot be written.
    """
    if path is not None:
        check_target(path)
    text = to_json([run_details(registry, run) for run in registry.runs.ls(filter_text)])
    if path is None:
        return text
    with one_line_errors(path):
        write_text(path, text)
    return path


def export_curves(
    registry: Registry,
    experiment_id: int,
    folder: Path,
    formats: Collection[str] = ("png", "svg"),
    *,
    look: CurveLook = _CURVES,
    dark: bool = False,
) -> list[Path]:
    """Draw accuracy and loss over the epochs into ``folder``; returns the files, accuracy first.

    ``look`` chooses band and smoothing. ``dark``: light ink on a dark ground.

    Raises :class:`BadInput` for an unknown experiment or format, no finished epoch, or an unwritable folder.
    """
    experiment = registry.experiments.get(experiment_id)
    makers = {f"{metric}{look.suffix}": _curves_maker(registry, experiment, metric, look) for metric in gather.METRICS}
    return _export(experiment, folder, formats, makers, dark=dark)


def export_tsne(
    registry: Registry,
    experiment_id: int,
    folder: Path,
    formats: Collection[str] = ("png", "svg"),
    *,
    fold: int | None = None,
    placing: Placing = _PLACING,
    mfcc: Path | None = None,
    dark: bool = False,
) -> list[Path]:
    """Draw the t-SNE of all finished folds, or of one, into ``folder``; returns the files.

    ``placing`` says how. ``mfcc``: the cache of features, from which the same utterances are also drawn by what
    their network is given.

    Raises :class:`BadInput` for an unknown experiment, fold or format, no finished fold, no embeddings or features,
    too few utterances, or an unwritable folder.
    """
    experiment = registry.experiments.get(experiment_id)
    part = f"{part_of('tsne', fold)}{placing.suffix}{'-mfcc' if mfcc else ''}"
    maker = _tsne_maker(registry, experiment, fold, placing, mfcc)
    return _export(experiment, folder, formats, {part: maker}, dark=dark)


def export_confusion(
    registry: Registry,
    experiment_id: int,
    folder: Path,
    formats: Collection[str] = ("png", "svg"),
    *,
    fold: int | None = None,
    look: MatrixLook = _MATRIX,
    dark: bool = False,
) -> list[Path]:
    """Draw the confusion matrix of all finished folds, or of one, into ``folder``; returns the files.

    Raises :class:`BadInput` for an unknown experiment, fold or format, no finished fold, or an unwritable
    folder.
    """
    experiment = registry.experiments.get(experiment_id)
    maker = _confusion_maker(registry, experiment, fold, look)
    return _export(experiment, folder, formats, {f"{part_of('confusion', fold)}{look.suffix}": maker}, dark=dark)


def export_recall(
    registry: Registry,
    experiment_id: int,
    folder: Path,
    formats: Collection[str] = ("png", "svg"),
    *,
    fold: int | None = None,
    dark: bool = False,
) -> list[Path]:
    """Draw the recall of each class with its interval, of all finished folds or of one; returns the files.

    Raises :class:`BadInput` as :func:`export_confusion` does.
    """
    experiment = registry.experiments.get(experiment_id)
    maker = _recall_maker(registry, experiment, fold)
    return _export(experiment, folder, formats, {part_of("recall", fold): maker}, dark=dark)


# one figure into one file that the caller names


def curves(registry: Registry, experiment: Experiment, metric: str, path: Path) -> Path:
    """Draw ``accuracy`` or ``loss`` to ``path``, whose suffix names the format. Raises :class:`BadInput`."""
    return _write_one(path, _curves_maker(registry, experiment, metric))


def tsne_figure(registry: Registry, experiment: Experiment, path: Path, fold: int | None = None) -> Path:
    """Draw the t-SNE to ``path``, whose suffix names the format. Raises :class:`BadInput`."""
    return _write_one(path, _tsne_maker(registry, experiment, fold))


def confusion_figure(registry: Registry, experiment: Experiment, path: Path, fold: int | None = None) -> Path:
    """Draw the confusion matrix to ``path``, whose suffix names the format. Raises :class:`BadInput`."""
    return _write_one(path, _confusion_maker(registry, experiment, fold))


def file_stem(experiment: Experiment, part: str) -> str:
    """``EMODB-7-random-last-accuracy``, with ``-optimistic`` after the selection where it is so."""
    optimistic = ["optimistic"] if experiment.optimistic else []
    words = [experiment.corpus, str(experiment.id), experiment.protocol, experiment.selection, *optimistic, part]
    return "-".join(re.sub(r"[^A-Za-z0-9._-]+", "_", word).lstrip(".") or "_" for word in words)


def files_of(experiment: Experiment, part: str, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Where the figure ``part`` of an experiment is put, one file a format."""
    return [folder / f"{file_stem(experiment, part)}.{form}" for form in formats]


def part_of(name: str, fold: int | None) -> str:
    return f"{name}-fold{fold}" if fold else name


def _curves_maker(
    registry: Registry, experiment: Experiment, metric: str, look: CurveLook = _CURVES
) -> Callable[[], Figure]:
    def draw() -> Figure:
        from timnet.export.figures.curves import draw_curves

        found = gather.fold_curves(registry, experiment, metric)
        classes = len(registry.corpora.by_id(experiment.corpus_id).classes)
        return draw_curves(experiment, found, classes, look)

    return draw


def _tsne_maker(
    registry: Registry,
    experiment: Experiment,
    fold: int | None,
    placing: Placing = _PLACING,
    mfcc: Path | None = None,
) -> Callable[[], Figure]:
    def draw() -> Figure:
        from timnet.export.figures.embeddings import draw_tsne

        made = placed(registry, experiment, fold, placing)
        given = None
        if mfcc is not None:
            given = gather.mfcc_means(registry, experiment, mfcc, made.embedded.item)
        before = None if given is None else place(made.embedded, given, experiment, placing)
        return draw_tsne(experiment, made, fold, before)

    return draw


def _confusion_maker(
    registry: Registry, experiment: Experiment, fold: int | None, look: MatrixLook = _MATRIX
) -> Callable[[], Figure]:
    def draw() -> Figure:
        from timnet.export.figures.confusion import draw_confusion

        return draw_confusion(experiment, gather.pooled(registry, experiment, fold), fold, look)

    return draw


def _recall_maker(registry: Registry, experiment: Experiment, fold: int | None) -> Callable[[], Figure]:
    def draw() -> Figure:
        from timnet.export.figures.recall import draw_recall

        return draw_recall(experiment, gather.recalls_of(registry, experiment, fold), fold)

    return draw


def _export(
    experiment: Experiment,
    folder: Path,
    formats: Collection[str],
    makers: dict[str, Callable[[], Figure]],
    *,
    dark: bool,
) -> list[Path]:
    """See that all files can be put there, render every figure in every format, then write them all."""
    names = {file_stem(experiment, part): draw for part, draw in makers.items()}
    return write_figures(names, folder, formats, dark=dark)


def write_figures(
    makers: Mapping[str, Callable[[], Figure]], folder: Path, formats: Collection[str], *, dark: bool = False
) -> list[Path]:
    """Draw figures into files, ``makers`` by the files' names without what a format adds; returns the files.

    Raises :class:`BadInput`: no or an unknown format, an unwritable folder, or what a maker raises.
    """
    if not formats:
        raise BadInput(f"no image format asked for; there are: {', '.join(FORMATS)}")
    forms = [check_format(form.lower()) for form in dict.fromkeys(formats)]
    targets = {name: [folder / f"{name}.{form}" for form in forms] for name in makers}
    for paths in targets.values():
        for path in paths:
            check_target(path)
    images: dict[Path, bytes] = {}
    with house_style():
        for name, draw in makers.items():
            figure = draw()
            if dark:
                darken(figure)
            for form, path in zip(forms, targets[name], strict=True):
                images[path] = render(figure, form)
    for path, image in images.items():
        with one_line_errors(path):
            write_bytes(path, image)
    return list(images)


def _write_one(path: Path, draw: Callable[[], Figure]) -> Path:
    form = format_of(path)
    check_target(path)
    with house_style():
        image = render(draw(), form)
    with one_line_errors(path):
        write_bytes(path, image)
    return path
