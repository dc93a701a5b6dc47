"""The two tables of the report that the preset ``seed`` comes from: its results, and its settings."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from timnet.errors import BadInput
from timnet.export.contract import Object
from timnet.export.layout import Grid, Group, Line, Printed
from timnet.export.published import published
from timnet.export.results import finished
from timnet.export.tables import Table, TableRequest, build_for_export
from timnet.presets import preset_of
from timnet.records import Experiment, TrainingConfig
from timnet.registry import Registry

PRESET = "seed"
SETTINGS = ("beta1", "beta2", "batch_size", "epochs", "dropout")


@dataclass(frozen=True, slots=True)
class SettingsRow:
    """One corpus: the report's settings and number of folds, and the experiments here that used that preset.

    ``differing`` names, for each of these experiments that strays from the report, what it set instead.
    """

    corpus: str
    config: TrainingConfig
    folds: int
    experiments: tuple[int, ...]
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingsTable:
    """The report's settings for each corpus."""

    title: str
    rows: tuple[SettingsRow, ...]


def seed_table(registry: Registry, number: int) -> Table | SettingsTable:
    """Table 1 (results beside the published ones) or 2 (settings). Raises :class:`BadInput` for another number."""
    if number not in (1, 2):
        raise BadInput(f"the seed's report has table 1 (results) and 2 (settings), not {number}")
    corpora = tuple(dict.fromkeys(result.corpus for result in published() if result.source == PRESET))
    ours = [one for one in registry.experiments.ls() if one.preset == PRESET and one.corpus in corpora]
    if number == 2:
        return SettingsTable("Settings of the preset seed", tuple(_settings(corpus, ours) for corpus in corpora))
    done = [one for one in ours if finished(registry.runs.of_experiment(one.id))]
    if not done:
        raise BadInput(
            "no experiment with the preset seed has a finished fold; import the report's logs: "
            "timnet import keras-log LOG --corpus NAME, or train: timnet train EMODB --preset seed"
        )
    return build_for_export(registry, TableRequest(experiments=tuple(one.id for one in done), corpora=corpora))


def _settings(corpus: str, experiments: list[Experiment]) -> SettingsRow:
    preset = preset_of(PRESET)
    report = replace(preset.config, **preset.for_corpus.get(corpus, {}))
    own = [one for one in experiments if one.corpus == corpus]
    folds = preset.folds_for.get(corpus, preset.folds)
    strays = [(one.id, _strays(one, report, folds)) for one in own]
    return SettingsRow(
        corpus=corpus,
        config=report,
        folds=folds,
        experiments=tuple(one.id for one in own),
        differing=tuple(f"#{number}: {', '.join(names)}" for number, names in strays if names),
    )


def _strays(experiment: Experiment, report: TrainingConfig, folds: int) -> list[str]:
    """``name value`` for each setting that is not the report's; the number of TABs belongs to the corpus."""
    names = [one.name for one in fields(report) if one.name != "tabs"]
    values = [(name, getattr(experiment.config, name)) for name in names]
    found = [f"{name} {value}" for name, value in values if value != getattr(report, name)]
    return found + ([f"folds {experiment.folds}"] if experiment.folds != folds else [])


def settings_grid(table: SettingsTable) -> Grid:
    """The settings laid out like a table of results."""
    names = ("beta1", "beta2", "batch size", "epochs", "dropout", "folds", "experiments here")
    lines = tuple(
        Line(row.corpus, "", tuple(Printed(text) if text else None for text in _texts(row))) for row in table.rows
    )
    every = table.rows[0].config
    notes = [
        f"Source: {preset_of(PRESET).source}.",
        f"For all: Adam {every.learning_rate:g}, label smoothing {every.label_smoothing:g}, weights checked every "
        f"{every.check_every} epochs by {every.monitor} of the test fold, so its results are optimistic.",
        *(f"Not as in the report, {row.corpus}: {'; '.join(row.differing)}." for row in table.rows if row.differing),
    ]
    return Grid(table.title, "corpus", (Group("", "", names),), lines, tuple(notes))


def _texts(row: SettingsRow) -> list[str]:
    values = [f"{getattr(row.config, name):g}" for name in SETTINGS]
    return [*values, str(row.folds), " ".join(f"#{one}" for one in row.experiments)]


def settings_objects(table: SettingsTable) -> list[Object]:
    """One object a corpus, for JSON, CSV and the workbook."""
    return [
        {
            "corpus": row.corpus,
            "preset": PRESET,
            "protocol": preset_of(PRESET).protocol,
            "selection": row.config.selection,
            "optimistic": row.config.optimistic,
            **{name: getattr(row.config, name) for name in SETTINGS},
            "folds": row.folds,
            "experiments": list(row.experiments),
            "differing": list(row.differing),
        }
        for row in table.rows
    ]
