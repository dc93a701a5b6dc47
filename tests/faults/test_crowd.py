"""Many write to one registry and some read it: nobody meets a locked database, and no row is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import REPOSITORY, add_corpus, add_experiment
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry


def crowd(db: Path, writers: int, readers: int, seconds: float, pause: float) -> dict[str, Any]:
    with Registry.open(db) as registry:
        corpus = add_corpus(registry, utterances=28)
        for start in range(0, writers, 10):
            folds = min(10, writers - start)
            config = TrainingConfig(epochs=100_000)
            add_experiment(registry, corpus, config=config, folds=10, only=tuple(range(1, folds + 1)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crowd", str(db), str(writers), str(readers), str(seconds), str(pause)],
        capture_output=True, text=True, cwd=REPOSITORY, timeout=seconds + 240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["errors"] == []
    wrote = {each["run"]: each["epochs"] for each in told["each"] if "run" in each}
    assert len(wrote) == writers, "each has a run of its own"
    assert all(each["looks"] for each in told["each"] if "looks" in each)
    with Registry.open(db) as registry:
        assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
        rows = registry.db.tuples("SELECT run_id, count(*), max(epoch) FROM epochs GROUP BY run_id")
        assert {run_id: (count, last) for run_id, count, last in rows} == {r: (n, n) for r, n in wrote.items()}
        assert {(run.state, run.attempt, run.epoch == wrote[run.id]) for run in registry.runs.ls()} == {
            (RunState.DONE, 1, True)
        }
        events = registry.db.number("SELECT count(*) FROM events WHERE kind = 'stalled'")
        assert events == sum(epochs // 10 for epochs in wrote.values())
    return told


def test_a_dozen_writers_and_two_readers_lose_nothing(tmp_path: Path) -> None:
    """They write as fast as they can."""
    told = crowd(tmp_path / "runs.db", 12, 2, 1.5, 0.0)
    assert told["writes"] > 12 * 3


@pytest.mark.chaos(weight=3)
def test_sixty_four_writers_and_four_readers_lose_nothing(
    tmp_path: Path, seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has an epoch a second."""
    told = crowd(tmp_path / "runs.db", 64, 4, seconds, 1.0)
    with capsys.disabled():
        figures = {name: told[name] for name in ("writes", "median", "p99", "worst")}
        print(f"\n64 writers, 4 readers, {seconds:.0f} s: {figures}")
