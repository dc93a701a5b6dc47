"""The engine against a real Slurm of two slots, with training processes that train nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.slurm.cluster import NODES, Cluster
from tests.slurm.pretend import Pretended, prepare
from tests.support import REPOSITORY
from tests.training.conftest import lives
from timnet.errors import BadInput
from timnet.paths import AttemptPaths
from timnet.queue.engines.engine import EngineAway, Phase, Status
from timnet.queue.engines.slurm import SlurmEngine
from timnet.queue.engines.slurm_check import check
from timnet.queue.engines.slurm_options import SlurmOptions
from timnet.remote.carrier import LEFT
from timnet.remote.spool import read_lines

pytestmark = pytest.mark.slurm


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs start where they are submitted, and these tests' training process is of this folder."""
    monkeypatch.chdir(REPOSITORY)


def engine_in(shared: Path, **options: object) -> SlurmEngine:
    return SlurmEngine(shared, SlurmOptions.checked(**options), Pretended)


def epochs_of(folder: AttemptPaths) -> list[int]:
    """What all starts together have finished, in order."""
    lines = [line for spool in folder.spools() for line in read_lines(spool, 0)[0]]
    return [line.values["record"]["metrics"]["epoch"] for line in lines if line.do == "epoch"]


def all_are(engine: SlurmEngine, jobs: list[str], phase: Phase) -> Callable[[], bool]:
    return lambda: {status.phase for status in engine.poll(jobs).values()} == {phase}


def one(engine: SlurmEngine, job: str) -> Status:
    return engine.poll([job])[job]


def test_an_array_runs_as_many_at_once_as_asked_and_ends(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared, array_parallelism=1)
    folders = [prepare(shared / f"run{number}-a1", 3, 0.1) for number in range(4)]
    jobs = engine.submit(folders)
    assert jobs == [f"{jobs[0].partition('_')[0]}_{task}" for task in range(4)]
    seen = []

    def over() -> bool:
        seen.append(engine.poll(jobs))
        return all(status.phase is Phase.GONE for status in seen[-1].values())

    cluster.wait(over, "end of the array")
    assert max(sum(status.phase is Phase.RUNNING for status in look.values()) for look in seen) == 1
    reasons = {status.reason for look in seen for status in look.values() if status.phase is Phase.PENDING}
    assert "JobArrayTaskLimit (as many run as --array-parallelism allows)" in reasons
    assert {(status.exit_status, status.reason) for status in seen[-1].values()} == {(0, "COMPLETED")}
    assert {status.node for status in seen[-1].values()} <= set(NODES)
    assert [epochs_of(folder) for folder in folders] == [[1, 2, 3]] * 4
    for folder, job in zip(folders, jobs, strict=True):
        assert engine.find(folder) == job
        engine.forget(job, folder)
    assert list((shared / "slurm").iterdir()) == []


def test_running_and_waiting_jobs_are_cancelled_in_one_call(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared)
    folders = [prepare(shared / f"run{number}-a1", 1000, 0.1) for number in range(4)]
    jobs = engine.submit(folders)
    cluster.wait(lambda: all(epochs_of(folder) for folder in folders[:2]), "two that train")
    assert one(engine, jobs[2]) == Status(Phase.PENDING, "Resources (all slots that fit are taken)")
    engine.cancel([*jobs, "999999"])
    cluster.wait(all_are(engine, jobs, Phase.GONE), "end of the jobs")
    statuses = engine.poll(jobs).values()
    assert {status.reason for status in statuses} <= {"CANCELLED", "CANCELLED before it began"}
    assert all(status.blameless for status in statuses)
    assert [len(folder.spools()) for folder in folders] == [1, 1, 0, 0]


