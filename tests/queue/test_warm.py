"""The process that training processes are forked from: what they get from it, and what its end does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.queue.processes import wait_until
from tests.support import add_corpus, add_experiment
from timnet.queue import liveness
from timnet.queue.engines import local, warm
from timnet.queue.engines.engine import Phase
from timnet.queue.engines.warm import Forked, WarmProcess
from timnet.registry import Registry
from timnet.settings import Settings

pytestmark = pytest.mark.skipif(not warm.possible(), reason="this system does not fork training processes")

Start = Callable[..., tuple[Forked, Path]]


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., WarmProcess]]:
    monkeypatch.setattr(warm, "MODULE", "tests.queue.nursery")
    made: list[WarmProcess] = []

    def make(how: str = "") -> WarmProcess:
        made.append(WarmProcess({**os.environ, "NURSERY": how}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def start(one: WarmProcess, folder: Path, **assignment: float) -> tuple[Forked, Path]:
    """A child with a lock and a log in ``folder``; this process keeps no share of the lock."""
    lock = liveness.try_lock(folder / "lock")
    assert lock is not None
    with (folder / "log.txt").open("ab") as log:
        child = one.start({"run_id": 7, "sleep": 0, "status": 0, **assignment}, lock, log.fileno())
    wait_until(lambda: child.poll() is not None or child.pid is not None or child.refused, 60)
    liveness.unlock(lock)
    return child, folder / "lock"


def test_a_forked_process_has_the_lock_and_the_log_and_its_status_is_told(
    nursery: Callable[..., WarmProcess], tmp_path: Path
) -> None:
    one = nursery()
    child, lock = start(one, tmp_path, sleep=60)
    assert liveness.is_held(lock)
    log = tmp_path / "log.txt"
    wait_until(lambda: log.read_text() == "run 7\n")
    child.kill()
    assert child.wait(20) == -9
    assert not liveness.is_held(lock), "the warm process kept no share of it"
    again, lock = start(one, tmp_path, status=5)
    assert again.wait(20) == 5
    assert log.read_text() == "run 7\nrun 7\n"
    assert not liveness.is_held(lock)


def test_a_killed_warm_process_takes_its_children_with_it(nursery: Callable[..., WarmProcess], tmp_path: Path) -> None:
    one = nursery()
    child, lock = start(one, tmp_path, sleep=60)
    assert child.pid is not None
    parent = psutil.Process(child.pid).parent()
    assert parent is not None
    assert parent.ppid() == os.getpid()
    parent.kill()
    assert child.wait(20) == -9
    assert child.refused is None, "it had begun"
    wait_until(lambda: not liveness.is_held(lock))


def test_it_does_not_fork_where_threads_would_be_lost(nursery: Callable[..., WarmProcess], tmp_path: Path) -> None:
    child, lock = start(nursery("threads"), tmp_path)
    assert child.pid is None
    assert child.refused is not None
    assert child.refused.startswith("threads run in it")
    assert not liveness.is_held(lock)


def test_where_it_cannot_load_runs_start_in_processes_of_their_own(
    nursery: Callable[..., WarmProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NURSERY", "fails")
    monkeypatch.setattr(local.LocalEngine, "_fresh", lambda *_: subprocess.Popen([sys.executable, "-c", ""]))
    said: list[str] = []
    with Registry.open(tmp_path / "runs.db") as registry:
        add_experiment(registry, add_corpus(registry), folds=2)
        engine = local.LocalEngine(registry, Settings(cache=tmp_path), said.append)
        jobs: list[str] = []
        locks = []
        for _ in range(2):
            found = registry.runs.claim(
                lambda uid: liveness.try_lock(registry.paths.run(uid).lock),
                liveness.proof_of(os.getpid()),
                "local",
                "w",
            )
            assert found is not None
            jobs += engine.submit([local.Task(*found)])
            locks.append(found[1])
            wait_until(lambda job=jobs[-1]: engine.poll([job])[job].phase is Phase.GONE, 60)
        assert [status.exit_status for status in engine.poll(jobs).values()] == [0, 0]
        assert engine.poll(["another"])["another"].phase is Phase.GONE
        for lock in locks:
            liveness.unlock(lock)
        assert said[0] == "run 1.1: starts in a process of its own (loading TensorFlow failed)"
        assert len(said) == 2, "it is not tried again"
        assert all(registry.runs.get(key).pid for key in ("1.1", "1.2"))
        engine.close()
