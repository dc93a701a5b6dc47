"""Eight processes want the same runs: each run is one process's, and nobody meets a locked database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.queue.processes import SPAWN, START_SECONDS, contend
from tests.support import add_corpus, add_experiment
from timnet.records import RunState
from timnet.registry import Registry

PROCESSES, RUNS = 8, 200


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is some: it is each other that they are to wait for, and not a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as scratch:
        yield Path(scratch)


@pytest.mark.timeout(6 * START_SECONDS)
def test_eight_processes_share_out_200_runs_without_a_double_or_a_loss(folder: Path) -> None:
    with Registry.open(folder / "runs.db") as registry:
        corpus = add_corpus(registry)
        for _ in range(RUNS // 10):
            add_experiment(registry, corpus)
    results = SPAWN.Queue()
    start = SPAWN.Barrier(PROCESSES)
    processes = [
        SPAWN.Process(target=contend, args=(str(folder / "runs.db"), start, results)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    said = [results.get(timeout=2 * START_SECONDS) for _ in processes]
    for process in processes:
        process.join(timeout=START_SECONDS)
    assert [error for _, _, error in said if error] == []
    claimed = [run_id for _, mine, _ in said for run_id in mine]
    assert sorted(claimed) == list(range(1, RUNS + 1))
    assert sum(bool(mine) for _, mine, _ in said) > 1, "the work was shared"
    with Registry.open(folder / "runs.db") as registry:
        runs = registry.runs.ls()
        assert {(run.state, run.attempt, run.epoch, run.uar) for run in runs} == {(RunState.DONE, 1, 1, 0.5)}
        assert len(runs) == RUNS
        whose = {run_id: str(pid) for pid, mine, _ in said for run_id in mine}
        attempts = registry.db.rows("SELECT run_id, attempt, worker, outcome FROM attempts ORDER BY run_id")
        assert attempts == [
            {"run_id": run.id, "attempt": 1, "worker": whose[run.id], "outcome": "done"}
            for run in sorted(runs, key=lambda run: run.id)
        ]
        assert registry.db.rows("SELECT run_id, count(*) AS n FROM epochs GROUP BY run_id HAVING n != 1") == []
        kinds = registry.db.rows("SELECT kind, count(*) AS n FROM events GROUP BY kind ORDER BY kind")
        assert [(row["kind"], row["n"]) for row in kinds] == [
            ("check-skipped", RUNS), ("done", RUNS), ("queued", RUNS), ("started", RUNS),
        ]  # fmt: skip
        assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
