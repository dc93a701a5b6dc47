"""Two versions of timnet on one registry, and several processes that migrate it at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.storm import start_worker
from tests.faults.test_disk_full import check_whole, older_registry
from tests.queue.processes import wait_until
from tests.support import REPOSITORY, add_corpus, add_experiment
from timnet.queue import liveness
from timnet.queue.engines import warm
from timnet.records import RunState, TrainingConfig
from timnet.registry import Registry, database
from timnet.registry.schema import MIGRATIONS

SIX = """
import os, sys, time
from pathlib import Path
import sqlite_utils.db
from timnet.registry import Registry
def open_it():
    time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
    with Registry.open(Path(sys.argv[1])) as registry:
        registry.experiments.tag(1, [f"seen-{os.getpid()}"])
        assert registry.db.number("SELECT count(*) FROM epochs") == 10_000
children = []
for _ in range(6):
    child = os.fork()
    if not child:
        status = 1
        try:
            open_it()
            status = 0
        finally:
            os._exit(status)
    children.append(child)
sys.exit(sum(bool(os.waitpid(child, 0)[1]) for child in children))
"""


def test_six_processes_that_migrate_at_once_migrate_once(tmp_path: Path) -> None:
    db = tmp_path / "runs.db"
    older_registry(db)
    done = subprocess.run(
        [sys.executable, "-c", SIX, str(db), str(time.time() + 1)],
        capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    check_whole(db)
    assert [path.name for path in tmp_path.glob("*.before-*")] == [f"runs.db.before-v{len(MIGRATIONS)}"]
    with Registry.open(db) as registry:
        assert len(registry.experiments.get(1).tags) == 6
        assert registry.db.number("PRAGMA user_version") == len(MIGRATIONS)


@pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")
def test_a_worker_leaves_when_a_newer_timnet_migrates_its_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It and what it trains stop with one line each; the newer one finds the run, and goes on from its resume point."""
    db = tmp_path / "runs.db"
    config = TrainingConfig(epochs=5000, batch_size=4, filters=6)
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry, utterances=28), config=config, folds=2, only=(1,))
    worker = start_worker(db, tmp_path, "tests.faults.pretend", 1)
    try:
        with Registry.open_read_only(db) as registry:
            wait_until(lambda: registry.runs.get("1.1").epoch >= 3, 120, "for epochs")
        monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN colour TEXT",)))
        with Registry.open(db) as newer:
            assert worker.wait(timeout=120) == 2
            run = newer.runs.get("1.1")
            log = newer.paths.run(run.uid).log
            wait_until(lambda: not liveness.is_held(newer.paths.run(run.uid).lock), 60, "for its process to leave")
            said = (tmp_path / "worker.txt").read_text()
            assert said.count("migrated by a newer timnet while it was open") == 1, said
            assert "Traceback" not in said + log.read_text()
            assert run.state is RunState.RUNNING
            assert run.epoch == len(newer.results.epochs(run.id)) < 5000
            [(found, state)] = liveness.reap(newer, 5)
            assert (found.key, state) == ("1.1", RunState.QUEUED)
            assert newer.paths.run(run.uid).checkpoints(), "it goes on from there"
    finally:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