@pytest.mark.parametrize("whose", ["training", "wrapper"])
def test_a_killed_process_is_told_from_one_that_ended(cluster: Cluster, shared: Path, whose: str) -> None:
    engine = engine_in(shared)
    folder = prepare(shared / "run-a1", 1000, 0.1)
    (job,) = engine.submit([folder])
    cluster.wait(lambda: epochs_of(folder), "epoch")
    training = psutil.Process(read_lines(folder.spool(1), 0)[0][0].values["pid"])
    (training if whose == "training" else training.parent()).kill()
    cluster.wait(all_are(engine, [job], Phase.GONE), "end of the job")
    status = one(engine, job)
    assert (status.reason, status.exit_status) == ("FAILED, killed by SIGKILL", -signal.SIGKILL)
    assert not status.blameless
    cluster.wait(lambda: not lives(training), "end of the training process, which ends in its own time")


def test_the_controller_is_restarted(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared)
    folders = [prepare(shared / f"run{number}-a1", 200, 0.1) for number in range(3)]
    jobs = engine.submit(folders)
    cluster.wait(lambda: all(epochs_of(folder) for folder in folders[:2]), "two that train")
    cluster.stop_controller()
    try:
        with pytest.raises(EngineAway, match=r"Slurm does not answer \(Unable to contact slurm controller"):
            engine.poll(jobs)
        done = len(epochs_of(folders[0]))
        cluster.wait(lambda: len(epochs_of(folders[0])) > done, "epoch, with nobody to tell")
    finally:
        cluster.start_controller()
    statuses = engine.poll(jobs)
    assert [statuses[job].phase for job in jobs] == [Phase.RUNNING, Phase.RUNNING, Phase.PENDING]
    engine.cancel(jobs[2:])
    cluster.wait(all_are(engine, jobs, Phase.GONE), "end of all")
    assert [one.reason for one in engine.poll(jobs).values()] == ["COMPLETED", "COMPLETED", "CANCELLED"]
    assert [epochs_of(folder) for folder in folders[:2]] == [list(range(1, 201))] * 2


def test_a_preempted_job_goes_on_where_it_was(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared)
    folders = [prepare(shared / f"run{number}-a1", 60, 0.1) for number in range(2)]
    jobs = engine.submit(folders)
    cluster.wait(lambda: all(len(epochs_of(folder)) > 2 for folder in folders), "two that train")
    cluster.submit("sleep 3", "--partition=urgent")
    cluster.wait(lambda: Phase.PENDING in {status.phase for status in engine.poll(jobs).values()}, "preempted job")
    statuses = engine.poll(jobs)
    (back,) = [job for job in jobs if statuses[job].phase is Phase.PENDING]
    cluster.wait(lambda: one(engine, back).reason.startswith("BeginTime ("), "reason")
    cluster.start_now(back)
    cluster.wait(all_are(engine, jobs, Phase.GONE), "end of both")
    assert [epochs_of(folder) for folder in folders] == [list(range(1, 61))] * 2
    assert sorted(len(folder.spools()) for folder in folders) == [1, 2]


def test_before_the_time_limit_a_job_leaves_and_is_given_back_unless_not_one_epoch_fits(
    cluster: Cluster, shared: Path
) -> None:
    engine = engine_in(shared, partition="short")
    folders = [prepare(shared / "quick-a1", 1000, 0.2), prepare(shared / "slow-a1", 3, 1000.0)]
    quick, slow = jobs = engine.submit(folders)
    cluster.wait(lambda: all(folder.spools() for folder in folders), "two that train")
    cluster.wait(lambda: Phase.RUNNING not in {status.phase for status in engine.poll(jobs).values()}, "limit", 90)
    status = one(engine, slow)
    said = "not one epoch fits into the time limit of 0:01:00; ask for more with --time, then retry the run"
    assert (status.phase, status.exit_status, status.blameless) == (Phase.GONE, 1, False)
    assert status.reason == f"FAILED, status 1: {said}"
    assert folders[1].log.read_text().rstrip().endswith(said)
    cluster.wait(lambda: one(engine, quick).phase is Phase.PENDING, "job that was given back")
    before = epochs_of(folders[0])
    cluster.start_now(quick)
    cluster.wait(lambda: len(folders[0].spools()) == 2 and len(epochs_of(folders[0])) > len(before), "second start")
    assert epochs_of(folders[0]) == list(range(1, len(epochs_of(folders[0])) + 1))


