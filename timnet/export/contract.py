"""The JSON contract: the objects that ``--json`` prints, key by key.

Scripts rely on these keys; keys are only ever added. Fractions, not percent; ``null``, never NaN; folds and
epochs count from 1; times are UTC in ISO 8601.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from timnet.evaluation.summary import Summary
from timnet.export.confusion import confusion_of
from timnet.export.results import FoldRow, ResultRow, scores_of
from timnet.export.tables import Entry, Table
from timnet.records import Checkpoint, EpochMetrics, Event, Experiment, Run, RunState
from timnet.registry import Registry
from timnet.registry.experiments import NewExperiment

Object = dict[str, Any]


def to_json(value: object) -> str:
    """``value`` as JSON text, ending with a newline.

    What is not ASCII is escaped, so that no foreign name can disturb the terminal it is printed on. NaN
    and infinity are refused (``ValueError``): the objects of this module hold none.
    """
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def run_object(run: Run) -> Object:
    """One run as ``runs ls --json`` lists it. ``id`` is what users type (``"7.3"``), ``experiment`` a number.

    ``job`` is the id that the run's latest attempt has in its ``engine``, null on this machine. A ``running`` one with
    ``waiting_for`` waits there: that is the engine's own reason. ``host`` is null until its process was there.
    """
    return {
        "id": run.key,
        "experiment": run.experiment_id,
        "corpus": run.corpus,
        "protocol": run.protocol,
        "selection": run.selection,
        "optimistic": run.optimistic,
        "fold": run.fold,
        "folds": run.folds,
        "seed": run.seed,
        "state": run.state.value,
        "waiting_for": run.waiting_for,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "uar": number(run.uar),
        "war": number(run.war),
        "attempt": run.attempt,
        "engine": run.engine,
        "host": run.node,
        "error": run.error,
        "created": run.created,
        "updated": run.updated,
        "job": run.job,
    }


def run_details(registry: Registry, run: Run) -> Object:
    """One run as ``runs show --json`` prints it: all of :func:`run_object`, and what the run left behind.

    ``confusion`` is null until the run is done; its rows are the truth. ``code`` is what the experiment was queued
    with, null where that is not known.
    """
    experiment = registry.experiments.get(run.experiment_id)
    code = registry.experiments.code(experiment.id)
    return {
        **run_object(run),
        "config": experiment.config.to_dict(),
        "metrics": [metrics_object(metrics) for metrics in registry.results.epochs(run.id)],
        "events": [event_object(event) for event in registry.results.events(run.id)],
        "checkpoints": [checkpoint_object(checkpoint) for checkpoint in registry.results.checkpoints(run.id)],
        "confusion": _confusion(registry, run, experiment) if run.state is RunState.DONE else None,
        "code": None if code is None else code.to_dict(),
    }


def experiment_object(experiment: Experiment, runs: Sequence[Run]) -> Object:
    """One experiment as ``runs ls --group experiment --json`` lists it; ``runs`` are all its runs.

    ``n`` is the number of finished folds; each score has an ``n`` of its own, less where an import does not know it.
    ``states`` counts runs in every state.
    """
    scores = scores_of(runs)
    states = {state.value: sum(run.state is state for run in runs) for state in RunState}
    return {
        "experiment": experiment.id,
        "corpus": experiment.corpus,
        "protocol": experiment.protocol,
        "selection": experiment.selection,
        "optimistic": experiment.optimistic,
        "seed": experiment.seed,
        "n": states[RunState.DONE],
        "folds": experiment.folds,
        "uar": summary_object(scores.uar),
        "war": summary_object(scores.war),
        "states": states,
    }


def planned_object(new: NewExperiment) -> Object:
    """One experiment as ``queue add --dry-run --json`` tells it: what would be queued; ``only`` are its folds."""
    return {
        "corpus": new.corpus.name,
        "preset": new.preset,
        "protocol": new.protocol,
        "selection": new.config.selection,
        "optimistic": new.config.optimistic,
        "seed": new.seed,
        "folds": new.folds,
        "only": sorted(set(new.only)) or list(range(1, new.folds + 1)),
        "config": new.config.to_dict(),
    }


def result_object(row: ResultRow) -> Object:
    """One row of ``export table --format json``."""
    return {
        "corpus": row.corpus,
        "source": row.source,
        "protocol": row.protocol,
        "selection": row.selection,
        "optimistic": row.optimistic,
        "n": row.n,
        "uar": number(row.uar),
        "uar_sd": number(row.uar_sd),
        "war": number(row.war),
        "war_sd": number(row.war_sd),
        "uar_n": row.uar_n,
        "war_n": row.war_n,
    }


def fold_object(row: FoldRow) -> Object:
    """One row of ``export table --folds --format json``; ``fold`` null is the mean over the folds."""
    return {
        "corpus": row.corpus,
        "source": row.source,
        "protocol": row.protocol,
        "selection": row.selection,
        "optimistic": row.optimistic,
        "fold": row.fold,
        "folds": row.folds,
        "n": row.n,
        "uar": number(row.uar),
        "uar_sd": number(row.uar_sd),
        "war": number(row.war),
        "war_sd": number(row.war_sd),
        "uar_n": row.uar_n,
        "war_n": row.war_n,
    }


def table_objects(table: Table) -> list[Object]:
    """``export table --rows ... --cols ... --format json``: one object an entry, row by row.

    All keys of :func:`result_object`, then where the entry stands and what it is over. ``_sd`` is over the folds of a
    seed, ``_seed_sd`` over seeds; ``mixed`` says that its cell holds others that must not be averaged with it.
    """
    return [
        _entry_object(entry, row, col, table.metrics, mixed=cell.mixed)
        for row, cells in zip(table.rows, table.cells, strict=True)
        for col, cell in zip(table.cols, cells, strict=True)
        for entry in cell.entries
    ]


def _entry_object(entry: Entry, row: str, col: str, metrics: Sequence[str], *, mixed: bool) -> Object:
    """``n`` counts finished folds; a score's own n is less where an import does not know it."""
    return {
        "corpus": entry.corpus,
        "source": entry.source,
        "protocol": entry.protocol,
        "selection": entry.selection,
        "optimistic": entry.optimistic,
        "n": entry.n,
        "uar": number(entry.uar.mean),
        "uar_sd": number(entry.uar.fold_sd),
        "war": number(entry.war.mean),
        "war_sd": number(entry.war.fold_sd),
        "uar_n": entry.uar.folds,
        "war_n": entry.war.folds,
        "uar_seed_sd": number(entry.uar.seed_sd),
        "war_seed_sd": number(entry.war.seed_sd),
        "row": row,
        "column": col,
        "origin": entry.origin,
        "preset": entry.preset,
        "experiments": list(entry.experiments),
        "seeds": list(entry.seeds),
        "folds": entry.folds,
        "best": [metric for metric in metrics if metric in entry.best],
        "mixed": mixed,
    }


