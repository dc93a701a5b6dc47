"""Workers started in the background: each is alive when the call returns, and keeps a log of its own."""

from __future__ import annotations

import time
from pathlib import Path

from timnet.queue import liveness
from timnet.queue.service import start_worker, stop_workers
from timnet.registry import Registry

PATIENCE = 60.0


def test_each_background_worker_has_its_own_log(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "runs.db") as registry:
        pids = {start_worker(tmp_path / "runs.db", 1, stay=True) for _ in range(2)}
        alive = liveness.workers(registry)
        assert {worker.pid for worker in alive} == pids
        for worker in alive:
            log = registry.paths.worker_log(worker.uid).read_text()
            others = [one.uid for one in alive if one is not worker]
            assert f"worker {worker.uid} takes up to 1 runs" in log
            assert not any(uid in log for uid in others)
        assert len(stop_workers(registry)) == 2
        deadline = time.monotonic() + PATIENCE
        while liveness.workers(registry):
            assert time.monotonic() < deadline, "the workers did not end in time"
            time.sleep(0.1)
        assert all(f"worker {one.uid} ended" in registry.paths.worker_log(one.uid).read_text() for one in alive)
