"""A report of experiments: results with their labels, drawings, settings, leakage, environment and comparisons.

Nothing in it tells when or where it was made, so the same registry gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from timnet import __version__
from timnet.errors import BadInput
from timnet.export import gather
from timnet.export.comparison import compare
from timnet.export.comparison_words import rows_of, said_of_all
from timnet.export.evidence import interval_of, pooled_of, tested_folds
from timnet.export.figures.ink import darken
from timnet.export.figures.style import house_style, render
from timnet.export.placed import placed
from timnet.export.report_html import html
from timnet.export.report_markdown import markdown, picture_file
from timnet.export.report_parts import Cells, Heading, Part, Picture, Report, Sheet, Words
from timnet.export.results import finished, fold_rows, in_order, result_rows
from timnet.export.service import file_stem
from timnet.export.table_files import check_target, one_line_errors
from timnet.export.writers import TextTable, fold_table, percent, result_table
from timnet.files import write_bytes, write_text
from timnet.leakage import leakage_of
from timnet.preset_file import presets_or_shipped
from timnet.protocols import PROTOCOLS
from timnet.records import CorpusRecord, EventKind, Experiment, Run, TrainingConfig
from timnet.registry import Registry
from timnet.selection import selection_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("html", "md")
SELECTIONS = {
    "last": "the last epoch's weights",
    "best-test": "the best check on the test fold itself: optimistic",
    "stop-test": "stopped early by the test fold itself: optimistic",
    "best-inner": "the best check on an inner validation set, which is neither trained on nor tested",
    "stop-inner": "stopped early by an inner validation set",
    "best-train": "the best check on the training data",
    "stop-train": "stopped early by the training data",
}
LIBRARIES = ("numpy", "scipy", "scikit-learn", "matplotlib", "librosa", "tensorflow", "keras")
MANY_POINTS = 1500
"""From so many points on a t-SNE is put in as PNG: as SVG it would outweigh everything else."""
_TELLING = (EventKind.STARTED, EventKind.RESUMED, EventKind.IMPORTED)


def export_report(registry: Registry, experiment_ids: Sequence[int], paths: Sequence[Path]) -> list[Path]:
    """Write a report of the experiments to each of ``paths``: HTML or Markdown, as their suffixes say.

    Markdown's pictures go into a folder beside it that is called after it. Returns all files written. Raises
    :class:`BadInput`: no experiment, an unknown one, none with a finished fold, another suffix, an unwritable path.
    """
    for path in paths:
        if path.suffix.lower().removeprefix(".") not in FORMATS:
            raise BadInput(f"{path.name} is no name for a report; let it end with .html or .md")
        check_target(path)
    if not experiment_ids:
        raise BadInput("no experiment to report on; list them with: timnet runs ls --group experiment")
    made = report_of(registry, in_order(registry.experiments.ls(experiment_ids)))
    written: list[Path] = []
    for path in paths:
        written += _write_html(made, path) if path.suffix.lower() == ".html" else _write_markdown(made, path)
    return written


def report_stem(experiments: Sequence[Experiment]) -> str:
    """A file name for a report: that of the experiment's other exports, or the numbers of several."""
    if len(experiments) == 1:
        return file_stem(experiments[0], "report")
    shown = [str(one.id) for one in experiments[:6]]
    more = [f"and-{len(experiments) - 6}-more"] if len(experiments) > 6 else []
    labels = dict.fromkeys(
        f"{one.protocol}-{selection_text(one.selection, one.optimistic, '-optimistic')}" for one in experiments
    )
    return re.sub(r"[^A-Za-z0-9.+_-]+", "_", "-".join(["report", *shown, *more, "+".join(labels)]))


def _write_html(report: Report, path: Path) -> list[Path]:
    made = html(report)
    with one_line_errors(path):
        write_bytes(path, made)
    return [path]


