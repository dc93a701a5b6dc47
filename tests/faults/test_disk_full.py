"""A disk that fills up while something is written: nothing is lost, everything says so, and it goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import SmallDisk
from tests.faults.storm import outcome
from tests.queue.processes import wait_until
from tests.support import PROOF, REPOSITORY, add_corpus, add_experiment, filled_registry
from tests.training.conftest import make_corpus
from timnet.corpora.service import add_corpus as register
from timnet.errors import DiskFull
from timnet.features.build import features_of
from timnet.queue import liveness
from timnet.queue.engines import warm
from timnet.records import EventKind, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.registry.schema import APPLICATION_ID, MIGRATIONS, apply
from timnet.states import Command

EPOCHS = 40
WORKER = """
import sys
from timnet.queue import presence, worker
from timnet.queue import liveness
from timnet.queue.engines import warm
presence.HINDERED_SECONDS = 0.2
warm.MODULE = "tests.faults.pretend"
sys.exit(worker.main())
"""


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[..., SmallDisk]]:
    made: list[SmallDisk] = []

    def make(*, pretend: bool = False) -> SmallDisk:
        made.append(SmallDisk.make(tmp_path, pretend=pretend))
        return made[-1]

    yield make
    for disk in made:
        disk.free()
        disk.end()


def queue(db: Path) -> None:
    config = TrainingConfig(epochs=EPOCHS, batch_size=4, filters=6, check_every=3, select="best", monitor="val_loss")
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry, utterances=28), config=config, folds=2)


def work(db: Path, disk: SmallDisk | None) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "PYTHONPATH": str(REPOSITORY), "TIMNET_CACHE": str(db.parent), "TIMNET_NICE": "0",
        **(disk.environment if disk else {}),
    }  # fmt: skip
    with (db.parent.parent / "worker.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER, f"--db={db}", "--jobs=2"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=db.parent, start_new_session=True,
        )  # fmt: skip


def states(db: Path) -> list[RunState]:
    with Registry.open_read_only(db) as registry:
        return [run.state for run in registry.runs.ls()]


def check_whole(db: Path) -> None:
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def timnet(disk: SmallDisk, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timnet", *arguments], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **disk.environment}, cwd=disk.folder.parent, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def check_line(done: subprocess.CompletedProcess[str]) -> None:
    """It ended in one line that names the full disk."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("timnet: no space left on the disk"), done.stderr
    assert done.stderr.count("\n") == 1


forks = pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")


@forks
def test_training_pauses_where_the_disk_is_full_and_goes_on(make_disk: Callable[..., SmallDisk]) -> None:
    disk = make_disk()
    fill_while_training(disk, disk.folder / "runs.db", disk.folder.parent / "worker.txt")


@forks
@pytest.mark.chaos(weight=0)
@pytest.mark.parametrize("pretend", [False, True])
def test_it_goes_on_to_the_same_bits(make_disk: Callable[..., SmallDisk], tmp_path: Path, pretend: bool) -> None:
    disk, undisturbed = make_disk(pretend=pretend), tmp_path / "undisturbed" / "runs.db"
    undisturbed.parent.mkdir()
    queue(undisturbed)
    assert work(undisturbed, None).wait(timeout=240) == 0
    db = disk.folder / "runs.db"
    fill_while_training(disk, db, tmp_path / "worker.txt")
    with Registry.open(db) as registry, Registry.open(undisturbed) as other:
        for run in registry.runs.ls():
            expected, found = outcome(other, other.runs.get(run.key)), outcome(registry, run)
            assert {**found, "files": None} == {**expected, "files": None}


def fill_while_training(disk: SmallDisk, db: Path, log: Path) -> None:
    """Two runs train; the disk is full for a while; they pause, and are resumed to their end."""
    queue(db)
    worker = work(db, disk)
    told = "no space left on the disk"
    try:
        with Registry.open_read_only(db) as registry:
            wait_until(lambda: all(run.epoch >= 3 for run in registry.runs.ls()), 120, "for epochs")
        disk.fill()
        assert disk.is_full()
        wait_until(lambda: told in log.read_text() or set(states(db)) == {RunState.PAUSED}, 120, "for a full disk")
        time.sleep(1)
        check_whole(db)
        listed = timnet(disk, "--db", str(db), "runs", "ls")
        assert (listed.returncode, listed.stderr) == (0, "")
        assert "1.2" in listed.stdout
        disk.free()
        wait_until(lambda: set(states(db)) == {RunState.PAUSED}, 120, "for the pauses")
        assert worker.wait(timeout=120) == 0, log.read_text()
        with Registry.open(db) as registry:
            for run in registry.runs.ls():
                assert (run.crashes, run.epoch < EPOCHS) == (0, True)
                assert (run.error or "").startswith(told), run.error
                assert (run.error or "").endswith("free some room, then resume it")
            registry.runs.command(Command.RESUME, ["1.1", "1.2"])
        worker = work(db, disk)
        assert worker.wait(timeout=120) == 0
        assert "Traceback" not in log.read_text()
    finally:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
    with Registry.open(db) as registry:
        for run in registry.runs.ls():
            assert (run.state, run.error) == (RunState.DONE, None)
            assert [epoch.epoch for epoch in registry.results.epochs(run.id)] == list(range(1, EPOCHS + 1))
            assert EventKind.CRASHED not in [event.kind for event in registry.results.events(run.id)]
            assert "Traceback" not in registry.paths.run(run.uid).log.read_text()


def older_registry(path: Path) -> None:
    """A registry as the first timnet made it, with an experiment of ten runs and half a megabyte of epochs."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN")
    apply(connection, MIGRATIONS[:1])
    connection.execute("INSERT INTO corpora VALUES (1, 'DEMO', 'raw', 'x', 'd', '[\"a\"]', 100, 2, 't', NULL)")
    connection.execute(
        "INSERT INTO experiments VALUES (1, 'u', 1, 'random', 'demo', 'last', 0, '{}', 46, 10, 'trained', 't', '')"
    )
    for fold in range(1, 11):
        connection.execute(
            "INSERT INTO runs (uid, experiment_id, fold, state, epochs, created, updated) "
            "VALUES (?, 1, ?, 'queued', 1000, 't', 't')",
            (f"u-f{fold}", fold),
        )
        connection.executemany(
            "INSERT INTO epochs (run_id, epoch, attempt, time, loss, lr, seconds) VALUES (?, ?, 1, 't', 0.5, 0.001, 1)",
            [(fold, epoch) for epoch in range(1, 1001)],
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("COMMIT")
    connection.close()


def test_a_migration_and_an_export_without_room_leave_what_was_there(make_disk: Callable[..., SmallDisk]) -> None:
    disk = make_disk()
    old, exported = disk.folder / "old.db", disk.folder / "runs.csv"
    older_registry(old)
    db = disk.folder.parent / "runs.db"
    filled_registry(db).close()
    exported.write_text("before")
    disk.fill()
    check_line(timnet(disk, "--db", str(old), "runs", "ls"))
    check_line(timnet(disk, "--db", str(db), "export", "runs", "-o", str(exported)))
    assert exported.read_text() == "before"
    disk.free()
    check_whole(old)
    assert not list(disk.folder.glob("**/.*.tmp"))
    assert timnet(disk, "--db", str(old), "runs", "ls").returncode == 0
    assert timnet(disk, "--db", str(db), "export", "runs", "-o", str(exported)).returncode == 0
    assert exported.read_text().count("\n") > 10
    with Registry.open(old) as registry:
        assert registry.db.number("SELECT count(*) FROM epochs") == 10_000


def test_a_claim_without_room_lets_go_of_the_run_s_lock(tmp_path: Path) -> None:
    """Else the worker itself would keep the run from ever being claimed."""
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=2)
        registry.db.connection.execute(
            "CREATE TEMP TRIGGER no_room BEFORE INSERT ON attempts BEGIN SELECT raise(FAIL, 'no room'); END"
        )
        paths = registry.paths.run(registry.runs.get("1.1").uid)

        def claim():  # type: ignore[no-untyped-def]
            return registry.runs.claim(
                lambda uid: liveness.try_lock(registry.paths.run(uid).lock), PROOF, "local", None
            )

        with pytest.raises(sqlite3.IntegrityError, match="no room"):
            claim()
        assert not liveness.is_held(paths.lock)
        assert registry.runs.get("1.1").state is RunState.QUEUED
        registry.db.connection.execute("DROP TRIGGER no_room")
        claimed = claim()
        assert claimed is not None
        assert liveness.is_held(paths.lock)
        liveness.unlock(claimed[1])


@pytest.mark.chaos(weight=0)
def test_extracting_features_without_room_leaves_the_cache_as_it_was(
    make_disk: Callable[..., SmallDisk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = make_disk()
    for name, value in disk.environment.items():
        monkeypatch.setenv(name, value)
    with Registry.open(tmp_path / "runs.db") as registry:
        register(registry, "DEMO", make_corpus(tmp_path / "corpus"))
        corpus = registry.corpora.get("DEMO")
    cache = disk.folder / "cache"
    (cache / "features").mkdir(parents=True)
    disk.fill()
    with pytest.raises(DiskFull, match="no space left on the disk"):
        features_of(corpus, cache)
    assert [path.name for path in cache.rglob("*") if path.is_file()] == []
    disk.free()
    assert features_of(corpus, cache).stat().st_size > 10_000
