"""Runs as a table, one row a run: for spreadsheets and papers, where JSON tells all of a run's epochs as well."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from timnet.export.contract import Object, number, run_object
from timnet.export.layout import NOTHING, Grid, Group, Line, Printed
from timnet.export.table_files import check_target, one_line_errors, render_grid, table_format
from timnet.files import write_bytes
from timnet.records import Run
from timnet.registry import Registry
from timnet.selection import selection_text
from timnet.text import clean

HEADS = ("run", "seed", "state", "epochs", "best epoch", "UAR %", "WAR %")
NOTE = "UAR and WAR are of one fold each; their mean and spread are in the tables of results."


def write_runs(registry: Registry, filter_text: str, path: Path) -> Path:
    """Write the runs that match to ``path``, one row each; the suffix names the format.

    Raises :class:`timnet.errors.BadInput` for an unknown format, a filter that cannot be read, or a path that cannot
    be written, which is checked first.
    """
    form = table_format(path.suffix)
    check_target(path)
    runs = sorted(registry.runs.ls(filter_text), key=lambda run: (run.experiment_id, run.fold))
    made = render_grid(run_grid(runs), [run_row(run) for run in runs], form)
    with one_line_errors(path):
        write_bytes(path, made)
    return path


def run_row(run: Run) -> Object:
    """A run's values for programs: those of ``runs ls --json``, scores as fractions, and its best check."""
    return {
        **run_object(run),
        "preset": run.preset,
        "tags": list(run.tags),
        "best_epoch": run.best_epoch,
        "best_value": number(run.best_value),
        "seconds_an_epoch": number(run.last_seconds),
    }


def run_grid(runs: Sequence[Run]) -> Grid:
    """The runs for people: each experiment's name once, with its protocol and selection rule before every score."""
    lines: list[Line] = []
    for experiment, folds in groupby(runs, key=lambda run: run.experiment_id):
        for place, run in enumerate(folds):
            name = "" if place else f"{experiment} {clean(run.corpus)} {clean(run.preset)}"
            label = f"{clean(run.protocol)}, {selection_text(run.selection, run.optimistic)}"
            lines.append(Line(name, label, tuple(Printed(cell) for cell in _cells(run))))
    return Grid("Runs", "experiment", (Group("", "", HEADS),), tuple(lines), (NOTE,), labelled=True)


def _cells(run: Run) -> tuple[str, ...]:
    shares = [NOTHING if score is None else f"{100 * score:.2f}" for score in (run.uar, run.war)]
    best = NOTHING if run.best_epoch is None else str(run.best_epoch)
    return (run.key, str(run.seed), run.state.value, f"{run.epoch}/{run.epochs}", best, *shares)
