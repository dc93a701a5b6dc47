"""Machines that sleep and clocks that are set: nobody takes a run, nobody trains it twice, no time is told wrong."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.dozing import NAP
from tests.faults.storm import start_worker
from tests.queue.processes import wait_until
from tests.support import add_corpus, add_experiment, epoch_record
from timnet import clock
from timnet.queue import liveness
from timnet.queue.engines import warm
from timnet.records import EventKind, ProcessProof, RunState, TrainingConfig
from timnet.registry import Registry
from timnet.registry.load import load

DAY = 86400.0
EPOCHS = 60


def all_of(worker: int) -> list[psutil.Process]:
    """A worker with everything that it has started."""
    return [psutil.Process(worker), *psutil.Process(worker).children(recursive=True)]


def stop_between_writes(processes: list[psutil.Process], gate: Path) -> None:
    """One that is stopped within a write keeps all others from writing, as it should."""
    while True:
        for process in processes:
            process.suspend()
        if not liveness.is_held(gate):
            return
        for process in processes:
            process.resume()
        time.sleep(0.05)


@pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")
@pytest.mark.parametrize(
    "asleep", [6.0, pytest.param(65.0, marks=pytest.mark.chaos(weight=0))], ids=["seconds", "a minute"]
)
def test_a_worker_that_is_stopped_with_its_children_loses_nothing_to_another(tmp_path: Path, asleep: float) -> None:
    """As a machine that is suspended, or a container that is frozen, but for what goes on beside it."""
    db = tmp_path / "runs.db"
    config = TrainingConfig(epochs=EPOCHS, batch_size=1, filters=6)
    with Registry.open(db) as registry:
        add_experiment(registry, add_corpus(registry, utterances=28), config=config, folds=2)
    workers = [start_worker(db, tmp_path, "tests.faults.dozing", 2)]
    try:
        with Registry.open(db) as registry:
            wait_until(lambda: all(run.epoch >= 2 for run in registry.runs.ls()), 120, "for epochs")
            stopped = all_of(workers[0].pid)
            stop_between_writes(stopped, registry.paths.gate)
            if max(run.epoch for run in registry.runs.ls()) < EPOCHS - 5:
                workers.append(start_worker(db, tmp_path, "tests.faults.dozing", 2))
            time.sleep(asleep)
            for process in stopped:
                process.resume()
            assert liveness.reap(registry, 5) == [], "whoever holds a lock is alive, however silent"
            for worker in workers:
                assert worker.wait(timeout=180) == 0
            said = (tmp_path / "worker.txt").read_text()
            for run in registry.runs.ls():
                assert (run.state, run.attempt, run.epoch) == (RunState.DONE, 1, EPOCHS), said
                kinds = {event.kind for event in registry.results.events(run.id)}
                assert not kinds & {EventKind.STALLED, EventKind.CRASHED, EventKind.REQUEUED}
                took = [epoch.seconds for epoch in registry.results.epochs(run.id)]
                assert len(took) == EPOCHS
                assert max(took) < NAP + asleep / 2, "the epoch in which it slept tells how long it trained"
    finally:
        for worker in workers:
            if worker.poll() is None:
                os.kill(worker.pid, signal.SIGCONT)
                worker.kill()
            worker.wait()


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock of this process, by so many seconds."""
    moved = [0.0]
    monkeypatch.setattr(clock, "wall", lambda: time.time() + moved[0])

    def by(seconds: float) -> None:
        moved[0] += seconds

    return by


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_a_clock_set_by_a_day_takes_no_run_and_keeps_none_waiting(
    tmp_path: Path, jump: Callable[[float], None], seconds: float
) -> None:
    here = ProcessProof(socket.gethostname(), "boot", os.getpid(), 1.0)
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=2)

        def claim():  # type: ignore[no-untyped-def]
            return registry.runs.claim(
                lambda uid: liveness.try_lock(registry.paths.run(uid).lock), here, "local", "w"
            )  # fmt: skip

        worker = liveness.try_lock(registry.paths.worker_lock("w"))
        assert worker is not None
        registry.workers.add("w", "local", here, 1)
        (first, lock), (second, dead) = claim(), claim()
        for one in (first, second):
            registry.journal(one.run_id, one.attempt).begin([], "started")
            registry.journal(one.run_id, one.attempt).epoch(epoch_record(1))
        pace = load(registry.db)
        liveness.unlock(dead)
        for _ in range(3):  # it crashes three times in a row: six seconds until the next attempt
            assert len(liveness.reap(registry, 9)) == 1
            jump(10.0)
            _, dead = claim()
            liveness.unlock(dead)
        assert len(liveness.reap(registry, 9)) == 1
        assert claim() is None
        jump(seconds)
        assert liveness.reap(registry, 9) == [], "the first still holds its lock"
        assert [one.uid for one in liveness.workers(registry)] == ["w"], "no age makes a worker dead"
        found = claim()
        assert found is not None, "the wait ends, and not a day later"
        assert (found[0].run_id, found[0].attempt) == (second.run_id, 5)
        assert load(registry.db).running == pace.running, "what is left is counted in epochs, not in times of the day"
        journal = registry.journal(first.run_id, 1)
        journal.epoch(epoch_record(2))
        journal.done(0.5, 0.5, [], None, "done")
        assert registry.runs.by_id(first.run_id).state is RunState.DONE
        for held in (lock, found[1], worker):
            liveness.unlock(held)


def test_the_corpus_added_last_is_the_current_one_after_the_clock_was_set_back(
    tmp_path: Path, jump: Callable[[float], None]
) -> None:
    from dataclasses import replace

    with Registry.open(tmp_path / "runs.db") as registry:
        first = add_corpus(registry)
        jump(-DAY)
        second = registry.corpora.add(replace(first, digest="other"))
        assert registry.corpora.get("EMODB").id == second.id
        assert [corpus.id for corpus in registry.corpora.ls()] == [second.id]
        registry.corpora.add(first)
        assert registry.corpora.get("EMODB").id == first.id, "and one that is added again, too"
