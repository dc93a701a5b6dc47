"""The JSON contract, key by key, on a real registry."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.support import filled_registry, start_next
from timnet.export.contract import (
    experiment_object,
    fold_object,
    metrics_object,
    result_object,
    run_details,
    run_object,
    to_json,
)
from timnet.export.results import fold_rows, result_rows
from timnet.records import EpochMetrics

RUN = [
    "id",
    "experiment",
    "corpus",
    "protocol",
    "selection",
    "optimistic",
    "fold",
    "folds",
    "seed",
    "state",
    "waiting_for",
    "epoch",
    "epochs",
    "uar",
    "war",
    "attempt",
    "engine",
    "host",
    "error",
    "created",
    "updated",
    "job",
]
EXPERIMENT = [
    "experiment",
    "corpus",
    "protocol",
    "selection",
    "optimistic",
    "seed",
    "n",
    "folds",
    "uar",
    "war",
    "states",
]
METRICS = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_uar", "lr", "seconds"]
INNER = ["inner_loss", "inner_accuracy", "inner_uar"]
RESULT = ["corpus", "source", "protocol", "selection", "optimistic", "n", "uar", "uar_sd", "war", "war_sd"]
OWN_N = ["uar_n", "war_n"]


def back(value):
    """What a script reads: the object after a trip through JSON text."""
    return json.loads(to_json(value))


def test_a_run(registry):
    run = registry.runs.get("2.4")
    found = back(run_object(run))
    assert list(found) == RUN
    assert (found["id"], found["experiment"], found["fold"], found["folds"]) == ("2.4", 2, 4, 10)
    assert (found["corpus"], found["selection"], found["optimistic"]) == ("EMODB", "best-test", True)
    assert (found["state"], found["epoch"], found["epochs"], found["uar"]) == ("failed", 3, 20, None)
    assert found["error"] == "the loss is not finite (epoch 4)"
    assert found["created"].endswith("Z")


def test_a_finished_run_shows_everything_it_left(registry):
    run = registry.runs.get("1.2")
    found = back(run_details(registry, run))
    assert list(found) == [*RUN, "config", "metrics", "events", "checkpoints", "confusion", "code"]
    assert found["config"]["epochs"] == 20
    assert [one["epoch"] for one in found["metrics"]] == list(range(1, 21))
    assert all(one.keys() == {*METRICS, *INNER} for one in found["metrics"])
    assert all(list(one) == ["time", "kind", "epoch", "text"] for one in found["events"])
    assert found["events"][-1]["kind"] == "done"
    labels, matrix = found["confusion"]["labels"], np.array(found["confusion"]["matrix"])
    predictions = registry.results.predictions(run.id)
    assert matrix.sum() == len(predictions.truth)
    assert matrix.sum(axis=1).tolist() == np.bincount(predictions.truth, minlength=len(labels)).tolist()
    assert np.trace(matrix) / matrix.sum() == pytest.approx(found["war"])


def test_a_run_that_is_not_done_has_no_confusion(registry):
    found = back(run_details(registry, registry.runs.get("2.8")))
    assert found["confusion"] is None
    assert found["metrics"] == []
    assert found["checkpoints"] == []


def test_a_checkpoint_names_its_file_relative_to_the_registry(tmp_path):
    with filled_registry(tmp_path / "runs.db") as own:
        run = own.runs.by_id(start_next(own))
        weights = own.paths.run(run.uid).folder / "best.npz"
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_bytes(b"weights")
        own.journal(run.id, run.attempt).checkpoint("best", 5, weights, "val_loss", math.inf)
        [found] = back(run_details(own, run))["checkpoints"]
    assert found["path"] == f"runs/{run.uid}/best.npz"
    assert (found["kind"], found["epoch"], found["value"], found["bytes"]) == ("best", 5, None, 7)


def test_an_experiment(registry):
    experiment = registry.experiments.get(2)
    runs = registry.runs.of_experiment(2)
    found = back(experiment_object(experiment, runs))
    assert list(found) == EXPERIMENT
    assert (found["n"], found["folds"], found["seed"]) == (2, 10, 46)
    done = [run.uar for run in runs if run.uar is not None]
    assert found["uar"] == {"mean": pytest.approx(np.mean(done)), "sd": pytest.approx(np.std(done, ddof=1)), "n": 2}
    assert found["states"] == {"queued": 4, "running": 2, "paused": 1, "done": 2, "failed": 1, "cancelled": 0}
    assert sum(found["states"].values()) == len(runs)


def test_an_experiment_without_a_result(registry):
    unfinished = [run for run in registry.runs.of_experiment(2) if run.uar is None]
    found = back(experiment_object(registry.experiments.get(2), unfinished))
    nothing = {"mean": None, "sd": None, "n": 0}
    assert (found["n"], found["uar"], found["war"]) == (0, nothing, nothing)


def test_table_rows(registry):
    [first, *_] = result_rows(registry, [registry.experiments.get(1)])
    assert list(back(result_object(first))) == [*RESULT, *OWN_N]
    assert back(result_object(first))["n"] == 3
    [row, *_] = fold_rows(registry, [registry.experiments.get(1)])
    assert {"fold", "folds", *RESULT, *OWN_N} == set(back(fold_object(row)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_becomes_null(registry, value):
    run = replace(registry.runs.get("1.1"), uar=value, war=value)
    assert back(run_object(run))["uar"] is None
    metrics = EpochMetrics(1, value, value, value, value, value, value, value)
    assert set(back(metrics_object(metrics)).values()) == {1, None}
    with pytest.raises(ValueError, match="JSON"):
        to_json({"uar": value})


def test_json_text_cannot_disturb_a_terminal(registry):
    run = replace(registry.runs.get("1.1"), error="\x1b]0;x\x07 \u202e \udcff")
    text = to_json(run_object(run))
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize("module", ["timnet.export.contract", "timnet.export.service", "timnet.export.colours"])
def test_importing_stays_light(module):
    heavy = ("numpy", "matplotlib", "sklearn", "scipy", "tensorflow", "keras", "librosa", "sqlite_utils", "textual")
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