def _write_markdown(report: Report, path: Path) -> list[Path]:
    """The text last: where it is, its pictures are."""
    folder = path.with_name(f"{path.stem}-files")
    pictures = [part for part in report.parts if isinstance(part, Picture)]
    files = [folder / picture_file(picture) for picture in pictures]
    text = markdown(report, folder.name)
    with one_line_errors(path):
        for picture, file in zip(pictures, files, strict=True):
            write_bytes(file, picture.light)
        write_text(path, text)
    return [path, *files]


def report_of(registry: Registry, experiments: Sequence[Experiment]) -> Report:
    """Everything that is to be said of ``experiments``. Raises :class:`BadInput` where none has a finished fold."""
    rows = fold_rows(registry, experiments)
    if not any(row.n for row in rows):
        named = ", ".join(str(experiment.id) for experiment in experiments)
        raise BadInput(f"no fold of experiment {named} is finished, so there is no result yet; see: timnet queue ls")
    parts: list[Part] = [Heading(2, "Results"), _of_table(result_table(result_rows(registry, experiments)))]
    parts.append(
        Words("Sources other than timnet and imports are published figures, as their notes say; the rest is ours.")
    )
    parts += [Heading(3, "Single folds"), _of_table(fold_table(rows))]
    if len(experiments) > 1:
        parts += _comparison(registry, experiments)
    for experiment in experiments:
        parts += _chapter(registry, experiment)
    parts += _made_with()
    names = [f"{one.corpus} #{one.id}" for one in experiments]
    return Report(f"timnet report: {', '.join(names)}", tuple(parts))


def _of_table(table: TextTable) -> Sheet:
    return Sheet(table.header, table.rows, ("folds", "fold", "UAR %", "WAR %"), table.notes)


def _comparison(registry: Registry, experiments: Sequence[Experiment]) -> list[Part]:
    """Paired tests against the first of them, where the folds are the same; at most as many as can be compared."""
    try:
        found = compare(registry, [one.id for one in experiments])
    except BadInput as error:
        return [Heading(2, "Comparison"), Words(f"Not made: {error}.")]
    header = ("", *(f"#{side.key}" for side in found.sides))
    said = [Words(line) for line in said_of_all(found)]
    return [
        Heading(2, "Comparison"),
        Words(f"Each against #{found.sides[0].key}; differences are in percentage points."),
        Sheet(header, tuple((row.name, *row.cells) for row in rows_of(found, folds=True))),
        *said,
    ]


# one experiment


def _chapter(registry: Registry, experiment: Experiment) -> list[Part]:
    corpus = registry.corpora.by_id(experiment.corpus_id)
    runs = registry.runs.of_experiment(experiment.id)
    selection = selection_text(experiment.selection, experiment.optimistic)
    parts: list[Part] = [
        Heading(2, f"Experiment {experiment.id}: {experiment.corpus}, {experiment.protocol}, {selection}"),
        _facts(registry, experiment, corpus, runs),
    ]
    if experiment.optimistic:
        parts.append(Words("Optimistic: the test fold itself chose the epoch that is scored.", warning=True))
    if not finished(runs):
        return [*parts, Words("No fold of it is finished yet.", warning=True)]
    parts += _pooled(registry, corpus, runs)
    parts += _pictures(registry, experiment)
    parts += [Heading(3, "Settings"), _settings(registry, experiment, corpus)]
    parts += [Heading(3, "Leakage"), *_leakage(registry, experiment)]
    parts += [Heading(3, "What it was queued with"), _queued_with(registry, experiment)]
    parts += [Heading(3, "Where it was computed"), _computed(registry, runs)]
    parts += _checkpoints(registry, runs)
    return parts