def test_a_job_that_is_told_to_leave_says_so_by_its_status(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared)
    folder = prepare(shared / "run-a1", 1000, 0.1)
    (job,) = engine.submit([folder])
    cluster.wait(lambda: epochs_of(folder), "epoch")
    cluster.told("scancel", "--signal=TERM", job)
    cluster.wait(all_are(engine, [job], Phase.GONE), "end of the job")
    assert one(engine, job).exit_status == LEFT


def test_a_head_that_dies_while_submitting_leaves_no_job_behind(cluster: Cluster, shared: Path) -> None:
    from submitit.core.utils import JobPaths

    engine = engine_in(shared)
    folders = [prepare(shared / f"run{number}-a1", 3, 0.1) for number in range(3)]
    ours = os.getpid()
    head = os.fork()
    if not head:  # dies after sbatch, before a single file is in its place
        JobPaths.move_temporary_file = lambda *_, **__: os._exit(3)
        try:
            engine.submit(folders)
        finally:
            os._exit(4)
    assert os.getpid() == ours
    assert os.waitstatus_to_exitcode(os.waitpid(head, 0)[1]) == 3
    assert len(cluster.told("squeue", "-h", "-r").splitlines()) == 3
    assert [engine.find(folder) for folder in folders] == [None] * 3
    cluster.wait(lambda: not cluster.told("squeue", "-h"), "empty queue")
    jobs = engine.submit(folders)
    cluster.wait(all_are(engine, jobs, Phase.GONE), "end of the array")
    assert [epochs_of(folder) for folder in folders] == [[1, 2, 3]] * 3


def test_what_has_a_job_is_not_submitted_again(cluster: Cluster, shared: Path) -> None:
    engine = engine_in(shared)
    first, second = (prepare(shared / f"run{number}-a1", 3, 0.1) for number in range(2))
    (job,) = engine.submit([first])
    again = engine_in(shared).submit([second, first])
    assert again[1] == job
    assert again[0] != job
    assert len(cluster.told("squeue", "-h", "-r").splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"partition": "gpu"}, r"Slurm has no partition 'gpu'; there are: debug \(default\), short, urgent"),
        ({"partition": "short", "time": "2:00:00"}, "the partition short allows at most --time 0:01:00"),
        ({"gres": "gpu:1"}, r"Slurm refuses the job: Invalid generic resource \(gres\) specification"),
        ({"mem": "900G"}, "Slurm refuses the job: Memory specification can not be satisfied"),
        ({"constraint": "a100"}, "Slurm refuses the job: .*Invalid feature specification"),
        ({"extra": ["blublu=3"]}, "Slurm refuses the job: unrecognized option '--blublu=3'"),
    ],
)
def test_slurms_refusals_are_one_clear_line(
    cluster: Cluster, shared: Path, options: dict[str, object], complaint: str
) -> None:
    folder = prepare(shared / "run-a1", 3, 0.1)
    with pytest.raises(BadInput, match=complaint) as caught:
        engine_in(shared, **options).submit([folder])
    assert "\n" not in str(caught.value)
    assert list((shared / "slurm").iterdir()) == []
    assert not cluster.told("squeue", "-h")


def test_the_check_tries_a_tiny_job_and_says_what_it_found(cluster: Cluster, shared: Path) -> None:
    said: list[str] = []
    assert check(shared, SlurmOptions(partition="debug", time="5"), said.append) == []
    assert "partition debug (default): up, nodes: 2, at most 1:00:00" in said
    assert "both sides see what the other one writes in the shared folder" in said
    cluster.wait(lambda: not cluster.told("squeue", "-h"), "empty queue")
    cluster.told("scontrol", "update", "partitionname=short", "state=down")
    try:
        (problem,) = check(shared, SlurmOptions(partition="short"), said.append, patience=4.0)
    finally:
        cluster.told("scontrol", "update", "partitionname=short", "state=up")
    assert problem.startswith("the tiny job did not start in time: Slurm says PartitionDown (the partition is down)")
    assert not cluster.told("squeue", "-h")
    assert list((shared / "slurm").iterdir()) == []
