"""Proof of life: locks that die with their holders, pids that are not believed, and what reaping does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.queue.processes import holder, wait_until
from tests.support import add_corpus, add_experiment, epoch_record
from timnet.errors import BadInput
from timnet.queue import liveness, service
from timnet.records import ProcessProof, Run, RunState, Want
from timnet.registry import Registry
from timnet.registry.runs import Claim
from timnet.states import Command

HERE = ProcessProof(socket.gethostname(), liveness.boot_id(), os.getpid(), psutil.Process().create_time())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "runs.db") as opened:
        add_experiment(opened, add_corpus(opened), folds=3)
        yield opened


def claim_here(registry: Registry) -> tuple[Claim, int]:
    """Claim the next run as a worker on this machine does, with its real lock."""
    found = registry.runs.claim(lambda uid: liveness.try_lock(registry.paths.run(uid).lock), HERE, "local", "w")
    assert found is not None
    registry.runs.started(found[0], HERE)
    registry.journal(found[0].run_id, found[0].attempt).begin([], "started")
    return found


def test_a_lock_has_one_holder_and_is_free_again_when_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "x" / "lock"
    assert not liveness.is_held(path)
    assert not path.exists()
    lock = liveness.try_lock(path)
    assert lock is not None
    assert liveness.try_lock(path) is None
    assert liveness.is_held(path)
    liveness.unlock(lock)
    assert not liveness.is_held(path)


def test_a_killed_holder_frees_its_lock_at_once(tmp_path: Path) -> None:
    process, _ = holder(tmp_path / "lock")
    assert liveness.is_held(tmp_path / "lock")
    process.kill()
    assert wait_until(lambda: not liveness.is_held(tmp_path / "lock"), 2) < 2
    process.wait()


def test_a_child_that_inherited_the_lock_keeps_it_when_its_parent_is_killed(tmp_path: Path) -> None:
    process, child = holder(tmp_path / "lock", "with-child")
    process.kill()
    process.wait()
    assert liveness.is_held(tmp_path / "lock"), "the child lives"
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: not liveness.is_held(tmp_path / "lock"), 2)


def test_a_child_that_was_not_given_the_lock_does_not_keep_it(tmp_path: Path) -> None:
    process, child = holder(tmp_path / "lock", "with-stranger")
    process.kill()
    process.wait()
    try:
        assert not liveness.is_held(tmp_path / "lock")
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_process_is_known_by_more_than_its_pid() -> None:
    mine = liveness.proof_of(os.getpid())
    assert mine == HERE
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    proof = liveness.proof_of(child.pid)
    assert (proof.host, proof.boot_id, proof.pid) == (mine.host, mine.boot_id, child.pid)
    assert proof.started >= mine.started
    child.kill()
    child.wait()
    with pytest.raises(psutil.NoSuchProcess):
        liveness.proof_of(child.pid)


def test_a_run_whose_lock_is_held_is_left_alone(registry: Registry) -> None:
    claim, lock = claim_here(registry)
    assert liveness.reap(registry, 5) == []
    assert registry.runs.get(claim.key).state is RunState.RUNNING
    liveness.unlock(lock)


def test_a_run_whose_lock_is_free_waits_again_with_its_reason_and_epoch(registry: Registry) -> None:
    claim, lock = claim_here(registry)
    registry.journal(claim.run_id, 1).epoch(epoch_record(1))
    liveness.unlock(lock)
    [(run, state)] = liveness.reap(registry, 5)
    assert (run.key, state) == ("1.1", RunState.QUEUED)
    [listed] = service.look(registry, 5, "id:1.1").runs
    assert listed.waiting_for == (
        "its process was killed or the machine stopped; goes on after epoch 1; "
        "no worker takes runs; start one: timnet work"
    )
    assert liveness.reap(registry, 5) == []
    again, lock = claim_here(registry)
    assert (again.run_id, again.attempt, again.from_epoch) == (claim.run_id, 2, 1)
    liveness.unlock(lock)


@pytest.mark.parametrize(("command", "state"), [(Command.PAUSE, RunState.PAUSED), (Command.CANCEL, RunState.CANCELLED)])
def test_reaping_does_what_the_user_had_asked_for(registry: Registry, command: Command, state: RunState) -> None:
    claim, lock = claim_here(registry)
    registry.runs.command(command, [claim.key])
    liveness.unlock(lock)
    assert [found for _, found in liveness.reap(registry, 5)] == [state]


def test_reaping_gives_up_a_run_that_crashed_too_often_in_a_row(registry: Registry) -> None:
    registry.runs.command(Command.PAUSE, ["1.2", "1.3"])
    for expected in (RunState.QUEUED, RunState.QUEUED, RunState.FAILED):
        registry.db.connection.execute("UPDATE runs SET not_before = 0")
        _, lock = claim_here(registry)
        liveness.unlock(lock)
        assert [state for _, state in liveness.reap(registry, 3)] == [expected]
    assert registry.runs.get("1.1").error == "its process was killed or the machine stopped"


def test_runs_of_other_machines_and_read_only_registries_are_not_reaped(registry: Registry) -> None:
    claim, lock = claim_here(registry)
    liveness.unlock(lock)
    with Registry.open_read_only(registry.paths.db) as watching:
        assert liveness.reap(watching, 5) == []
        assert watching.runs.get(claim.key).state is RunState.RUNNING
    registry.db.connection.execute("UPDATE attempts SET host = 'elsewhere'")
    assert liveness.reap(registry, 5) == []
    registry.db.connection.execute("UPDATE attempts SET host = ?, engine = 'slurm'", (HERE.host,))
    assert liveness.reap(registry, 5) == []


def test_many_reapers_at_once_reap_a_run_once(registry: Registry) -> None:
    claim, lock = claim_here(registry)
    liveness.unlock(lock)
    program = (
        "import sys, time, pathlib\n"
        "from timnet.queue import liveness\n"
        "from timnet.registry import Registry\n"
        "with Registry.open(pathlib.Path(sys.argv[1])) as registry:\n"
        "    time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "    print(len(liveness.reap(registry, 5)))\n"
    )
    start = time.time() + 1.5
    reapers = [
        subprocess.Popen([sys.executable, "-c", program, str(registry.paths.db), str(start)], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert sorted(int(reaper.communicate()[0]) for reaper in reapers) == [0, 0, 0, 1]
    assert registry.runs.get(claim.key).crashes == 1


def test_only_workers_that_hold_their_lock_are_listed_and_dead_ones_noted(registry: Registry) -> None:
    process, _ = holder(registry.paths.worker_lock("living"))
    dead, _ = holder(registry.paths.worker_lock("dead"))
    for uid, jobs in (("living", 2), ("dead", 3)):
        registry.workers.add(uid, "local", HERE, jobs)
    registry.workers.add("far", "local", replace(HERE, host="elsewhere"), 1)
    dead.kill()
    dead.wait()
    with Registry.open_read_only(registry.paths.db) as watching:
        assert [worker.uid for worker in liveness.workers(watching)] == ["living", "far"]
        assert len(watching.workers.open()) == 3
    assert [(worker.uid, worker.jobs, worker.alive) for worker in liveness.workers(registry)] == [
        ("living", 2, True), ("far", 1, True),
    ]  # fmt: skip
    assert [row["uid"] for row in registry.workers.open()] == ["living", "far"]
    found = registry.runs.claim(lambda uid: liveness.try_lock(registry.paths.run(uid).lock), HERE, "local", "living")
    assert found is not None
    assert liveness.workers(registry)[0].running == ("1.1",)
    liveness.unlock(found[1])
    process.kill()
    process.wait()


def test_workers_are_asked_to_end(registry: Registry) -> None:
    lock = liveness.try_lock(registry.paths.worker_lock("w"))
    assert lock is not None
    registry.workers.add("w", "local", HERE, 2)
    assert registry.workers.seen("w") is None
    assert [worker.uid for worker in service.stop_workers(registry, drain=True)] == ["w"]
    assert registry.workers.seen("w") == registry.workers.wanted("w") == "drain"
    service.stop_workers(registry)
    assert liveness.workers(registry)[0].want == "stop"
    registry.workers.ended("w")
    assert liveness.workers(registry) == []
    assert service.stop_workers(registry) == []
    liveness.unlock(lock)


def test_one_worker_is_asked_to_end_by_its_id_or_pid(registry: Registry) -> None:
    locks = [liveness.try_lock(registry.paths.worker_lock(uid)) for uid in ("ab12", "ab34")]
    registry.workers.add("ab12", "local", HERE, 2)
    registry.workers.add("ab34", "local", replace(HERE, pid=HERE.pid + 1), 2)
    assert service.stop_worker(registry, "ab3", drain=True).uid == "ab34"
    assert [worker.want for worker in liveness.workers(registry)] == [None, "drain"]
    assert service.stop_worker(registry, str(HERE.pid)).uid == "ab12"
    assert [worker.want for worker in liveness.workers(registry)] == ["stop", "drain"]
    for name, message in (
        ("ab", "'ab' names 2 living workers"),
        ("x", "'x' names no living workers"),
        ("", "there are: ab12"),
    ):
        with pytest.raises(BadInput, match=message):
            service.stop_worker(registry, name)
    for lock in locks:
        assert lock is not None
        liveness.unlock(lock)


def test_a_command_for_every_run_passes_over_those_it_is_not_for(registry: Registry) -> None:
    claimed, lock = claim_here(registry)
    registry.runs.command(Command.PAUSE, ["1.2"])
    outcomes, passed = service.command_every(registry, Command.PAUSE)
    assert ([(one.key, one.intent) for one in outcomes], passed) == ([("1.1", Want.PAUSE), ("1.3", None)], [])
    outcomes, passed = service.command_every(registry, Command.RESUME)
    assert ([one.key for one in outcomes], passed) == (["1.2", "1.3"], [])
    service.command_every(registry, Command.CANCEL)
    assert registry.runs.by_id(claimed.run_id).want is Want.CANCEL
    assert registry.runs.counts()[RunState.CANCELLED] == 2
    assert service.command_every(registry, Command.RETRY) == ([], [])
    outcomes, passed = service.command_where_it_applies(registry, Command.RETRY, ["1.1", "1.2", "1.3"])
    assert [one.key for one in outcomes] == ["1.2", "1.3"]
    assert passed == ["cannot retry run 1.1: it is running, and retry is for runs that are cancelled, failed"]
    liveness.unlock(lock)


def test_every_waiting_run_says_why(registry: Registry) -> None:
    def reasons() -> dict[str, str | None]:
        return {run.key: run.waiting_for for run in service.look(registry, 5).runs}

    registry.runs.command(Command.PAUSE, ["1.3"])
    nobody = "no worker takes runs; start one: timnet work"
    resume = "you to resume it: timnet queue resume 1.3"
    assert reasons() == {"1.1": nobody, "1.2": nobody, "1.3": resume}
    worker = liveness.try_lock(registry.paths.worker_lock("w"))
    assert worker is not None
    registry.workers.add("w", "local", HERE, 1)
    assert reasons() == {"1.1": "its turn", "1.2": "its turn", "1.3": resume}
    _, lock = claim_here(registry)
    assert reasons() == {"1.1": None, "1.2": "a free place (1 of 1 busy)", "1.3": resume}
    service.stop_workers(registry, drain=True)
    assert reasons() == {"1.1": None, "1.2": nobody, "1.3": resume}
    liveness.unlock(lock)
    liveness.unlock(worker)


def test_a_run_in_any_state_waits_for_something_or_for_nothing(registry: Registry) -> None:
    from timnet.queue.waiting import reason

    run: Run = registry.runs.get("1.1")
    for state in RunState:
        waits = reason(replace(run, state=state), [])
        assert (waits is not None) == (state in (RunState.QUEUED, RunState.PAUSED))