def _facts(registry: Registry, experiment: Experiment, corpus: CorpusRecord, runs: Sequence[Run]) -> Sheet:
    speakers = {one.speaker for one in corpus.utterances} - {""}
    preset = presets_or_shipped(registry.paths.presets).get(experiment.preset)
    protocol = PROTOCOLS.get(experiment.protocol)
    rule = SELECTIONS.get(experiment.selection, "")
    rows = [
        ("corpus", f"{corpus.name}: {len(corpus.utterances)} utterances, {len(speakers) or 'unknown'} speakers"),
        ("version", corpus.digest),
        ("classes", ", ".join(corpus.classes)),
        ("protocol", experiment.protocol + (f": {protocol.description}" if protocol else "")),
        ("selection", experiment.selection + (f": {rule}" if rule else "")),
        ("folds", f"{finished(runs)} of {experiment.folds} finished"),
        ("seed", str(experiment.seed)),
        ("preset", experiment.preset + (f": {preset.source}" if preset else "")),
        ("source", experiment.source),
        ("created", experiment.created),
        ("tags", " ".join(experiment.tags)),
        ("note", experiment.note),
    ]
    return Sheet(("", "what"), tuple(row for row in rows if row[1]))


def _pooled(registry: Registry, corpus: CorpusRecord, runs: Sequence[Run]) -> list[Part]:
    """All test predictions as one set, with intervals over speakers and what is missing."""
    tested = tested_folds(registry, corpus, runs)
    pooled, interval = pooled_of(corpus, tested), interval_of(corpus, tested)
    if pooled is None or interval is None:
        return [Words("It kept no predictions, so there are no pooled scores.")]
    rows = tuple(
        (name, percent(value), f"[{percent(edges.low)}, {percent(edges.high)}]", str(pooled.n))
        for name, value, edges in (("UAR", pooled.uar, interval.uar), ("WAR", pooled.war, interval.war))
    )
    drawn = (
        f"{interval.level:.0%} bootstrap intervals, {interval.replicates} draws of {interval.n} {interval.unit}"
        f"{f'; {interval.note}' if interval.note else ''}. They say nothing of training again."
    )
    notes = [drawn, *([pooled.note] if pooled.note else [])]
    header = ("pooled over folds", "%", "interval", "utterances")
    return [Heading(3, "All predictions taken together"), Sheet(header, rows, header[1:], tuple(notes))]


def _pictures(registry: Registry, experiment: Experiment) -> list[Part]:
    from timnet.export.figures.confusion import draw_confusion
    from timnet.export.figures.curves import draw_curves
    from timnet.export.figures.embeddings import draw_tsne
    from timnet.export.figures.recall import draw_recall

    classes = len(registry.corpora.by_id(experiment.corpus_id).classes)

    def curves(metric: str) -> Callable[[], Figure]:
        return lambda: draw_curves(experiment, gather.fold_curves(registry, experiment, metric), classes)

    def confusion() -> Figure:
        return draw_confusion(experiment, gather.pooled(registry, experiment), None)

    def recall() -> Figure:
        return draw_recall(experiment, gather.recalls_of(registry, experiment), None)

    def tsne() -> Figure:
        return draw_tsne(experiment, placed(registry, experiment), None)

    drawings: tuple[tuple[str, str, Callable[[], Figure]], ...] = (
        ("accuracy", "Accuracy over the epochs", curves("accuracy")),
        ("loss", "Loss over the epochs", curves("loss")),
        ("confusion", "Confusion of the test utterances", confusion),
        ("recall", "Recall of each class", recall),
        ("tsne", "t-SNE of the penultimate layer", tsne),
    )
    parts: list[Part] = [Heading(3, "Drawings")]
    for part, about, draw in drawings:
        about = f"{about}: {experiment.corpus}, experiment {experiment.id}, {_label(experiment)}"
        try:
            with house_style():
                parts.append(_picture(file_stem(experiment, part), about, draw))
        except BadInput as error:
            parts.append(Words(f"{about}: not drawn, {error}"))
    return parts


def _picture(name: str, about: str, draw: Callable[[], Figure]) -> Picture:
    import numpy as np

    figure = draw()
    points = sum(len(np.asarray(one.get_offsets())) for axes in figure.axes for one in axes.collections)
    form = "png" if points > MANY_POINTS else "svg"
    light = render(figure, form)
    darken(figure)
    return Picture(name, form, light, render(figure, form), about)


def _label(experiment: Experiment) -> str:
    selection = selection_text(experiment.selection, experiment.optimistic)
    return f"protocol {experiment.protocol}, selection {selection}"


