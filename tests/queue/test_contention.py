"""Eight processes want the same runs: each run is one process's, and nobody meets a locked database."""

from __future__ import annotations

import time
from pathlib import Path

from tests.queue.processes import SPAWN, contend
from tests.support import add_corpus, add_experiment
from timnet.records import RunState
from timnet.registry import Registry

PROCESSES, RUNS = 8, 200


def test_eight_processes_share_out_200_runs_without_a_double_or_a_loss(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        corpus = add_corpus(registry)
        for _ in range(RUNS // 10):
            add_experiment(registry, corpus)
    results = SPAWN.Queue()
    start = time.time() + 4
    processes = [
        SPAWN.Process(target=contend, args=(str(tmp_path / "runs.db"), start, results)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    said = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=20)
    assert [error for _, _, error in said if error] == []
    claimed = [run_id for _, mine, _ in said for run_id in mine]
    assert sorted(claimed) == list(range(1, RUNS + 1))
    assert sum(bool(mine) for _, mine, _ in said) > 1, "the work was shared"
    with Registry.open(tmp_path / "runs.db") as registry:
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
