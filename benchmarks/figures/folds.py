"""Ten folds of five epochs: timnet's queue and workers, beside one fold after another in legacy Keras with all threads.

Both begin with starting Python and end with the last fold's result.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import QUIET, ROOT, Bench, Row, Subject, compared
from benchmarks.ours.project import project
from timnet.cores import cores
from timnet.records import RunState
from timnet.registry import Registry

FOLDS, EPOCHS, TURNS = 10, 5, 2
ASKED = 2.2
SEQUENTIAL = "legacy Keras, fold after fold"


def measure(bench: Bench) -> Iterator[Row]:
    """Seconds of wall time."""
    folds, epochs = (4, 2) if bench.quick else (FOLDS, EPOCHS)
    given = {"shape": "EMODB", "number": folds, "epochs": epochs, "folder": str(bench.scratch)}
    peer = Subject(SEQUENTIAL, "benchmarks.peers.legacy:folds", given, peer=True)
    ours, theirs = [], []
    for turn in range(min(TURNS, bench.turns)):
        ours.append(_worked(bench.scratch / f"folds-{turn}", folds, epochs))
        started = time.perf_counter()
        with bench.children([peer]) as (child,):
            child.ask("folds")
            theirs.append(time.perf_counter() - started)
    what = f"{folds} folds x {epochs} epochs, EMODB, wall time"
    asked = None if bench.quick else ASKED
    yield compared("folds", what, "s", (ours, theirs), SEQUENTIAL, asked=asked, note="start and tracing included")


def _worked(folder: Path, folds: int, epochs: int) -> float:
    """Seconds that ``timnet work`` takes for an experiment that waits."""
    folder.mkdir()
    db = project(folder, folds, epochs)
    command = [sys.executable, "-m", "timnet", "--db", str(db), "work", "--jobs", str(cores())]
    environment = {**os.environ, **QUIET, "TIMNET_CACHE": str(folder / "cache")}
    environment.pop("TF_USE_LEGACY_KERAS")
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    with Registry.open_read_only(db) as registry:
        runs = registry.runs.of_experiment(1)
    if any(run.state is not RunState.DONE for run in runs) or len(runs) != folds:
        raise RuntimeError(f"timnet work left runs undone:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds
