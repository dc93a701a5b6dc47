"""Power loss: what the registry wrote last did not reach the disk whole. Its rows come back from the resume points."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.stand_in import Training, Work
from tests.support import add_corpus, add_experiment
from timnet.queue import liveness
from timnet.records import CHECK_KINDS, RunState, TrainingConfig
from timnet.registry import Registry

EPOCHS = 8


def before_the_loss(folder: Path) -> None:
    """Four runs: one is done, one trains, one has an epoch's row without its resume point, one waits.

    All that they wrote is still in SQLite's log: nothing of it was moved into the file itself.
    """
    db = folder / "runs.db"
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry, utterances=28), folds=4, config=TrainingConfig(epochs=EPOCHS))
    keeper = Registry.open(db)  # SQLite empties its log when the last connection is closed
    keeper.db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    worker = Work(db)
    trainings = [worker.claim() for _ in range(3)]
    for training, epochs in zip(trainings, (EPOCHS, 5, 3), strict=True):
        assert training is not None
        training.begin()
        for _ in range(epochs):
            training.train()
    done, _, half = trainings
    assert done is not None
    assert half is not None
    done.finish(RunState.DONE)
    half.train(dies="before the resume point")
    keep = folder.with_name("kept")
    shutil.copytree(folder, keep, ignore=shutil.ignore_patterns("*-shm"))
    for training in trainings:
        if training is not None and training.alive:
            training.kill()
    worker.kill()
    keeper.close()
    shutil.rmtree(folder)
    keep.rename(folder)


def lose(folder: Path, place: int, dice: random.Random, how: str) -> None:
    """Cut the log at a byte, or garble what follows it."""
    log = folder / "runs.db-wal"
    data = bytearray(log.read_bytes())
    if how == "cut":
        del data[place:]
    elif how == "zeroed":  # the file had grown already, and nothing was in it yet
        data[place:] = bytes(len(data) - place)
    else:
        data[place : place + 64] = dice.randbytes(len(data[place : place + 64]))
    log.write_bytes(data)


def finish_all(db: Path) -> None:
    """What a worker does at the next start: look for the dead, and train what waits to its end."""
    worker = Work(db)
    liveness.reap(worker.registry, 9)
    while (training := worker.claim()) is not None:
        train_to_the_end(training)
        worker.bury(training, 9)
    worker.kill()


def train_to_the_end(training: Training) -> None:
    training.begin()
    while training.epoch < EPOCHS:
        training.train()
    training.finish(RunState.DONE)


def check(db: Path) -> None:
    """Every run is done, and nothing of it is missing or there twice."""
    with Registry.open(db) as registry:
        assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}
        assert registry.db.rows("PRAGMA foreign_key_check") == []
        runs = registry.runs.ls()
        assert [(run.state, run.epoch) for run in runs] == [(RunState.DONE, EPOCHS)] * 4
        assert max(run.crashes for run in runs) <= 1
        for run in runs:
            assert [epoch.epoch for epoch in registry.results.epochs(run.id)] == list(range(1, EPOCHS + 1))
            events = registry.results.events(run.id)
            checks = sorted(event.epoch or 0 for event in events if event.kind in CHECK_KINDS)
            assert checks == list(range(1, EPOCHS + 1))
            assert [attempt.attempt for attempt in registry.results.attempts(run.id)] == list(range(1, run.attempt + 1))


def lose_at(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "before"
    folder.mkdir()
    before_the_loss(folder)
    size = (folder / "runs.db-wal").stat().st_size
    assert size > 100_000
    dice = random.Random(7)
    for number in range(count):
        after = tmp_path / f"after-{number}"
        shutil.copytree(folder, after)
        place = (number * size) // count + dice.randrange(size // count)
        lose(after, place, dice, ("cut", "garbled", "zeroed")[number % 3])
        with Registry.open(after / "runs.db") as registry:
            assert registry.db.row("PRAGMA integrity_check") == {"integrity_check": "ok"}, (number, place)
        finish_all(after / "runs.db")
        check(after / "runs.db")
        shutil.rmtree(after)


def test_what_the_log_lost_comes_back(swift: Path) -> None:
    lose_at(swift, 9)


@pytest.mark.chaos(weight=0)
def test_what_the_log_lost_at_three_hundred_places_comes_back(swift: Path, figure: Callable[[str], None]) -> None:
    lose_at(swift, 300)
    figure("300 places: each whole, every epoch back, every run done")
