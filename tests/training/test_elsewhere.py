"""Runs on other machines, all but the machines: real heads, real jobs, real training, real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.storm import outcome
from tests.queue.processes import wait_until
from tests.support import REPOSITORY
from tests.training.conftest import PATIENCE, Studio
from timnet.records import Run, RunState
from timnet.registry import Registry
from timnet.states import Command

pytestmark = pytest.mark.engine


def start_head(studio: Studio, jobs: int = 2) -> subprocess.Popen[bytes]:
    shared = studio.folder / "shared"
    with (studio.folder / "head.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.queue.away", str(studio.db), str(shared), str(jobs)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True,
            env={**os.environ, "TIMNET_CACHE": str(studio.cache), "TIMNET_NICE": "0"},
        )  # fmt: skip


class Cluster:
    """A registry whose runs are trained by jobs, and what a test does to them."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.registry = Registry.open(studio.db)
        self.head = start_head(studio)

    def run(self, key: str) -> Run:
        return self.registry.runs.get(key)

    def wait(self, key: str, holds: Callable[[Run], object], what: str) -> Run:
        try:
            wait_until(lambda: holds(self.run(key)), PATIENCE, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.run(key)}\n{self.studio.words()}") from None
        return self.run(key)

    def wait_for_epoch(self, key: str, epoch: int) -> Run:
        return self.wait(key, lambda run: run.epoch >= epoch and run.pid, f"for epoch {epoch} of {key}")

    def ask(self, command: Command, key: str) -> None:
        self.registry.runs.command(command, [key])

    def kill_head(self) -> None:
        self.head.kill()
        self.head.wait()

    def end(self) -> None:
        if self.head.poll() is None:
            self.kill_head()
        self.registry.close()


@pytest.fixture
def cluster(studio: Callable[[str], Studio]) -> Iterator[Cluster]:
    made = studio("away")
    with Registry.open(made.db) as registry:
        made.queue(registry)
        made.queue(registry, only=(1,), seed=47, select="best", monitor="val_loss", patience=3, min_delta=9.0)
        made.queue(registry, only=(1,), seed=48, epochs=4000)
    one = Cluster(made)
    yield one
    one.end()


def essence(registry: Registry, run: Run) -> dict[str, object]:
    """What must be equal wherever it was trained; of resume points the newest, as not all of them come home."""
    found = outcome(registry, run)
    points = [name for name in found["files"] if name.startswith("checkpoints/")]
    found["files"] = [name for name in found["files"] if name not in (*points[:-1], "lock", "log.txt")]
    return found


def test_what_is_trained_elsewhere_equals_what_is_trained_here(cluster: Cluster, trained: Studio) -> None:
    """One run is killed, and the head with it; one is paused and resumed; one ends by itself; one is cancelled."""
    started = {key: cluster.wait(key, lambda run: run.host and run.pid, "to begin") for key in ("1.1", "1.2")}
    assert all(run.state is RunState.RUNNING for run in started.values())
    cluster.ask(Command.PAUSE, "1.2")  # before its first epoch, or after: a busy machine starts them far apart
    killed = cluster.wait_for_epoch("1.1", 6)
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    cluster.kill_head()
    time.sleep(1)
    cluster.head = start_head(cluster.studio)

    cluster.wait("1.2", lambda run: run.state is RunState.PAUSED, "to be paused")
    cluster.ask(Command.RESUME, "1.2")
    assert cluster.wait("1.1", lambda run: run.attempt == 2, "to be submitted again").host
    cluster.wait_for_epoch("3.1", 1)
    cluster.ask(Command.CANCEL, "3.1")
    cluster.wait("3.1", lambda run: run.state is RunState.CANCELLED, "to be cancelled")
    assert cluster.head.wait(PATIENCE) == 0, cluster.studio.words()

    with Registry.open(trained.db) as here:
        for key in ("1.1", "1.2", "2.1"):
            run = cluster.run(key)
            assert run.state is RunState.DONE, cluster.studio.words()
            assert essence(cluster.registry, run) == essence(here, here.runs.get(key))
    attempts = {run.key: cluster.registry.results.attempts(run.id) for run in cluster.registry.runs.ls()}
    assert [one.outcome for one in attempts["1.1"]] == ["crashed", "done"]
    assert [one.outcome for one in attempts["1.2"]] == ["paused", "done"]
    assert [one.outcome for one in attempts["3.1"]] == ["cancelled"]
    assert {one.engine for each in attempts.values() for one in each} == {"away"}
    assert [path.name for path in (cluster.studio.folder / "shared").iterdir()] == ["features"]
    log = cluster.registry.paths.run(cluster.run("1.1").uid).log.read_text()
    assert log.count("attempt 1 on") == log.count("attempt 2 on") == 1