def _settings(registry: Registry, experiment: Experiment, corpus: CorpusRecord) -> Sheet:
    """Every setting, and its preset's where it is another."""
    preset = presets_or_shipped(registry.paths.presets).get(experiment.preset)
    usual = preset.config_of(corpus, None, {}) if preset else None
    rows = [_setting(field.name, experiment.config, usual) for field in fields(TrainingConfig)]
    note = f"preset {experiment.preset}: {preset.source}" if preset else f"preset {experiment.preset} is not known here"
    return Sheet(("setting", "value", "preset has"), tuple(rows), (), (note,))


def _setting(name: str, config: TrainingConfig, usual: TrainingConfig | None) -> Cells:
    value = getattr(config, name)
    was = value if usual is None else getattr(usual, name)
    return (name, str(value), "" if was == value else str(was))


def _leakage(registry: Registry, experiment: Experiment) -> list[Part]:
    try:
        found = leakage_of(registry, experiment.id)
    except BadInput as error:
        return [Words(f"Not known: {error}")]
    leaks = tuple(
        (leak.what, "–" if leak.share is None else f"{100 * leak.share:.1f}", str(leak.of)) for leak in found.leaks
    )
    sizes = tuple(
        (str(one.fold), one.tests, str(one.train), str(one.inner), str(one.test), ", ".join(one.missing))
        for one in found.folds
    )
    return [
        Words("Share of the test utterances whose speaker, sentence and so on their fold's network was trained on."),
        Sheet(("also in training", "%", "utterances that tell"), leaks, ("%", "utterances that tell")),
        Sheet(
            ("fold", "tests", "train", "inner", "test", "classes without a test utterance"),
            sizes,
            ("fold", "train", "inner", "test"),
        ),
    ]


def _queued_with(registry: Registry, experiment: Experiment) -> Part:
    """The code and the libraries as they were then."""
    code = registry.experiments.code(experiment.id)
    if code is None:
        return Words("Not known: it was queued by an older timnet, or trained by another program.")
    return Sheet(("", "what"), tuple(code.facts(registry.paths)))


def _computed(registry: Registry, runs: Sequence[Run]) -> Sheet:
    """Per fold: where and with what, as the run's own events tell it."""
    rows = []
    for run in runs:
        told = [event.text for event in registry.results.events(run.id) if event.kind in _TELLING]
        attempts = registry.results.attempts(run.id)
        hosts = ", ".join(dict.fromkeys(one.host for one in attempts))
        minutes = sum(epoch.seconds for epoch in registry.results.epochs(run.id)) / 60
        epochs, said = f"{run.epoch} of {run.epochs}", "; ".join(dict.fromkeys(told))
        rows.append((str(run.fold), run.state.value, epochs, f"{minutes:.1f}", str(len(attempts)), hosts, said))
    header = ("fold", "state", "epochs", "minutes", "attempts", "host", "what its events tell")
    return Sheet(header, tuple(rows), ("fold", "epochs", "minutes", "attempts"))


def _checkpoints(registry: Registry, runs: Sequence[Run]) -> list[Part]:
    rows = tuple(
        (str(run.fold), one.kind, str(one.epoch), one.metric or "", "" if one.value is None else f"{one.value:.4f}",
         str(one.bytes), one.path)
        for run in runs
        for one in registry.results.checkpoints(run.id)
    )  # fmt: skip
    if not rows:
        return []
    header = ("fold", "weights", "epoch", "metric", "value", "bytes", "file")
    return [Heading(3, "Checkpoints"), Sheet(header, rows, ("fold", "epoch", "value", "bytes"))]


def _made_with() -> list[Part]:
    """The versions of what made this report, which need not be those that trained."""
    rows = [("timnet", __version__)]
    for name in LIBRARIES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            continue
    text = "The versions on the machine that made this report; what trained stands with each experiment."
    return [Heading(2, "Made with"), Words(text), Sheet(("", "version"), tuple(rows))]