def metrics_object(metrics: EpochMetrics) -> Object:
    """One epoch. The loss is on smoothed labels, the ``val_`` values are of the test fold on hard ones."""
    return {
        "epoch": metrics.epoch,
        "loss": number(metrics.loss),
        "accuracy": number(metrics.accuracy),
        "val_loss": number(metrics.val_loss),
        "val_accuracy": number(metrics.val_accuracy),
        "val_uar": number(metrics.val_uar),
        "inner_loss": number(metrics.inner_loss),
        "inner_accuracy": number(metrics.inner_accuracy),
        "inner_uar": number(metrics.inner_uar),
        "lr": number(metrics.lr),
        "seconds": number(metrics.seconds),
    }


def event_object(event: Event) -> Object:
    """One event of a run."""
    return {"time": event.time, "kind": event.kind, "epoch": event.epoch, "text": event.text}


def checkpoint_object(checkpoint: Checkpoint) -> Object:
    """Weights that a run has kept; ``path`` is relative to the registry's folder."""
    return {
        "kind": checkpoint.kind,
        "epoch": checkpoint.epoch,
        "path": checkpoint.path,
        "metric": checkpoint.metric,
        "value": number(checkpoint.value),
        "bytes": checkpoint.bytes,
        "created": checkpoint.created,
    }


def summary_object(summary: Summary) -> Object:
    """Mean and sample standard deviation of ``n`` values."""
    return {"mean": number(summary.mean), "sd": number(summary.sd), "n": summary.n}


def number(value: float | None) -> float | None:
    """``value``, or None for what JSON has no word for."""
    return value if value is not None and math.isfinite(value) else None


def _confusion(registry: Registry, run: Run, experiment: Experiment) -> Object | None:
    labels = registry.corpora.by_id(experiment.corpus_id).classes
    matrix = confusion_of(registry, run, labels)
    return None if matrix is None else {"labels": list(labels), "matrix": matrix.tolist()}
